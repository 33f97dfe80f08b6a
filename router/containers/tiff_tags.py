"""Directories of TIFF 6.0 and BigTIFF, in files and in EXIF blocks, without trusting their offsets: where each value lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MARKS: dict[bytes, tuple[Literal["little", "big"], bool]] = {
    b"II*\x00": ("little", False),
    b"MM\x00*": ("big", False),
    b"II+\x00": ("little", True),
    b"MM\x00+": ("big", True),
}


@dataclass(frozen=True)
class Entry:
    """One entry: `data[value:value + size]` is its value, of `count` items of type `kind`; `place` is where the entry lies."""

    tag: int
    kind: int
    count: int
    value: int
    size: int
    place: int


@dataclass(frozen=True)
class Directory:
    """Entries by tag (of a tag that is there twice, the first), where the next directory lies (0: none) and that is written.

    `outside`: tags whose value does not fit into the block; they are no entries.
    """

    entries: dict[int, Entry]
    next: int
    next_at: int
    outside: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Block:
    """A whole TIFF block."""

    data: bytes
    order: Literal["little", "big"]
    big: bool
    first: int

    def directory(self, start: int) -> Directory | None:
        """The directory at this offset; None where none fits into the block. Entries whose value does not fit are left out."""
        count_size, entry_size, offset_size = (8, 20, 8) if self.big else (2, 12, 4)
        if not 0 < start <= len(self.data) - count_size:
            return None
        count, at = self.number(start, count_size), start + count_size
        end = at + count * entry_size
        if end + offset_size > len(self.data):
            return None
        entries: dict[int, Entry] = {}
        outside = set[int]()
        for place in range(at, end, entry_size):
            tag, kind, number = self.number(place, 2), self.number(place + 2, 2), self.number(place + 4, offset_size)
            size = _SIZES.get(kind, 0) * number
            slot = place + 4 + offset_size
            value = slot if size <= offset_size else self.number(slot, offset_size)
            if size and value + size > len(self.data):
                outside.add(tag)
            elif size and tag not in entries:
                entries[tag] = Entry(tag, kind, number, value, size, place)
        return Directory(entries, self.number(end, offset_size), end, frozenset(outside - entries.keys()))

    def number(self, at: int, size: int) -> int:
        """An unsigned integer."""
        return int.from_bytes(self.data[at : at + size], self.order)

    def numbers(self, entry: Entry) -> list[int]:
        """The unsigned integers of an entry of type BYTE, SHORT, LONG, IFD or LONG8; at most 1000; nothing for other types."""
        width = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}.get(entry.kind)
        if width is None:
            return []
        return [self.number(entry.value + i * width, width) for i in range(min(entry.count, 1000))]


def block(data: bytes) -> Block | None:
    """The block, None if it does not begin as TIFF does."""
    mark = _MARKS.get(data[:4])
    if mark is None or len(data) < 8:
        return None
    order, big = mark
    first = int.from_bytes(data[8:16] if big else data[4:8], order)
    return Block(data, order, big, first)
