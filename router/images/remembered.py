"""What was found out about some bytes, kept under their hash: the bytes themselves, which may be many, are not kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST = 1024
LARGEST = 1 << 15
"""Bytes of a result that is kept, where it is bytes itself; with `MOST`, 32 MiB in all."""


class Remembered(Generic[Key, Value]):
    """A function of bytes and of something else, whose small results are kept. May be shared between threads, and forked.

    At most `MOST` results are kept; then all are forgotten. Bytes longer than `LARGEST` are found out anew each time.
    """

    def __init__(self, compute: Callable[[bytes, Key], Value]) -> None:
        self._compute = compute
        self._known: dict[tuple[bytes, Key], Value] = {}

    def get(self, data: bytes, key: Key) -> Value:
        """`compute(data, key)`, whose exceptions are let through and not kept."""
        place = hashlib.sha256(data).digest(), key
        # No lock: single dictionary operations are atomic, and computing something twice does no harm.
        try:
            return self._known[place]
        except KeyError:
            value = self._compute(data, key)
        if isinstance(value, bytes) and len(value) > LARGEST:
            return value
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[place] = value
        return value

    def __len__(self) -> int:
        return len(self._known)
