"""JPEG marker segments before the first scan (ITU-T T.81, annex B; XMP part 3, 1.1.3): walked, and XMP and density replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from router.containers.metadata import PixelDensity
from router.containers.parts import counted
from router.errors import CarryError, StreamError
from router.reasons import ReasonCode

XMP = b"http://ns.adobe.com/xap/1.0/\x00"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
EXIF = b"Exif\x00\x00"
"""What the segments of EXIF and XMP begin with."""

MAX_XMP = 65_502
"""Longest packet in bytes: a segment's 65,535 less its length field and the namespace. Longer ones need ExtendedXMP."""

MAX_EXIF = 65_527
"""Longest EXIF block in bytes: 65,535 less the length field and `Exif\\0\\0`."""

SOS, EOI = 0xDA, 0xD9
_APP0, _APP1 = 0xE0, 0xE1
_MARKER = re.compile(rb"\xff+[^\xff\x00]", re.DOTALL)
"""Fill bytes (T.81, B.1.1.2) and the marker's own two."""
_STANDALONE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True)
class Segment:
    """One JPEG marker segment: `data[start:end]` is all of it, `data[payload:end]` its content."""

    marker: int
    start: int
    payload: int
    end: int


def walk_jpeg(data: bytes) -> Iterator[Segment]:
    """JPEG segments from SOI to the first SOS or EOI, which are not among them. Raises StreamError.

    Bytes between two segments that belong to neither are passed over, as all decoders do.
    """
    return counted(_walk_jpeg(data), len(data), "JPEG segments")


def _walk_jpeg(data: bytes) -> Iterator[Segment]:
    if not data.startswith(b"\xff\xd8"):
        raise StreamError("no JPEG signature", code=ReasonCode.UNKNOWN_STREAM)
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            raise StreamError(f"JPEG ends at byte {len(data)}, before its first scan", code=ReasonCode.TRUNCATED)
        start, position = found.span()
        marker = data[position - 1]
        if marker in (SOS, EOI):
            return
        if marker in _STANDALONE:
            yield Segment(marker, start, position, position)
            continue
        end = position + int.from_bytes(data[position : position + 2], "big")
        if end > len(data) or position + 2 > len(data):
            raise StreamError(f"JPEG segment at byte {start} runs past the end", code=ReasonCode.TRUNCATED)
        if end < position + 2:
            raise StreamError(f"JPEG segment at byte {start} is shorter than its length field", code=ReasonCode.DAMAGED_STREAM)
        yield Segment(marker, start, position + 2, end)
        position = end


def read_xmp(data: bytes) -> bytes | None:
    """The packet of the first XMP segment, None if there is none. Raises StreamError."""
    for s in walk_jpeg(data):
        if s.marker == _APP1 and data.startswith(XMP, s.payload, s.end):
            return data[s.payload + len(XMP) : s.end]
    return None


def with_xmp(data: bytes, xmp: bytes) -> bytes:
    """`data` with this packet behind JFIF and EXIF, and no other XMP.

    Raises CarryError (CANNOT_CARRY_XMP) for a packet longer than `MAX_XMP`; StreamError.
    """
    if len(xmp) > MAX_XMP:
        raise CarryError(
            f"JPEG cannot carry an XMP packet of {len(xmp)} bytes",
            code=ReasonCode.CANNOT_CARRY_XMP,
            hint=f"At most {MAX_XMP} bytes fit; choose another codec, or strip the metadata",
        )
    segments = list(walk_jpeg(data))
    lead = 2  # JFIF wants to be first, EXIF directly behind it
    for s in segments:
        if s.marker != _APP0 and not (s.marker == _APP1 and data.startswith(b"Exif\x00", s.payload, s.end)):
            break
        lead = s.end
    packet = b"\xff\xe1" + (2 + len(XMP) + len(xmp)).to_bytes(2, "big") + XMP + xmp
    kept = [data[s.start : s.end] for s in segments if s.start >= lead and not _is_xmp(data, s)]
    scans = segments[-1].end if segments else lead
    return b"".join([data[:lead], packet, *kept, data[scans:]])


def with_density(data: bytes, stated: PixelDensity) -> bytes:
    """`data`, which begins with a JFIF segment, with this density in it."""
    x, y, unit = stated.x, stated.y, {"inch": 1, "cm": 2, "m": 1, "": 0}[stated.unit]
    if stated.unit == "m":  # in inches, which keep more digits
        x, y = x * 0.0254, y * 0.0254
    if unit == 0:
        scale = min(1, 65_535 / max(x, y))
        x, y = x * scale, y * scale
    values = b"".join(min(max(1, round(value)), 65_535).to_bytes(2, "big") for value in (x, y))
    first = next(walk_jpeg(data))
    if not data.startswith(b"JFIF\x00", first.payload):
        return data
    at = first.payload + 7
    return data[:at] + bytes([unit]) + values + data[at + 5 :]


def _is_xmp(data: bytes, s: Segment) -> bool:
    return s.marker == _APP1 and data.startswith((XMP, EXTENDED_XMP), s.payload, s.end)
