"""Pages of a TIFF: the tags that say how they are stored, and how many pages there are, with limits on what is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.containers import tiff_tags as ifd
from router.errors import InputError
from router.images.decoders.header import damaged, take

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
    entries: dict[int, ifd.Entry]
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
    for later in later_pages(data, page):
        count, last = count + (not later.one(SUBFILE, 0) & 0b101), later
    return count + (last.next >= len(data))


def later_pages(data: bytes, page: Page) -> Iterator[Page]:
    """The directories behind `page`, up to one that is damaged: the first page can still be whole."""
    seen, entries = set[int](), 0
    while page.next and page.next not in seen and len(seen) < _MAX_PAGES and entries < _MAX_ENTRIES:
        seen.add(page.next)
        try:
            page = _read_page(data, page.next)
        except InputError:
            return
        entries += page.size
        yield page


def _read_page(data: bytes, start: int) -> Page:
    block = ifd.block(data)
    if block is None:
        raise damaged("TIFF that ends inside its header")
    if block.number(start, 8 if block.big else 2) > _MAX_ENTRIES:
        raise damaged(f"TIFF directory of more than {_MAX_ENTRIES} entries")
    directory = block.directory(start)
    if directory is None:
        raise damaged(f"TIFF whose directory at byte {start} lies beyond its end")
    lost = directory.outside & _NEEDED
    if lost:
        raise damaged(f"TIFF whose tag {min(lost)} lies beyond its end")
    return Page(data, directory.entries, directory.next, (directory.next_at - start) // (20 if block.big else 12))
