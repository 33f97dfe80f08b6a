"""Metadata items of an AVIF file (ISO/IEC 14496-12, 8.11; 23008-12, annex A): reading, and replacing one in place.

The encoder is given a placeholder, so that item, reference and location exist; `replace` puts the real payload where the
placeholder lies and moves the offsets of whatever lies behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as replace_field
from enum import Enum

from router.errors import CarryError, StreamError
from router.images.boxes import Box, walk
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
    place = _place(data, item)
    if place is None:
        raise cannot
    target, home, others = place
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


def remove(data: bytes, item: Item) -> bytes:
    """`data` without the item, its placeholder included; as it is, where it is laid out in a way that this does not handle.

    Coded pixels stay as they are. Raises StreamError if it is damaged.
    """
    place, meta = _place(data, item), _meta(data)
    if place is None:
        return data
    target, home, others = place
    children = {b.type: b for b in walk(data, meta.payload + 4, meta.end)}
    names, extents, links = children.get(b"iinf"), children.get(b"iloc"), children.get(b"iref")
    entry = None if names is None else next((b for b in _entries(data, names) if _info(data, b)[0] == target.item_id), None)
    if names is None or extents is None or entry is None or _is_associated(data, children.get(b"iprp"), target.item_id):
        return data
    # (start, end) of what goes, and the boxes around each: their lengths shrink by as much.
    cuts = [(target.start, target.end, (home,)), (*target.entry, (meta, extents)), (entry.start, entry.end, (meta, names))]
    if links is not None:
        found = list(walk(data, links.payload + 4, links.end))
        own = [b for b in found if _linked_from(data, links, b) == target.item_id]
        cuts += [(links.start, links.end, (meta,))] if len(own) == len(found) else [(b.start, b.end, (meta, links)) for b in own]
    if any(b.open_ended or b.payload - b.start != 8 for _, _, around in cuts for b in around):
        return data
    out = bytearray(data)
    for box in {b.start: b for _, _, around in cuts for b in around}.values():
        gone = sum(end - start for start, end, around in cuts if box in around)
        _put(out, box.start, 4, box.end - box.start - gone)
    for extent in others:
        moved = sum(end - start for start, end, _ in cuts if end <= extent.start)
        _put(out, extent.offset_at, extent.offset_size, extent.offset - moved)
    for at, size in (
        (names.payload + 4, 4 if data[names.payload] else 2),
        (extents.payload + 6, 4 if data[extents.payload] == 2 else 2),
    ):
        _put(out, at, size, int.from_bytes(data[at : at + size], "big") - 1)
    for start, end, _ in sorted(cuts, key=lambda cut: cut[0], reverse=True):
        del out[start:end]
    return bytes(out)


def _place(data: bytes, item: Item) -> tuple[_Extent, Box, list[_Extent]] | None:
    """The item's one extent, the box of media data that it lies in, and all other extents in the file.

    None where the file is laid out in another way.
    """
    extents = _extents(data, _meta(data))
    target = _find(data, item)
    boxes = list(walk(data))
    home = target and next((b for b in boxes if b.type == b"mdat" and b.payload <= target.start and target.end <= b.end), None)
    if not (target and home) or any(b.type == b"moov" for b in boxes):
        return None
    others = [e for e in extents if e.in_file and e.length_at != target.length_at]
    if any(e.start < target.end and target.start < e.end for e in others):
        return None
    return target, home, others


def _is_associated(data: bytes, properties: Box | None, item_id: int) -> bool:
    """Whether properties are stated for the item, or that cannot be told."""
    table = None if properties is None else _child(data, properties.payload, properties.end, b"ipma")
    if table is None:
        return False
    r = _Reader(data, table.payload, table.end)
    head = r.integer(4)
    wide, index_size = (4 if head >> 24 else 2), (2 if head & 1 else 1)
    for _ in range(r.integer(4)):
        if r.integer(wide) == item_id:
            return True
        r.take(index_size * r.integer(1))
    return False


def _linked_from(data: bytes, links: Box, link: Box) -> int:
    wide = 4 if data[links.payload] else 2
    return _Reader(data, link.payload, link.end).integer(wide)


@dataclass(frozen=True)
class _Extent:
    """Where a piece of an item lies, and where its offset and length are written. `entry`: start and end of the item's entry."""

    item_id: int
    in_file: bool
    start: int
    length: int
    offset: int
    offset_at: int
    offset_size: int
    length_at: int
    length_size: int
    entry: tuple[int, int] = (0, 0)

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
    for entry in () if table is None else _entries(data, table):
        item_id, kind, content_type = _info(data, entry)
        if kind == b"Exif" if item is Item.EXIF else kind == b"mime" and content_type == _XMP_TYPE:
            return item_id
    return None


def _entries(data: bytes, table: Box) -> Iterator[Box]:
    """The boxes of the item information that name a type."""
    head = _Reader(data, table.payload, table.end)
    version = head.integer(4) >> 24
    head.integer(4 if version else 2)
    for entry in walk(data, head.position, table.end):
        if entry.type == b"infe" and _Reader(data, entry.payload, entry.end).integer(4) >> 24 >= 2:
            yield entry


def _info(data: bytes, entry: Box) -> tuple[int, bytes, bytes]:
    """Id, type, and of a `mime` item the content type."""
    r = _Reader(data, entry.payload, entry.end)
    version = r.integer(4) >> 24
    item_id, _, kind, _ = r.integer(4 if version == 3 else 2), r.integer(2), r.take(4), r.string()
    return item_id, kind, r.string() if kind == b"mime" else b""


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
        entry, first = r.position, len(extents)
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
        extents[first:] = [replace_field(e, entry=(entry, r.position)) for e in extents[first:]]
    return extents


def _put(out: bytearray, position: int, size: int, value: int) -> None:
    """Write an integer; OverflowError if it does not fit."""
    out[position : position + size] = value.to_bytes(size, "big")
