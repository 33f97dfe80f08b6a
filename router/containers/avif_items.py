"""Metadata items of an AVIF file (ISO/IEC 14496-12, 8.11; 23008-12, annex A): reading, and replacing one in place.

The encoder is given a placeholder, so that item, reference and location exist; `replace` puts the real payload where the
placeholder lies and moves the offsets of whatever lies behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from router.containers.isobmff import Box, walk
from router.errors import CarryError, StreamError
from router.reasons import ReasonCode


class Item(Enum):
    """Which metadata item; the value is what the encoder is given in its place."""

    EXIF = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


_EXIF_OFFSET = b"\x00\x00\x00\x00"  # ExifDataBlock: distance from here to the TIFF header
_XMP_TYPE = b"application/rdf+xml"


def read(data: bytes, item: Item) -> bytes | None:
    """The payload of the item; None if there is none or only the placeholder. Raises StreamError."""
    found = _find(data, item)
    if found is None:
        return None
    payload = data[found.start : found.start + found.length]
    if item is Item.EXIF:
        payload = payload[4 + int.from_bytes(payload[:4], "big") :]
    return None if payload == item.value else payload


def replace(data: bytes, item: Item, payload: bytes) -> bytes:
    """`data` with this payload in place of the item's; coded pixels stay as they are.

    Raises CarryError (CANNOT_CARRY_XMP, CANNOT_CARRY_EXIF) if the file has no such item or is laid out in a way that this
    does not handle, StreamError if it is damaged.
    """
    cannot = CarryError(
        f"this AVIF file has no {item.name} item that can be replaced",
        code=ReasonCode.CANNOT_CARRY_XMP if item is Item.XMP else ReasonCode.CANNOT_CARRY_EXIF,
        hint="Encode the image anew",
    )
    if item is Item.EXIF:
        payload = _EXIF_OFFSET + payload
    extents = _extents(data, _meta(data))
    target = _find(data, item)
    boxes = list(walk(data))
    home = target and next((b for b in boxes if b.type == b"mdat" and b.payload <= target.start and target.end <= b.end), None)
    if not (target and home) or any(b.type == b"moov" for b in boxes):
        raise cannot
    others = [e for e in extents if e.in_file and e.length_at != target.length_at]
    if any(e.start < target.end and target.start < e.end for e in others):
        raise cannot

    growth = len(payload) - target.length
    out = bytearray(data)
    try:
        _put(out, target.length_at, target.length_size, len(payload))
        for extent in others:
            if extent.start >= target.end:
                _put(out, extent.offset_at, extent.offset_size, extent.offset + growth)
        if not home.open_ended:
            large = home.payload - home.start == 16
            _put(out, home.start + 8 * large, 8 if large else 4, home.end - home.start + growth)
    except OverflowError:
        raise cannot from None
    out[target.start : target.end] = payload
    return bytes(out)


@dataclass(frozen=True)
class _Extent:
    """Where a piece of an item lies, and where its offset and length are written."""

    item_id: int
    in_file: bool
    start: int
    length: int
    offset: int
    offset_at: int
    offset_size: int
    length_at: int
    length_size: int

    @property
    def end(self) -> int:
        return self.start + self.length


class _Reader:
    """Big-endian integers of `data[position:end]`, refused when they would run past the end."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > self.end:
            raise StreamError(f"AVIF table cut off at byte {self.end}", code=ReasonCode.DAMAGED_STREAM)
        return self.data[start : self.position]

    def string(self) -> bytes:
        text, found, _ = self.data[self.position : self.end].partition(b"\x00")
        self.position += len(text) + len(found)
        return text


def _meta(data: bytes) -> Box:
    if data[4:8] != b"ftyp":
        raise StreamError("no AVIF signature", code=ReasonCode.UNKNOWN_STREAM)
    found = _child(data, 0, len(data), b"meta")
    if found is None:
        raise StreamError("AVIF without a meta box", code=ReasonCode.DAMAGED_STREAM)
    return found


def _child(data: bytes, start: int, end: int, kind: bytes) -> Box | None:
    return next((b for b in walk(data, start, end) if b.type == kind), None)


def _find(data: bytes, item: Item) -> _Extent | None:
    meta = _meta(data)
    item_id = _item_id(data, meta, item)
    found = [e for e in _extents(data, meta) if e.item_id == item_id]
    if len(found) != 1 or not found[0].in_file or not found[0].length:
        return None
    if found[0].end > len(data):
        raise StreamError(f"AVIF {item.name} item runs past the end", code=ReasonCode.TRUNCATED)
    return found[0]


def _item_id(data: bytes, meta: Box, item: Item) -> int | None:
    table = _child(data, meta.payload + 4, meta.end, b"iinf")
    if table is None:
        return None
    head = _Reader(data, table.payload, table.end)
    version = head.integer(4) >> 24
    head.integer(4 if version else 2)
    for entry in walk(data, head.position, table.end):
        r = _Reader(data, entry.payload, entry.end)
        version = r.integer(4) >> 24
        if entry.type != b"infe" or version < 2:
            continue
        item_id, _, kind, _ = r.integer(4 if version == 3 else 2), r.integer(2), r.take(4), r.string()
        if kind == b"Exif" if item is Item.EXIF else kind == b"mime" and r.string() == _XMP_TYPE:
            return item_id
    return None


def _extents(data: bytes, meta: Box) -> list[_Extent]:
    table = _child(data, meta.payload + 4, meta.end, b"iloc")
    if table is None:
        return []
    r = _Reader(data, table.payload, table.end)
    version = r.integer(4) >> 24
    sizes = r.integer(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    extents: list[_Extent] = []
    for _ in range(r.integer(4 if version == 2 else 2)):
        item_id = r.integer(4 if version == 2 else 2)
        method = r.integer(2) & 15 if version else 0
        r.integer(2)  # data reference index
        base_at, base = r.position, r.integer(base_size)
        count = r.integer(2)
        if count > 1 and not (offset_size and length_size):
            raise StreamError(f"AVIF item {item_id} has extents without a place", code=ReasonCode.DAMAGED_STREAM)
        for _ in range(count):
            r.integer(index_size if version else 0)
            offset_at, offset = r.position, r.integer(offset_size)
            length_at, length = r.position, r.integer(length_size)
            # Without an offset field the base offset is the only thing that can move.
            where = (offset, offset_at, offset_size) if offset_size else (base, base_at, base_size)
            extents.append(_Extent(item_id, method == 0, base + offset, length, *where, length_at, length_size))
    return extents


def _put(out: bytearray, position: int, size: int, value: int) -> None:
    """Write an integer; OverflowError if it does not fit."""
    out[position : position + size] = value.to_bytes(size, "big")
