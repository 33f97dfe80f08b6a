"""Items of an AVIF file (ISO/IEC 14496-12, 8.11; 23008-12): read, and a metadata item replaced or removed in place.

The encoder is given a placeholder, so that item, reference and location exist; `replace` puts the real payload where the
placeholder lies and moves the offsets of whatever lies behind it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from router.containers.fields import Fields
from router.containers.isobmff import Box, iter_boxes
from router.errors import CarryError, StreamError
from router.reasons import ReasonCode

XMP_TYPE = b"application/rdf+xml"
_EXIF_OFFSET = b"\x00\x00\x00\x00"  # ExifDataBlock: distance from here to the TIFF header


class MetadataItem(Enum):
    """Which metadata item; the value is what the encoder is given in its place."""

    EXIF = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


@dataclass(frozen=True)
class Written:
    """An integer of a table: its value, where it is written, and in how many bytes."""

    value: int
    at: int
    size: int


@dataclass(frozen=True)
class Extent:
    """A piece of an item: `data[start:start + length]`.

    Attributes:
        in_file: counted from the start of the file, not from a box inside the metadata.
        offset, written_length: the fields of the table that say so. Without an offset field the base offset stands for it.
    """

    start: int
    length: int
    in_file: bool
    offset: Written
    written_length: Written

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.start + self.length


@dataclass
class Items:
    """The items of a file and what belongs to them.

    Attributes:
        primary: id of the image that the file is for.
        kinds: types of items by id, such as av01, Exif and mime.
        content_types: of the items of type mime.
        properties: type and content, in the order in which `associations` count them, from 1.
        extents: the pieces of an item.
        references: type, from, to.
        meta, tables: the box of all this, and the boxes in it by type.
        described, located: where an item's entry in the table of items, and of locations, lies.
    """

    meta: Box
    tables: dict[bytes, Box] = field(default_factory=dict)
    described: dict[int, Box] = field(default_factory=dict)
    located: dict[int, tuple[int, int]] = field(default_factory=dict)
    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    content_types: dict[int, bytes] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    extents: dict[int, list[Extent]] = field(default_factory=dict)
    references: list[tuple[bytes, int, int]] = field(default_factory=list)

    def of_primary(self, kind: bytes) -> list[bytes]:
        """Contents of the primary image's properties of this type."""
        return self.of(self.primary, kind)

    def of(self, item: int, kind: bytes) -> list[bytes]:
        """Contents of an item's properties of this type."""
        indices = [i for i in self.associations.get(item, []) if 0 < i <= len(self.properties)]
        return [payload for name, payload in (self.properties[i - 1] for i in indices) if name == kind]

    def anywhere(self, kind: bytes) -> list[bytes]:
        """Contents of all properties of this type, whoever has them."""
        return [payload for name, payload in self.properties if name == kind]

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

    def metadata(self, which: MetadataItem) -> int | None:
        """The id of the first such item; None if there is none."""
        for item, kind in self.kinds.items():
            if kind == b"Exif" if which is MetadataItem.EXIF else kind == b"mime" and self.content_types.get(item) == XMP_TYPE:
                return item
        return None


def brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO base media file. Raises StreamError."""
    box = next(iter_boxes(data), None)
    if box is None or box.type != b"ftyp":
        raise StreamError("no ftyp box at the start", code=ReasonCode.UNKNOWN_STREAM)
    content = data[box.payload : box.end]
    return {content[:4], *(content[i : i + 4] for i in range(8, len(content) - 3, 4))}


def items(data: bytes) -> Items:
    """All items of a file. Raises StreamError (UNKNOWN_STREAM, TRUNCATED, DAMAGED_STREAM)."""
    if data[4:8] != b"ftyp":
        raise StreamError("no AVIF signature", code=ReasonCode.UNKNOWN_STREAM)
    outer = _child(data, 0, len(data), b"meta")
    if outer is None:
        raise StreamError("no meta box", code=ReasonCode.DAMAGED_STREAM)
    found = Items(outer)
    for box in iter_boxes(data, outer.payload + 4, outer.end):
        found.tables[box.type] = box
        if box.type == b"pitm":
            fields = Fields(data, box.payload, box.end)
            found.primary = fields.uint(2 if fields.uint(4) >> 24 == 0 else 4)
        elif box.type == b"iinf":
            _read_items(data, box, found)
        elif box.type == b"iprp":
            _read_properties(data, box, found)
        elif box.type == b"iref":
            _read_references(data, box, found)
    if b"iloc" in found.tables:
        _read_locations(data, found.tables[b"iloc"], found)
    for item, extents in found.extents.items():
        if sum(extent.length for extent in extents) > len(data):
            raise StreamError(f"item {item} claims the same bytes again and again", code=ReasonCode.DAMAGED_STREAM)
    return found


def content(data: bytes, found: Items, which: MetadataItem) -> bytes | None:
    """The payload of a metadata item (EXIF: its TIFF block); None without one, or with the placeholder. Raises StreamError."""
    item = found.metadata(which)
    if item is None:
        return None
    pieces = found.extents.get(item, [])
    if any(piece.end > len(data) for piece in pieces):
        raise StreamError(f"the {which.name} item runs past the end", code=ReasonCode.TRUNCATED)
    payload = b"".join(data[piece.start : piece.end] for piece in pieces)
    if which is MetadataItem.EXIF:
        payload = payload[4 + int.from_bytes(payload[:4], "big") :]
    return None if payload == which.value else payload or None


def replace(data: bytes, which: MetadataItem, payload: bytes) -> bytes:
    """`data` with this payload in place of the item's; coded pixels stay as they are.

    Raises CarryError (CANNOT_CARRY_XMP, CANNOT_CARRY_EXIF) if the file has no such item or is laid out in a way that this
    does not handle, StreamError if it is damaged.
    """
    cannot = CarryError(
        f"this AVIF file has no {which.name} item that can be replaced",
        code=ReasonCode.CANNOT_CARRY_XMP if which is MetadataItem.XMP else ReasonCode.CANNOT_CARRY_EXIF,
        hint="Encode the image anew",
    )
    if which is MetadataItem.EXIF:
        payload = _EXIF_OFFSET + payload
    place = _place(data, items(data), which)
    if place is None:
        raise cannot
    target, home, others = place
    growth = len(payload) - target.length
    out = bytearray(data)
    try:
        _write(out, target.written_length, len(payload))
        for extent in others:
            if extent.start >= target.end:
                _write(out, extent.offset, extent.offset.value + growth)
        if not home.open_ended:
            large = home.payload - home.start == 16
            size = home.end - home.start
            _write(out, Written(size, home.start + 8 * large, 8 if large else 4), size + growth)
    except OverflowError:
        raise cannot from None
    out[target.start : target.end] = payload
    return bytes(out)


def remove(data: bytes, which: MetadataItem) -> bytes:
    """`data` without the item, its placeholder included; as it is, where it is laid out in a way that this does not handle.

    Coded pixels stay as they are. Raises StreamError if it is damaged.
    """
    found = items(data)
    place, item = _place(data, found, which), found.metadata(which)
    if place is None or item is None or item in found.associations:
        return data
    target, home, others = place
    meta, names, locations, links = found.meta, *(found.tables.get(kind) for kind in (b"iinf", b"iloc", b"iref"))
    assert names is not None
    assert locations is not None
    # (start, end) of what goes, and the boxes around each: their lengths shrink by as much.
    entry = found.described[item]
    cuts = [
        (target.start, target.end, (home,)),
        (*found.located[item], (meta, locations)),
        (entry.start, entry.end, (meta, names)),
    ]
    if links is not None:
        boxes = list(iter_boxes(data, links.payload + 4, links.end))
        wide = 4 if data[links.payload] else 2
        own = [b for b in boxes if Fields(data, b.payload, b.end).uint(wide) == item]
        whole = len(own) == len(boxes)
        cuts += [(links.start, links.end, (meta,))] if whole else [(b.start, b.end, (meta, links)) for b in own]
    if any(b.open_ended or b.payload - b.start != 8 for _, _, around in cuts for b in around):
        return data
    out = bytearray(data)
    for box in {b.start: b for _, _, around in cuts for b in around}.values():
        gone = sum(end - start for start, end, around in cuts if box in around)
        size = box.end - box.start
        _write(out, Written(size, box.start, 4), size - gone)
    for extent in others:
        moved = sum(end - start for start, end, _ in cuts if end <= extent.start)
        _write(out, extent.offset, extent.offset.value - moved)
    for at, size in (
        (names.payload + 4, 4 if data[names.payload] else 2),
        (locations.payload + 6, 4 if data[locations.payload] == 2 else 2),
    ):
        count = int.from_bytes(data[at : at + size], "big")
        _write(out, Written(count, at, size), count - 1)
    for start, end, _ in sorted(cuts, key=lambda cut: cut[0], reverse=True):
        del out[start:end]
    return bytes(out)


def _place(data: bytes, found: Items, which: MetadataItem) -> tuple[Extent, Box, list[Extent]] | None:
    """The item's one extent, the box of media data that it lies in, and all other extents in the file.

    None where the file is laid out in another way.
    """
    item = found.metadata(which)
    pieces = [] if item is None else found.extents.get(item, [])
    boxes = list(iter_boxes(data))
    if len(pieces) != 1 or not pieces[0].in_file or not pieces[0].length or any(b.type == b"moov" for b in boxes):
        return None
    target = pieces[0]
    if target.end > len(data):
        raise StreamError(f"the {which.name} item runs past the end", code=ReasonCode.TRUNCATED)
    home = next((b for b in boxes if b.type == b"mdat" and b.payload <= target.start and target.end <= b.end), None)
    others = [e for extents in found.extents.values() for e in extents if e.in_file and e is not target]
    if home is None or any(e.start < target.end and target.start < e.end for e in others):
        return None
    return target, home, others


def _child(data: bytes, start: int, end: int, kind: bytes) -> Box | None:
    return next((b for b in iter_boxes(data, start, end) if b.type == kind), None)


def _write(out: bytearray, where: Written, value: int) -> None:
    """Write an integer; OverflowError if it does not fit."""
    out[where.at : where.at + where.size] = value.to_bytes(where.size, "big")


def _read_items(data: bytes, box: Box, found: Items) -> None:
    version = Fields(data, box.payload, box.end).uint(4) >> 24
    for entry in iter_boxes(data, box.payload + (6 if version == 0 else 8), box.end):
        fields = Fields(data, entry.payload, entry.end)
        version = fields.uint(4) >> 24
        if version >= 2:
            item = fields.uint(2 if version == 2 else 4)
            fields.uint(2)
            kind = found.kinds[item] = fields.take(4)
            found.described.setdefault(item, entry)
            if kind == b"mime":
                fields.string()
                found.content_types[item] = fields.string()


def _read_references(data: bytes, box: Box, found: Items) -> None:
    size = 2 if Fields(data, box.payload, box.end).uint(4) >> 24 == 0 else 4
    for reference in iter_boxes(data, box.payload + 4, box.end):
        fields = Fields(data, reference.payload, reference.end)
        source = fields.uint(size)
        for _ in range(fields.uint(2)):
            found.references.append((reference.type, source, fields.uint(size)))


def _read_properties(data: bytes, box: Box, found: Items) -> None:
    for inner in iter_boxes(data, box.payload, box.end):
        if inner.type == b"ipco":
            found.properties = [(p.type, data[p.payload : p.end]) for p in iter_boxes(data, inner.payload, inner.end)]
        elif inner.type == b"ipma":
            fields = Fields(data, inner.payload, inner.end)
            word = fields.uint(4)
            for _ in range(fields.uint(4)):
                item = fields.uint(2 if word >> 24 == 0 else 4)
                size = 2 if word & 1 else 1
                mask = (1 << (8 * size - 1)) - 1
                found.associations[item] = [fields.uint(size) & mask for _ in range(fields.uint(1))]


def _read_locations(data: bytes, box: Box, found: Items) -> None:
    inside = found.tables[b"idat"].payload if b"idat" in found.tables else 0
    fields = Fields(data, box.payload, box.end)
    version, sizes = fields.uint(4) >> 24, fields.uint(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(fields.uint(2 if version < 2 else 4)):
        entry = fields.position
        item = fields.uint(2 if version < 2 else 4)
        in_file = not (fields.uint(2) & 15) if version else True
        fields.uint(2)  # data reference index
        base = _written(fields, base_size)
        count = fields.uint(2)
        if count > 1 and not (offset_size and length_size):  # they would cost no byte of the file
            raise StreamError(f"item {item} has extents without a place", code=ReasonCode.DAMAGED_STREAM)
        extents: list[Extent] = []
        for _ in range(count):
            fields.uint(index_size if version else 0)
            offset = _written(fields, offset_size)
            length = _written(fields, length_size)
            start = base.value + offset.value + (0 if in_file else inside)
            extents.append(Extent(start, length.value, in_file, offset if offset_size else base, length))
        found.extents[item] = extents
        found.located[item] = entry, fields.position


def _written(fields: Fields, size: int) -> Written:
    at = fields.position
    return Written(fields.uint(size), at, size)
