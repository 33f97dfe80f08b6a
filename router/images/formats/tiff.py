"""TIFF 6.0 and BigTIFF: one page, 8 bits (and less), or 16-bit gray."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from router.errors import InputError
from router.images.formats.header import Header, Plan, damaged, depth_refused, format_refused, mode_refused, take
from router.images.formats.pillow import StrictFile, decoding, expect, info_bytes, layout, load_strictly, to_array
from router.images.orientation import tiff_block
from router.images.sample import Metadata, Pixels
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image
    from PIL.TiffImagePlugin import TiffImageFile

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _COLOUR_MAP, _EXTRA, _FORMAT, _DNG_VERSION = 274, 277, 320, 338, 339, 50706
_LISTS = (_BITS, _FORMAT, _EXTRA, _COLOUR_MAP)
_VALUE_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}
_LOSSY = {6, 7, 34892, 50001}
_MODES = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "RGB", 8: "LAB"}
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_DESCRIPTIVE = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)
"""Tags of IFD 0 that describe the picture and not its storage: description, make, model, resolution, software, time ..."""
_MAX_PAGES = 1000
_MAX_ENTRIES = 100_000
"""Directory entries looked at to count pages: directories may overlap, so that their number is no measure of the file."""


@dataclass(frozen=True)
class _Page:
    values: dict[int, tuple[int, ...]]
    places: dict[int, tuple[int, int]]
    """Position and size of the values that lie in the directory itself."""
    next: int
    entries: int

    def one(self, tag: int, default: int) -> int:
        return self.values.get(tag, (default,))[0]


def probe(data: bytes) -> Header:
    """Header of a TIFF. Raises InputError (FORMAT_NOT_SUPPORTED for camera raw files)."""
    page = _first_page(data)
    if data[8:10] == b"CR" or _DNG_VERSION in page.values or page.one(_SUBFILE, 0) & 1:
        raise format_refused("camera raw (a TIFF whose first picture is a preview)")
    width, height = page.one(_WIDTH, 0), page.one(_HEIGHT, 0)
    if not width or not height:
        raise damaged("TIFF without a size")
    samples = page.one(_SAMPLES, 1)
    mode = _MODES.get(page.one(_PHOTOMETRIC, 0), "")
    if mode in ("L", "RGB") and samples == len(mode) + 1:
        mode += "A"
    if 3 in page.values.get(_FORMAT, ()):
        mode = "F"
    orientation = page.one(_ORIENTATION, 1)
    pages = _count_pages(data, page)
    return Header(
        "tiff",
        width,
        height,
        max(page.values.get(_BITS, (1,))),
        mode,
        lossy=page.one(_COMPRESSION, 1) in _LOSSY,
        animated=pages > 1,
        frames=pages,
        orientation=orientation if 1 <= orientation <= 8 else 1,
    )


def plan(data: bytes, header: Header) -> Plan:
    """How to read its first page. Raises InputError (DEPTH_NOT_SUPPORTED, MODE_NOT_SUPPORTED)."""
    page = _first_page(data)
    _refuse_unreadable(page, header)
    if header.orientation != 1 and _ORIENTATION in page.places:
        # Pillow swaps the sides of such TIFFs; with the tag at 1 it leaves that to us, as for every other format.
        position, size = page.places[_ORIENTATION]
        data = data[:position] + (1).to_bytes(size, _order(data)) + data[position + size :]
    with decoding("TIFF"):
        image, _ = _open(data)
        if image.size != (header.width, header.height):
            raise damaged(f"TIFF header says {header.width}x{header.height}, its decoder {image.width}x{image.height}")
        channels, bits = layout(image)
        found = Metadata(info_bytes(image, "icc_profile"), _descriptive_exif(image), info_bytes(image, "xmp"))
    # Pillow inverts white-is-zero images of up to 8 bits, not deeper ones.
    inverted = bits == 16 and page.one(_PHOTOMETRIC, 0) == 0

    def load() -> Pixels:
        with decoding("TIFF"):
            image, file = _open(data)
            # Memory taken here keeps Pillow from checking its own pixel limit after ours.
            from PIL import Image

            image.im = Image.new(image.mode, image.size).im
            load_strictly(image, file)
            pixels = expect(to_array(image), header.height, header.width, channels)
            return np.bitwise_not(pixels) if inverted else pixels

    return Plan(header.width, header.height, channels, bits, load, found, header.orientation)


def _refuse_unreadable(page: _Page, header: Header) -> None:
    formats = set(page.values.get(_FORMAT, (1,)))
    depths = set(page.values.get(_BITS, (1,)))
    error: InputError | None = None
    if header.mode in ("CMYK", "LAB", "F", ""):
        error = mode_refused(f"TIFF with {header.mode or 'unusual'} samples")
    elif formats - {1} and (header.mode != "L" or header.bits < 16):
        error = depth_refused("TIFF with signed samples")
    elif len(depths) > 1 or header.bits not in (1, 2, 4, 8, 16, 32) or (header.bits > 8 and header.mode != "L"):
        error = depth_refused(
            f"TIFF with {header.bits} bits per sample and mode {header.mode}", "Write it as PNG: 16-bit RGB PNG is read exactly"
        )
    elif 0 in page.values.get(_EXTRA, ()) or len(page.values.get(_EXTRA, ())) > 1:
        error = mode_refused("TIFF with channels of unstated meaning", "Say what they are (ExtraSamples), or drop them")
    elif header.mode == "P" and not _map_fits_8_bits(page.values.get(_COLOUR_MAP, ())):
        error = depth_refused("TIFF with a 16-bit colour map")
    if error is not None:
        raise error


def _map_fits_8_bits(entries: tuple[int, ...]) -> bool:
    return all(v % 257 == 0 for v in entries) or all(v % 256 == 0 for v in entries)


def _order(data: bytes) -> Literal["little", "big"]:
    return "little" if data[:2] == b"II" else "big"


def _first_page(data: bytes) -> _Page:
    start, size = (8, 8) if _is_big(data) else (4, 4)
    return _read_page(data, int.from_bytes(take(data, start, size), _order(data)))


def _is_big(data: bytes) -> bool:
    return 43 in data[2:4]


def _count_pages(data: bytes, page: _Page) -> int:
    """Pages that are not reduced copies or masks."""
    count, seen, entries = 1, set[int](), 0
    while page.next and page.next not in seen and len(seen) < _MAX_PAGES and entries < _MAX_ENTRIES:
        seen.add(page.next)
        try:
            page = _read_page(data, page.next, lists=())
        except InputError as error:
            if error.code != ReasonCode.DAMAGED_IMAGE:
                raise
            break  # the first page can still be whole
        entries += page.entries
        count += not page.one(_SUBFILE, 0) & 0b101
    return count


def _read_page(data: bytes, start: int, lists: Collection[int] = _LISTS) -> _Page:
    """One directory; of values that are lists, those of the tags in `lists`. Of a tag that is there twice the first counts."""
    order, big = _order(data), _is_big(data)
    count_size, entry_size, offset_size = (8, 20, 8) if big else (2, 12, 4)
    count = int.from_bytes(take(data, start, count_size), order)
    first = start + count_size
    directory = take(data, first, count * entry_size + offset_size)
    values: dict[int, tuple[int, ...]] = {}
    places: dict[int, tuple[int, int]] = {}
    for i in range(count):
        entry = directory[i * entry_size : (i + 1) * entry_size]
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        number, size = int.from_bytes(entry[4 : 4 + offset_size], order), _VALUE_SIZES.get(kind, 0)
        if not size or not number or (number > 1 and tag not in lists) or number > 3 << 16 or tag in values:
            continue
        inline = number * size <= offset_size
        place = first + i * entry_size + 4 + offset_size
        at = place if inline else int.from_bytes(entry[4 + offset_size :], order)
        raw = take(data, at, number * size)
        values[tag] = tuple(int.from_bytes(raw[k * size : (k + 1) * size], order) for k in range(number))
        if inline:
            places[tag] = place, size
    return _Page(values, places, int.from_bytes(directory[-offset_size:], order), count)


def _open(data: bytes) -> tuple[Image.Image, StrictFile]:
    file = StrictFile(data)
    return _decoder()(file), file


@cache
def _decoder() -> type[TiffImageFile]:
    from PIL.TiffImagePlugin import TiffImageFile

    class Unturned(TiffImageFile):
        def load_end(self) -> None:
            """Nothing: Pillow would turn the image here, by the orientation in its XMP if there is no tag."""

    return Unturned


def _descriptive_exif(image: Image.Image) -> bytes | None:
    """A TIFF block of its own with the descriptive tags of IFD 0, the EXIF and the GPS directory; None if there are none."""
    from PIL import Image

    source, block = image.getexif(), Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in source:
            block[tag] = source[tag]
    for ifd in (_EXIF_IFD, _GPS_IFD):
        entries = source.get_ifd(ifd)
        if entries:
            block[ifd] = dict(entries)
    return tiff_block(block.tobytes()) if len(block) else None
