"""Image file directories of TIFF 6.0 and BigTIFF: the tags of a page, with limits on what is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.errors import InputError
from router.images.formats.header import damaged, take
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

_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4, 16: 8, 18: 8}
_UNSIGNED = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_MAX_PAGES = 1000
_MAX_ENTRIES = 100_000
"""Directory entries looked at to count pages: directories may overlap, so that their number is no measure of the file."""


@dataclass(frozen=True)
class Entry:
    """A tag's value.

    Attributes:
        kind: field type as TIFF numbers them.
        number: how many values.
        place: byte position of the values.
        raw: the directory entry itself, 12 or 20 bytes.
        inline: the values lie in the entry.
    """

    kind: int
    number: int
    place: int
    raw: bytes
    inline: bool

    @property
    def bytes(self) -> int:
        """Length of all values."""
        return self.number * _VALUE_SIZES[self.kind]


@dataclass(frozen=True)
class Page:
    """One directory.

    Attributes:
        data: the file.
        entries: values by tag; of a tag that is there twice the first.
        next: where the next directory begins, 0 for the last.
        size: entries looked at.
    """

    data: bytes
    entries: dict[int, Entry]
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
        return tuple(np.frombuffer(self.data, dtype, entry.number, entry.place).tolist())

    def one(self, tag: int, default: int) -> int:
        """The first value of a tag, or `default`."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _UNSIGNED:
            return default
        size = _VALUE_SIZES[entry.kind]
        return int.from_bytes(self.data[entry.place : entry.place + size], self.order)

    def content(self, tag: int) -> bytes | None:
        """The bytes of a tag of bytes (BYTE, ASCII, SBYTE, UNDEFINED); None if it is not there, empty or of another type."""
        entry = self.entries.get(tag)
        if entry is None or _VALUE_SIZES[entry.kind] != 1:
            return None
        return self.data[entry.place : entry.place + entry.number] or None


def byte_order(data: bytes) -> Literal["little", "big"]:
    """Byte order that the file's first two bytes state."""
    return "little" if data[:2] == b"II" else "big"


def is_big(data: bytes) -> bool:
    """Whether it is a BigTIFF."""
    return 43 in data[2:4]


def first_page(data: bytes) -> Page:
    """The first directory. Raises InputError (DAMAGED_IMAGE)."""
    return _read_page(data, first_offset(data))


def first_offset(data: bytes) -> int:
    """Where the first directory begins. Raises InputError (DAMAGED_IMAGE)."""
    start, size = (8, 8) if is_big(data) else (4, 4)
    return int.from_bytes(take(data, start, size), byte_order(data))


def count_pages(data: bytes, page: Page) -> int:
    """Pages that are not reduced copies or masks; `page` is the first.

    One that lies behind the end of a file that was cut off counts too, so that it is not lost without a word.
    """
    count, last = 1, page
    for later in _later_pages(data, page):
        count, last = count + (not later.one(SUBFILE, 0) & 0b101), later
    return count + (last.next >= len(data))


def _later_pages(data: bytes, page: Page) -> Iterator[Page]:
    seen, entries = set[int](), 0
    while page.next and page.next not in seen and len(seen) < _MAX_PAGES and entries < _MAX_ENTRIES:
        seen.add(page.next)
        try:
            page = _read_page(data, page.next)
        except InputError as error:
            if error.code != ReasonCode.DAMAGED_IMAGE:
                raise
            return  # the first page can still be whole
        entries += page.size
        yield page


def _read_page(data: bytes, start: int) -> Page:
    order, big = byte_order(data), is_big(data)
    count_size, entry_size, offset_size = (8, 20, 8) if big else (2, 12, 4)
    count = int.from_bytes(take(data, start, count_size), order)
    if count > _MAX_ENTRIES:
        raise damaged(f"TIFF directory of {count} entries")
    first = start + count_size
    directory = take(data, first, count * entry_size + offset_size)
    entries: dict[int, Entry] = {}
    for i in range(count):
        raw = directory[i * entry_size : (i + 1) * entry_size]
        tag, kind = int.from_bytes(raw[:2], order), int.from_bytes(raw[2:4], order)
        number, size = int.from_bytes(raw[4 : 4 + offset_size], order), _VALUE_SIZES.get(kind, 0)
        if not size or not number or tag in entries:
            continue
        inline = number * size <= offset_size
        place = first + i * entry_size + 4 + offset_size if inline else int.from_bytes(raw[4 + offset_size :], order)
        if place + number * size > len(data):
            if tag in _NEEDED:
                raise damaged(f"TIFF whose tag {tag} lies beyond its end")
            continue
        entries[tag] = Entry(kind, number, place, raw, inline)
    return Page(data, entries, int.from_bytes(directory[-offset_size:], order), count)


_NEEDED = frozenset((BITS, STRIPS, STRIP_SIZES, COLOUR_MAP, TILES, TILE_SIZES, EXTRA, SAMPLE_FORMAT, JPEG_TABLES))
