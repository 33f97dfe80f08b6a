"""A bound on how many parts of a file are looked at: tiny ones would cost far more time than their bytes are worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from router.errors import StreamError
from router.reasons import ReasonCode

_T = TypeVar("_T")
_FREE, _BYTES_EACH = 20_000, 512


class TooManyPartsError(StreamError):
    """The file has more parts than are looked at."""


def bounded(parts: Iterable[_T], size: int) -> Iterator[_T]:
    """The parts of a file of `size` bytes, one by one: 20,000, and one more for every 512 bytes. Raises TooManyPartsError."""
    left = _FREE + size // _BYTES_EACH
    for part in parts:
        left -= 1
        if left < 0:
            raise TooManyPartsError("more parts than are looked at", code=ReasonCode.DAMAGED_STREAM)
        yield part
