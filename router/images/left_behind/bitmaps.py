"""BMP and Netpbm: a header, samples, and what may stand around them."""

from __future__ import annotations

from collections.abc import Iterator

from router.images import netpbm_notes
from router.images.decoders.bmp import end_of_head
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart

_V5 = 124
_LINKS = (b"LINK", b"KNIL")
_PROFILES = (*_LINKS, b"MBED", b"DEBM")
_UNCOMPRESSED = (0, 3, 6)


def bmp(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises InputError."""
    head, start = int.from_bytes(data[14:18], "little"), int.from_bytes(data[10:14], "little")
    if head == 12:
        width, height, bits, coding, size = (*(int.from_bytes(data[i : i + 2], "little") for i in (18, 20, 24)), 0, 0)
    else:
        width, height = int.from_bytes(data[18:22], "little"), abs(int.from_bytes(data[22:26], "little", signed=True))
        bits, coding = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
        size = int.from_bytes(data[34:38], "little")
    if coding in _UNCOMPRESSED:
        size = (width * bits + 31) // 32 * 4 * height
    end = start + size
    if head >= _V5 and data[70:74] in _PROFILES:
        if data[70:74] in _LINKS:
            yield ExtraPart("name of a colour profile's file (BMP)")
        end = max(end, 14 + int.from_bytes(data[126:130], "little") + int.from_bytes(data[130:134], "little"))
    if data[end_of_head(data) : start].strip(b"\x00"):
        yield ExtraPart("data before the pixels (BMP)")
    if data[end:].strip(b"\x00"):
        yield p.TAIL


def netpbm(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`."""
    found = netpbm_notes.read(data)
    if found.comments:
        yield p.COMMENT
    if found.end is not None and data[found.end :].strip(b"\x00 \t\r\n"):
        yield p.TAIL
