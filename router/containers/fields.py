"""Integers and strings of a table, one after the other, without trusting that they are all there."""

from __future__ import annotations

from router.containers.parts import flood, most_parts
from router.errors import StreamError
from router.reasons import ReasonCode

_INTEGERS_EACH = 8
"""Integers that a table has for each of the parts that it may have."""


class Fields:
    """Big-endian fields of `data[position:end]`. Every reader raises StreamError (DAMAGED_STREAM) where they end too early."""

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data, self.position, self.end = data, position, len(data) if end is None else end
        self._size = max(0, self.end - position)
        self._left = _INTEGERS_EACH * most_parts(self._size)

    def uint(self, size: int) -> int:
        """An unsigned integer of `size` bytes; of none, 0. Raises TooManyPartsError for a flood of them."""
        self._left -= 1
        if self._left < 0:
            raise flood(self._size, "integers")
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, self.position = self.position, self.position + size
        if self.position > self.end:
            raise StreamError(f"a table is cut off at byte {self.end}", code=ReasonCode.DAMAGED_STREAM)
        return self.data[start : self.position]

    def string(self) -> bytes:
        """Bytes up to the next NUL, or to the end."""
        stop = self.data.find(b"\x00", self.position, self.end)
        stop = self.end if stop < 0 else stop
        text, self.position = self.data[self.position : stop], min(stop + 1, self.end)
        return text
