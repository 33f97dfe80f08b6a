"""AVIF: items beside the primary image (ISO/IEC 23008-12), and boxes beside those that hold it."""

from __future__ import annotations

from collections.abc import Iterator

from router.containers import isobmff as boxes
from router.containers.avif import XMP_TYPE, Items, items
from router.containers.parts import TooManyPartsError
from router.containers.short_record import is_box
from router.errors import StreamError
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart, auxiliary, letters

_TOP = {b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"sidx"}
_META = {b"hdlr", b"pitm", b"iinf", b"iref", b"iprp", b"iloc", b"idat", b"grpl", b"dinf"}
_FREE = {b"free", b"skip"}
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_CODED = {b"av01", b"hvc1", b"avc1", b"jpeg", b"j2k1", b"vvc1", b"unci", b"grid", b"iden", b"iovl"}


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises StreamError and InputError."""
    found = items(data)
    yield from _boxes(data)
    if found.kinds.get(found.primary) == b"tmap":
        yield p.GAIN_MAP
    if found.of_primary(b"clap"):
        yield ExtraPart("what lies outside of the clean aperture")
    yield from _items(found)
    if _unclaimed(data, found):
        yield ExtraPart("data that no item names")


def _boxes(data: bytes) -> Iterator[ExtraPart]:
    pixels = False
    try:
        for box in boxes.iter_boxes(data):
            if box.type == b"meta":
                for inner in boxes.iter_boxes(data, box.payload + 4, box.end):
                    if inner.type not in _META:
                        yield from _other(data, inner)
            elif box.type not in _TOP:
                yield from _other(data, box)
            pixels |= box.type == b"mdat"
    except StreamError as error:
        if not pixels or isinstance(error, TooManyPartsError):
            raise
        yield p.TAIL


def _unclaimed(data: bytes, found: Items) -> bool:
    """Whether boxes of media data hold anything but zeros that is no part of an item. Films have other tables than items."""
    media: list[tuple[int, int]] = []
    try:
        for box in boxes.iter_boxes(data):
            if box.type in (b"moov", b"moof"):
                return False
            if box.type == b"mdat":
                media.append((box.payload, box.end))
    except StreamError:
        pass  # `_boxes` has named what does not divide into boxes
    claimed = sorted((e.start, e.end if e.length else len(data)) for pieces in found.extents.values() for e in pieces)
    extents, position = iter([*claimed, (len(data), len(data))]), 0
    start, end = 0, 0
    for first, stop in media:
        position = max(position, first)
        while position < stop:
            while end <= position and start < len(data):
                start, end = next(extents)
            if start > position and data[position : min(start, stop)].strip(b"\x00"):
                return True
            position = max(position, end if start < stop else stop)
    return False


def _other(data: bytes, box: boxes.Box) -> Iterator[ExtraPart]:
    content = data[box.payload : box.end]
    if box.type in _FREE:
        if content.strip(b"\x00"):
            yield ExtraPart("data in an unused box")
    elif is_box(data, box.type, box.payload):
        yield p.RECORD
    elif box.type == b"jumb" or (box.type == b"uuid" and content.startswith(_C2PA)):
        yield p.CREDENTIALS
    else:
        yield ExtraPart(f"ISO box {letters(box.type)}")


def _items(found: Items) -> Iterator[ExtraPart]:
    picture = found.with_parts([found.primary])
    picture |= found.with_parts(
        [item for item, target in found.links(b"auxl") if target in picture and b"alpha" in found.auxiliary_type(item)]
    )
    toned = [item for item, kind in found.kinds.items() if kind == b"tmap"]
    parts_of_maps = found.with_parts(toned) - picture
    thumbnails = {item for item, _ in found.links(b"thmb")}
    nested = {part for _, part in found.links(b"dimg")}
    seen: set[bytes] = set()
    for item, kind in found.kinds.items():
        if item in picture or (item in parts_of_maps and item not in toned):
            continue
        if kind == b"tmap":
            yield p.GAIN_MAP
        elif kind in _CODED:
            if urn := found.auxiliary_type(item):
                yield auxiliary(urn)
            elif item in thumbnails:
                yield p.PREVIEW
            elif item not in nested:
                yield p.PICTURE
        elif kind == b"Exif":
            yield p.SECOND_EXIF if kind in seen else p.EXIF
        elif kind == b"mime" and found.content_types.get(item) == XMP_TYPE:
            yield p.SECOND_XMP if kind in seen else p.XMP
        else:
            yield ExtraPart("C2PA manifest" if kind == b"jumb" else f"metadata item {letters(kind)}")
            continue
        seen.add(kind)
