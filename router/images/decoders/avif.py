"""AVIF (AV1 Image File Format 1.1 on ISO/IEC 23008-12): 8 bits per sample, and 10 or 12 as 16."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from router.containers.counting import most_parts
from router.containers.isobmff import Box, walk
from router.images.cicp import icc_profile
from router.images.decoders.deep import have_imagecodecs, missing_depth, widened
from router.images.decoders.header import Header, Plan, damaged, format_refused, parts, refuse_filled_up, take
from router.images.decoders.pillow import StrictFile, decoding, expect, info_bytes, layout, load_strictly, to_array
from router.images.orientation import tiff_block
from router.images.profile import usable
from router.images.sample import Metadata, Pixels

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
_INTEGERS_EACH = 8
"""Integers that a table has for each of the parts that it may have."""
_ROTATIONS = {0: (False, False, False), 1: (True, True, False), 2: (False, True, True), 3: (True, False, True)}


@dataclass
class Items:
    """The items of a file and what belongs to them.

    Attributes:
        primary: id of the image that the file is for.
        kinds: types of items by id, such as av01, Exif and mime.
        content_types: of the items of type mime.
        properties: type and content, in the order in which `associations` count them, from 1.
        extents: offset and length of the pieces of an item.
        references: type, from, to.
    """

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    content_types: dict[int, bytes] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    references: list[tuple[bytes, int, int]] = field(default_factory=list)

    def of_primary(self, kind: bytes) -> list[bytes]:
        """Contents of the primary image's properties of this type."""
        return self.of(self.primary, kind)

    def of(self, item: int, kind: bytes) -> list[bytes]:
        """Contents of an item's properties of this type."""
        indices = [i for i in self.associations.get(item, []) if 0 < i <= len(self.properties)]
        return [payload for name, payload in (self.properties[i - 1] for i in indices) if name == kind]

    def auxiliary_type(self, item: int) -> bytes:
        """The URN that says what an auxiliary image is; empty for other items."""
        return next((p[4:].split(b"\x00", 1)[0] for p in self.of(item, b"auxC")), b"")

    def links(self, kind: bytes) -> list[tuple[int, int]]:
        """(from, to) of the references of this type."""
        return [(source, target) for name, source, target in self.references if name == kind]

    def with_parts(self, items: Collection[int]) -> set[int]:
        """The items, and all that they are derived from (grids, overlays, tone maps)."""
        inputs: dict[int, list[int]] = {}
        for source, target in self.links(b"dimg"):
            inputs.setdefault(source, []).append(target)
        found, waiting = set(items), list(items)
        while waiting:
            new = set(inputs.get(waiting.pop(), ())) - found
            found |= new
            waiting += new
        return found

    def anywhere(self, kind: bytes) -> list[bytes]:
        """Contents of all properties of this type, whoever has them."""
        return [payload for name, payload in self.properties if name == kind]


class _Cursor:
    """Big-endian integers one after the other; InputError (DAMAGED_IMAGE) at the end, or if there are too many."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0
        self.left = _INTEGERS_EACH * most_parts(len(data))

    def uint(self, size: int) -> int:
        self.left -= 1
        if self.left < 0:
            raise damaged("AVIF with a flood of items")
        value = int.from_bytes(take(self.data, self.position, size), "big")
        self.position += size
        return value


def probe(data: bytes) -> Header:
    """Header of an AVIF. Raises InputError (FORMAT_NOT_SUPPORTED for HEIC and video, DAMAGED_IMAGE)."""
    brands = _brands(data)
    if not brands & _BRANDS:
        raise format_refused("video" if brands & _VIDEO else "HEIC/HEIF")
    meta = _meta(data)
    sizes = [_size(p) for p in meta.of_primary(b"ispe") or meta.anywhere(b"ispe")]
    if not sizes:
        raise damaged("AVIF that does not state its size")
    width, height = max(sizes, key=lambda s: s[0] * s[1])
    if not width or not height:
        raise damaged("AVIF without an area")
    cicp = next((c for c in map(_nclx, meta.of_primary(b"colr")) if c is not None), None)
    animated = data[8:12] == b"avis"
    return Header(
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


def items(data: bytes) -> Items:
    """All items of a file. Raises InputError (DAMAGED_IMAGE)."""
    return _meta(data)


def plan(data: bytes, header: Header) -> Plan:
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
    return Plan(width, height, channels, 16 if deep else 8, load, found, header.orientation, faults)


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
    for content in meta.of_primary(b"clap"):
        numbers = [int.from_bytes(take(content, at, 4), "big", signed=at >= 16 and at % 8 == 0) for at in range(0, 32, 4)]
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
            start, size = extents[-1]
            stop = min(start + size, len(data)) if size else len(data)
            refuse_filled_up(data, start, stop, "AVIF")


def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of an AVIF's items; the orientation tag is left as it is. Raises InputError."""
    with decoding("AVIF"):
        return _metadata(data, _open(data)[0])


def _metadata(data: bytes, image: Image.Image) -> Metadata:
    # Pillow rewrites EXIF that disagrees with irot/imir; the item itself is kept instead.
    exif = _exif(data, _meta(data))
    return Metadata(info_bytes(image, "icc_profile"), tiff_block(exif), info_bytes(image, "xmp"))


def _deep(data: bytes, bits: int) -> Pixels:
    import imagecodecs

    return widened(np.array(imagecodecs.avif_decode(data), dtype=np.uint16), bits)


def _open(data: bytes) -> tuple[Image.Image, StrictFile]:
    from PIL.AvifImagePlugin import AvifImageFile

    file = StrictFile(data)
    return AvifImageFile(file), file


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    return parts(walk(data, start, end), "AVIF")


def _brands(data: bytes) -> set[bytes]:
    box = next(_boxes(data))
    content = data[box.payload : box.end]
    return {content[:4], *(content[i : i + 4] for i in range(8, len(content) - 3, 4))}


def _meta(data: bytes) -> Items:
    outer = next((b for b in _boxes(data) if b.type == b"meta"), None)
    if outer is None:
        raise damaged("AVIF without a meta box")
    found = Items()
    idat: int | None = None
    locations: bytes | None = None
    for box in _boxes(data, outer.payload + 4, outer.end):
        content = data[box.payload : box.end]
        if box.type == b"pitm":
            cursor = _Cursor(content)
            found.primary = cursor.uint(2 if cursor.uint(4) >> 24 == 0 else 4)
        elif box.type == b"iinf":
            _read_items(data, box, found)
        elif box.type == b"iprp":
            _read_properties(data, box, found)
        elif box.type == b"iref":
            _read_references(data, box, found)
        elif box.type == b"iloc":
            locations = content
        elif box.type == b"idat":
            idat = box.payload
    if locations is not None:
        _read_locations(locations, idat, found)
    for item, extents in found.extents.items():
        if sum(length for _, length in extents) > len(data):
            raise damaged(f"AVIF item {item} claims the same bytes again and again")
    return found


def _read_items(data: bytes, box: Box, found: Items) -> None:
    version = take(data, box.payload, 1)[0]
    for entry in _boxes(data, box.payload + (6 if version == 0 else 8), box.end):
        cursor = _Cursor(data[entry.payload : entry.end])
        version = cursor.uint(4) >> 24
        if version >= 2:
            item = cursor.uint(2 if version == 2 else 4)
            cursor.uint(2)
            kind = found.kinds[item] = cursor.uint(4).to_bytes(4, "big")
            if kind == b"mime":
                found.content_types[item] = [*cursor.data[cursor.position :].split(b"\x00", 2), b"", b""][1]


def _read_references(data: bytes, box: Box, found: Items) -> None:
    size = 2 if take(data, box.payload, 1)[0] == 0 else 4
    for reference in _boxes(data, box.payload + 4, box.end):
        cursor = _Cursor(data[reference.payload : reference.end])
        source = cursor.uint(size)
        for _ in range(cursor.uint(2)):
            found.references.append((reference.type, source, cursor.uint(size)))


def _read_properties(data: bytes, box: Box, found: Items) -> None:
    for inner in _boxes(data, box.payload, box.end):
        if inner.type == b"ipco":
            found.properties = [(p.type, data[p.payload : p.end]) for p in _boxes(data, inner.payload, inner.end)]
        elif inner.type == b"ipma":
            cursor = _Cursor(data[inner.payload : inner.end])
            word = cursor.uint(4)
            for _ in range(cursor.uint(4)):
                item = cursor.uint(2 if word >> 24 == 0 else 4)
                size = 2 if word & 1 else 1
                mask = (1 << (8 * size - 1)) - 1
                found.associations[item] = [cursor.uint(size) & mask for _ in range(cursor.uint(1))]


def _read_locations(content: bytes, idat: int | None, found: Items) -> None:
    cursor = _Cursor(content)
    version, sizes = cursor.uint(4) >> 24, cursor.uint(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(cursor.uint(2 if version < 2 else 4)):
        item = cursor.uint(2 if version < 2 else 4)
        in_idat = bool(cursor.uint(2) & 15) if version else False
        cursor.uint(2)
        base = cursor.uint(base_size) + ((idat or 0) if in_idat else 0)
        extents = []
        count = cursor.uint(2)
        if count > 1 and not (offset_size and length_size):
            raise damaged(f"AVIF item {item} has extents without a place")  # and they would cost no byte of the file
        for _ in range(count):
            cursor.uint(index_size)
            offset = base + cursor.uint(offset_size)
            extents.append((offset, cursor.uint(length_size)))
        found.extents[item] = extents


def _exif(data: bytes, meta: Items) -> bytes | None:
    """The EXIF item without the offset field in front of its TIFF header."""
    item = next((i for i, kind in meta.kinds.items() if kind == b"Exif"), None)
    if item is None:
        return None
    content = b"".join(take(data, offset, length) for offset, length in meta.extents.get(item, []))
    return content[4 + int.from_bytes(content[:4], "big") :] or None


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
    """irot (anticlockwise quarter turns), then imir (0: top and bottom exchanged, 1: left and right), as one EXIF code."""
    angle = next((p[0] & 3 for p in meta.of_primary(b"irot") if p), 0)
    transposed, rows, columns = _ROTATIONS[angle]
    for mirror in (p[0] & 1 for p in meta.of_primary(b"imir") if p):
        rows, columns = (rows, not columns) if mirror else (not rows, columns)
    return _CODES[transposed, rows, columns]
