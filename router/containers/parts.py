"""Parts of a file, and how many it may have: a walker does the same work for an empty part as for a full one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from router.errors import StreamError
from router.reasons import ReasonCode

_FREE = 4096
_BYTES_EACH = 64
"""Beyond the first few thousand, parts have this many bytes each on the whole. Files that people make have 255 (GIF), several
thousand (PNG) or more."""

T = TypeVar("T")


@dataclass(frozen=True)
class Chunk:
    """One chunk: `data[start:end]` is all of it (RIFF: without padding), `data[payload:stop]` its content."""

    type: bytes
    start: int
    payload: int
    stop: int
    end: int


class TooManyPartsError(StreamError):
    """The file has more parts than are looked at."""


def most_parts(size: int) -> int:
    """Chunks, boxes, segments, sub-blocks or items that a walker gives for `size` bytes before it takes them for a flood."""
    return _FREE + size // _BYTES_EACH


def counted(walk: Iterator[T], size: int, name: str) -> Iterator[T]:
    """What `walk` gives. Raises TooManyPartsError (DAMAGED_STREAM) after `most_parts(size)` of them."""
    left = most_parts(size)
    for part in walk:
        if not left:
            raise flood(size, name)
        left -= 1
        yield part


def flood(size: int, name: str) -> TooManyPartsError:
    """More than `most_parts(size)` of something called `name`."""
    return TooManyPartsError(f"more than {most_parts(size)} {name} in {size} bytes", code=ReasonCode.DAMAGED_STREAM)
