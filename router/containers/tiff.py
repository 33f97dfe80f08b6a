"""TIFF 6.0 and BigTIFF, in files and in EXIF blocks: directories, where each value lies, and pages with their tags.

No offset in a file is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.errors import StreamError
from router.reasons import ReasonCode

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_SIZES, PLANAR = 273, 274, 277, 278, 279, 284
FAX3_OPTIONS, FAX4_OPTIONS, PREDICTOR, COLOUR_MAP = 292, 293, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES, EXTRA, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
JPEG_PLACE, JPEG_SIZE, JPEG_TABLES, SUBSAMPLING, XMP, ICC, DNG_VERSION, DEPTH, TILE_DEPTH = (
    513,
    514,
    347,
    530,
    700,
    34675,
    50706,
    32997,
    32998,
)

_UNSIGNED = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_BYTES = (1, 2, 6, 7)
_NEEDED = frozenset((BITS, STRIPS, STRIP_SIZES, COLOUR_MAP, TILES, TILE_SIZES, EXTRA, SAMPLE_FORMAT, JPEG_TABLES))
_MAX_PAGES = 1000
_MAX_ENTRIES = 100_000
"""Directory entries looked at to count pages: directories may overlap, so that their number is no measure of the file."""


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MARKS: dict[bytes, tuple[Literal["little", "big"], bool]] = {
    b"II*\x00": ("little", False),
    b"MM\x00*": ("big", False),
    b"II+\x00": ("little", True),
    b"MM\x00+": ("big", True),
}


@dataclass(frozen=True)
class IfdEntry:
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

    entries: dict[int, IfdEntry]
    next: int
    next_at: int
    outside: frozenset[int] = frozenset()


@dataclass(frozen=True)
class TiffBlock:
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
        entries: dict[int, IfdEntry] = {}
        outside = set[int]()
        for place in range(at, end, entry_size):
            tag, kind, number = self.number(place, 2), self.number(place + 2, 2), self.number(place + 4, offset_size)
            size = _SIZES.get(kind, 0) * number
            slot = place + 4 + offset_size
            value = slot if size <= offset_size else self.number(slot, offset_size)
            if size and value + size > len(self.data):
                outside.add(tag)
            elif size and tag not in entries:
                entries[tag] = IfdEntry(tag, kind, number, value, size, place)
        return Directory(entries, self.number(end, offset_size), end, frozenset(outside - entries.keys()))

    def number(self, at: int, size: int) -> int:
        """An unsigned integer."""
        return int.from_bytes(self.data[at : at + size], self.order)

    def numbers(self, entry: IfdEntry) -> list[int]:
        """The unsigned integers of an entry of type BYTE, SHORT, LONG, IFD or LONG8; at most 1000; nothing for other types."""
        width = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}.get(entry.kind)
        if width is None:
            return []
        return [self.number(entry.value + i * width, width) for i in range(min(entry.count, 1000))]


def block(data: bytes) -> TiffBlock | None:
    """The block, None if it does not begin as TIFF does."""
    mark = _MARKS.get(data[:4])
    if mark is None or len(data) < 8:
        return None
    order, big = mark
    first = int.from_bytes(data[8:16] if big else data[4:8], order)
    return TiffBlock(data, order, big, first)


@dataclass(frozen=True)
class ImageDirectory:
    """One directory.

    Attributes:
        data: the file.
        entries: values by tag; of a tag that is there twice the first.
        next: where the next directory begins, 0 for the last.
        size: entries looked at.
    """

    data: bytes
    entries: dict[int, IfdEntry]
    next: int
    size: int

    @property
    def order(self) -> Literal["little", "big"]:
        """Byte order of the file."""
        return byte_order(self.data)

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The values of a tag of unsigned integers; () if it is not there or of another type."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _UNSIGNED:
            return ()
        dtype = np.dtype(_UNSIGNED[entry.kind]).newbyteorder("<" if self.order == "little" else ">")
        return tuple(np.frombuffer(self.data, dtype, entry.count, entry.value).tolist())

    def one(self, tag: int, default: int) -> int:
        """The first value of a tag, or `default`."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _UNSIGNED:
            return default
        return int.from_bytes(self.data[entry.value : entry.value + entry.size // entry.count], self.order)

    def content(self, tag: int) -> bytes | None:
        """The bytes of a tag of bytes (BYTE, ASCII, SBYTE, UNDEFINED); None if it is not there, empty or of another type."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _BYTES:
            return None
        return self.data[entry.value : entry.value + entry.size] or None


def byte_order(data: bytes) -> Literal["little", "big"]:
    """Byte order that the file's first two bytes state."""
    return "little" if data[:2] == b"II" else "big"


def is_big(data: bytes) -> bool:
    """Whether it is a BigTIFF."""
    return 43 in data[2:4]


def first_page(data: bytes) -> ImageDirectory:
    """The first directory. Raises StreamError."""
    return _read_page(data, first_offset(data))


def first_offset(data: bytes) -> int:
    """Where the first directory begins. Raises StreamError."""
    start, size = (8, 8) if is_big(data) else (4, 4)
    if start + size > len(data):
        raise StreamError("it ends inside its header", code=ReasonCode.TRUNCATED)
    return int.from_bytes(data[start : start + size], byte_order(data))


def count_pages(data: bytes, page: ImageDirectory) -> int:
    """Pages that are not reduced copies or masks; `page` is the first.

    One that lies behind the end of a file that was cut off counts too, so that it is not lost without a word.
    """
    count, last = 1, page
    for later in later_pages(data, page):
        count, last = count + (not later.one(SUBFILE, 0) & 0b101), later
    return count + (last.next >= len(data))


def later_pages(data: bytes, page: ImageDirectory) -> Iterator[ImageDirectory]:
    """The directories behind `page`, up to one that is damaged: the first page can still be whole."""
    seen, entries = set[int](), 0
    while page.next and page.next not in seen and len(seen) < _MAX_PAGES and entries < _MAX_ENTRIES:
        seen.add(page.next)
        try:
            page = _read_page(data, page.next)
        except StreamError:
            return
        entries += page.size
        yield page


def _read_page(data: bytes, start: int) -> ImageDirectory:
    found = block(data)
    if found is None:
        raise StreamError("it ends inside its header", code=ReasonCode.TRUNCATED)
    if found.number(start, 8 if found.big else 2) > _MAX_ENTRIES:
        raise StreamError(f"a directory of more than {_MAX_ENTRIES} entries", code=ReasonCode.DAMAGED_STREAM)
    directory = found.directory(start)
    if directory is None:
        raise StreamError(f"its directory at byte {start} lies beyond its end", code=ReasonCode.TRUNCATED)
    lost = directory.outside & _NEEDED
    if lost:
        raise StreamError(f"its tag {min(lost)} lies beyond its end", code=ReasonCode.TRUNCATED)
    return ImageDirectory(data, directory.entries, directory.next, (directory.next_at - start) // (20 if found.big else 12))
