"""What a file holds beside its picture: asked before a whole file goes out although its metadata may not."""

from __future__ import annotations

import re
from collections.abc import Callable

from router.errors import InputError, StreamError
from router.images import boxes
from router.images.chunks import walk_jpeg, walk_png, walk_webp
from router.images.formats import avif

_PNG = set(b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT".split())
_WEBP = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP"}
_JXL = {b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp"}
_AVIF_BOXES, _AVIF_ITEMS = {b"ftyp", b"meta", b"mdat"}, {b"av01", b"grid", b"iden", b"iovl"}
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_APPLICATION_OR_COMMENT = {*range(0xE0, 0xF0), 0xFE}
_LATER_SEGMENT = re.compile(rb"\xff[\xd8\xe0-\xef\xfe]")
"""A comment, an application segment or another picture behind the start of the first scan. Coded data never holds these; a
Huffman or quantisation table might, and then the answer errs on the safe side."""


def holds_only_picture(data: bytes, file_format: str) -> bool:
    """Whether a file holds its picture and what its colours mean, and nothing else: no EXIF, XMP, text, thumbnail or tail.

    True only where that is certain; formats without a rule here: False.
    """
    try:
        return _RULES[file_format](data) if file_format in _RULES else False
    except (StreamError, InputError):
        return False


def left_behind(data: bytes, file_format: str) -> tuple[str, ...]:
    """Metadata that readers here do not take along, so that encoding again loses it; names for a person to read."""
    found = set()
    try:
        if file_format == "jpeg":
            for segment in walk_jpeg(data):
                if segment.marker == 0xE1 and data.startswith(_EXTENDED_XMP, segment.payload):
                    found.add("extended XMP")
                elif segment.marker == 0xED:
                    found.add("Photoshop resources (IPTC)")
        elif file_format == "jxl" and not data.startswith(b"\xff\x0a"):
            found = {"compressed EXIF or XMP" for box in boxes.walk(data) if box.type == b"brob"}
    except StreamError:
        pass  # a file whose end is damaged: what was found before counts
    return tuple(sorted(found))


def _jpeg(data: bytes) -> bool:
    end = 2
    for segment in walk_jpeg(data):
        if segment.start != end:
            return False  # bytes between two segments
        content, end = data[segment.payload : segment.payload + 12], segment.end
        colour = (
            (segment.marker == 0xE0 and content.startswith(b"JFIF\x00"))
            or (segment.marker == 0xE2 and content.startswith(b"ICC_PROFILE\x00"))
            or (segment.marker == 0xEE and content.startswith(b"Adobe"))
        )
        if segment.marker in _APPLICATION_OR_COMMENT and not colour:
            return False
    return data.endswith(b"\xff\xd9") and _LATER_SEGMENT.search(data, end) is None


def _png(data: bytes) -> bool:
    chunks = list(walk_png(data))
    return chunks[-1].end == len(data) and all(c.type in _PNG for c in chunks)


def _webp(data: bytes) -> bool:
    whole = 8 + int.from_bytes(data[4:8], "little") == len(data)
    return whole and all(c.type in _WEBP for c in walk_webp(data))


def _jxl(data: bytes) -> bool:
    if data.startswith(b"\xff\x0a"):
        return True
    return all(b.type in _JXL for b in boxes.walk(data))


def _avif(data: bytes) -> bool:
    return all(b.type in _AVIF_BOXES for b in boxes.walk(data)) and avif.item_types(data) <= _AVIF_ITEMS


_RULES: dict[str, Callable[[bytes], bool]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "jxl": _jxl,
    "avif": _avif,
    "bmp": lambda data: True,
}
