"""JPEG XL: boxes beside the codestream."""

from __future__ import annotations

from collections.abc import Iterator

from router.containers import isobmff as boxes
from router.containers.short_record import is_box
from router.images.decoders.jxl import rebuilt_jpeg
from router.images.left_behind import extra_part as p
from router.images.left_behind import jpeg
from router.images.left_behind.extra_part import ExtraPart, letters

_PICTURE = {b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp", b"jxli"}
_COMPRESSED = {b"Exif": "compressed EXIF or XMP", b"xml ": "compressed EXIF or XMP", b"jumb": "C2PA manifest"}


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises StreamError."""
    if data.startswith(b"\xff\x0a"):
        return  # bits behind a naked codestream cannot be told from it without decoding
    seen: set[bytes] = set()
    jpeg_inside = False
    for box in boxes.iter_boxes(data):
        if box.type == b"jbrd":
            jpeg_inside = True
        elif box.type == b"Exif":
            yield p.SECOND_EXIF if box.type in seen else p.EXIF
        elif box.type == b"xml ":
            yield p.SECOND_XMP if box.type in seen else p.XMP
        elif box.type == b"jhgm":
            yield p.GAIN_MAP
        elif box.type == b"brob":
            yield ExtraPart(_COMPRESSED.get(data[box.payload : box.payload + 4], "compressed box"))
        elif box.type == b"jumb":
            yield p.CREDENTIALS if b"c2pa" in data[box.payload : box.payload + 200] else ExtraPart("JUMBF box")
        elif is_box(data, box.type, box.payload):
            yield p.RECORD
        elif box.type not in _PICTURE:
            yield ExtraPart(f"JPEG XL box {letters(box.type)}")
        seen.add(box.type)
    if jpeg_inside:
        yield ExtraPart("what a JPEG file is rebuilt from", carried=True)
        inside = rebuilt_jpeg(data)
        if inside is not None:
            yield from jpeg.extra_parts(inside)
