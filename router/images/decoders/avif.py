"""AVIF (AV1 Image File Format 1.1 on ISO/IEC 23008-12): 8 bits per sample, and 10 or 12 as 16."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from router.containers.avif import Items, MetadataItem, brands, content, items
from router.containers.metadata import Metadata
from router.images.cicp import icc_profile
from router.images.decoders.deep import have_imagecodecs, missing_depth, widened
from router.images.decoders.header import ImageHeader, ReadPlan, damage_of, damaged, format_refused, refuse_filled_up, take
from router.images.decoders.pillow import StrictFile, decoding, expect, info_bytes, layout, load_strictly, to_array
from router.images.orientation import tiff_block
from router.images.profile import usable
from router.images.sample import Pixels

if TYPE_CHECKING:
    from PIL import Image

_BRANDS = {b"avif", b"avis"}
_VIDEO = {b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"dash"}
# EXIF code from (transposed, rows mirrored, columns mirrored), see orientation.apply_orientation.
_CODES = {
    (False, False, False): 1,
    (False, False, True): 2,
    (False, True, True): 3,
    (False, True, False): 4,
    (True, False, False): 5,
    (True, False, True): 6,
    (True, True, True): 7,
    (True, True, False): 8,
}
_ROTATIONS = {0: (False, False, False), 1: (True, True, False), 2: (False, True, True), 3: (True, False, True)}


def probe(data: bytes) -> ImageHeader:
    """Header of an AVIF. Raises InputError (FORMAT_NOT_SUPPORTED for HEIC and video, DAMAGED_IMAGE)."""
    with damage_of("AVIF"):
        found = brands(data)
    if not found & _BRANDS:
        raise format_refused("video" if found & _VIDEO else "HEIC/HEIF")
    meta = _meta(data)
    sizes = [_size(p) for p in meta.of_primary(b"ispe") or meta.anywhere(b"ispe")]
    if not sizes:
        raise damaged("AVIF that does not state its size")
    width, height = max(sizes, key=lambda s: s[0] * s[1])
    if not width or not height:
        raise damaged("AVIF without an area")
    cicp = next((c for c in map(_nclx, meta.of_primary(b"colr")) if c is not None), None)
    animated = data[8:12] == b"avis"
    return ImageHeader(
        "avif",
        width,
        height,
        _bits(meta),
        "",
        lossy=True,  # lossless AV1 cannot be told from the container
        animated=animated,
        frames=None if animated else 1,
        orientation=_orientation(meta),
        cicp=cicp,
    )


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it; deeper samples fill 16 bits. Raises InputError (DEPTH_NOT_SUPPORTED, MODE_NOT_SUPPORTED)."""
    deep = header.bits > 8
    if deep and not have_imagecodecs():
        raise missing_depth(f"AVIF with {header.bits} bits per sample")
    with decoding("AVIF"):
        image, _ = _open(data)
        if image.size != (header.width, header.height):
            raise damaged(f"AVIF header says {header.width}x{header.height}, its decoder {image.width}x{image.height}")
        decoded, _ = layout(image)
        meta, found = _meta(data), _metadata(data, image)
    # Decoders give luma alone as three equal channels.
    gray = decoded > 2 and _is_monochrome(meta)
    channels = decoded - 2 if gray else decoded
    window = _clean_aperture(meta, header.width, header.height)
    icc, faults = usable(found.icc, channels)
    found = replace(found, icc=icc or icc_profile(header.cicp, gray=channels < 3))

    def load() -> Pixels:
        pixels = decode()
        rows, columns = window
        return pixels[rows, columns, ::3] if gray else pixels[rows, columns]

    def decode() -> Pixels:
        with decoding("AVIF"):
            _refuse_filled_up(data)
            if deep:
                return expect(_deep(data, header.bits), header.height, header.width, decoded)
            image, file = _open(data)
            load_strictly(image, file)
            return expect(to_array(image), header.height, header.width, decoded)

    rows, columns = window
    width, height = columns.stop - columns.start, rows.stop - rows.start
    return ReadPlan(width, height, channels, 16 if deep else 8, load, found, header.orientation, faults)


def _is_monochrome(meta: Items) -> bool:
    """Whether all that is coded has luma only (av1C: AV1 in ISOBMFF, 2.3.3). An alpha plane has, whatever the colours are."""
    configurations = meta.of_primary(b"av1C") or meta.anywhere(b"av1C")
    return bool(configurations) and all(len(c) > 2 and c[2] & 0x10 for c in configurations)


def _clean_aperture(meta: Items, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns that are shown (ISO/IEC 14496-12, 12.1.4): whole ones, and no more than are there.

    It comes before rotation and mirroring (MIAF, 7.3.6.7). Raises InputError (DAMAGED_IMAGE) where it leaves nothing or cannot be
    read: whoever set it wanted something hidden.
    """
    rows, columns = slice(0, height), slice(0, width)
    for aperture in meta.of_primary(b"clap"):
        numbers = [int.from_bytes(take(aperture, at, 4), "big", signed=at >= 16 and at % 8 == 0) for at in range(0, 32, 4)]
        if not all(numbers[1::2]):
            raise damaged("AVIF whose clean aperture cannot be read")
        wide, high, right, down = (Fraction(a, b) for a, b in zip(numbers[::2], numbers[1::2], strict=True))
        rows, columns = _middle(height, high, down), _middle(width, wide, right)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise damaged("AVIF whose clean aperture is empty")
    return rows, columns


def _middle(whole: int, part: Fraction, offset: Fraction) -> slice:
    start = offset + (whole - part) / 2
    return slice(max(0, ceil(start)), min(whole, floor(start + part)))


def _refuse_filled_up(data: bytes) -> None:
    meta = _meta(data)
    for item, kind in meta.kinds.items():
        extents = meta.extents.get(item)
        if kind == b"av01" and extents:
            last = extents[-1]
            stop = min(last.end, len(data)) if last.length else len(data)
            refuse_filled_up(data, last.start, stop, "AVIF")


def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of an AVIF's items; the orientation tag is left as it is. Raises InputError."""
    with decoding("AVIF"):
        return _metadata(data, _open(data)[0])


def _metadata(data: bytes, image: Image.Image) -> Metadata:
    # Pillow rewrites EXIF that disagrees with irot/imir; the item itself is kept instead.
    with damage_of("AVIF"):
        exif = content(data, items(data), MetadataItem.EXIF)
    return Metadata(info_bytes(image, "icc_profile"), tiff_block(exif), info_bytes(image, "xmp"))


def _deep(data: bytes, bits: int) -> Pixels:
    import imagecodecs

    return widened(np.array(imagecodecs.avif_decode(data), dtype=np.uint16), bits)


def _open(data: bytes) -> tuple[Image.Image, StrictFile]:
    from PIL.AvifImagePlugin import AvifImageFile

    file = StrictFile(data)
    return AvifImageFile(file), file


def _meta(data: bytes) -> Items:
    with damage_of("AVIF"):
        return items(data)


def _size(ispe: bytes) -> tuple[int, int]:
    fields = take(ispe, 0, 12)
    return int.from_bytes(fields[4:8], "big"), int.from_bytes(fields[8:12], "big")


def _bits(meta: Items) -> int:
    depths = [max(p[5 : 5 + p[4]], default=0) for p in meta.of_primary(b"pixi") if len(p) > 4]
    depths += [_configured_bits(p) for p in meta.of_primary(b"av1C") or meta.anywhere(b"av1C")]
    return max(depths, default=8)


def _configured_bits(av1c: bytes) -> int:
    flags = take(av1c, 0, 4)[2]
    return 12 if flags & 0x40 and flags & 0x20 else 10 if flags & 0x40 else 8


def _nclx(colr: bytes) -> tuple[int, int] | None:
    if colr[:4] != b"nclx" or len(colr) < 8:
        return None
    return int.from_bytes(colr[4:6], "big"), int.from_bytes(colr[6:8], "big")


def _orientation(meta: Items) -> int:
    """The orientation of an image as one EXIF code.

    It is that of irot (anticlockwise quarter turns), then imir (0: top and bottom exchanged, 1: left and right).
    """
    angle = next((p[0] & 3 for p in meta.of_primary(b"irot") if p), 0)
    transposed, rows, columns = _ROTATIONS[angle]
    for mirror in (p[0] & 1 for p in meta.of_primary(b"imir") if p):
        rows, columns = (rows, not columns) if mirror else (not rows, columns)
    return _CODES[transposed, rows, columns]
