"""JPEG marker segments before the first scan (ITU-T T.81, annex B; XMP part 3, 1.1.3): finding and replacing XMP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router.errors import CarryError, StreamError
from router.reasons import ReasonCode

MAX_XMP = 65_502
"""Longest packet in bytes: a segment's 65,535 less its length field and the namespace. Longer ones need ExtendedXMP."""

MAX_EXIF = 65_527
"""Longest EXIF block in bytes: 65,535 less the length field and `Exif\\0\\0`."""

_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_EXTENDED = b"http://ns.adobe.com/xmp/extension/\x00"
_APP0, _APP1, _SOS, _EOI = 0xE0, 0xE1, 0xDA, 0xD9


@dataclass(frozen=True)
class Segment:
    """One marker segment: `data[start:end]` is all of it, `data[payload:end]` its content."""

    marker: int
    start: int
    payload: int
    end: int


def walk(data: bytes) -> Iterator[Segment]:
    """Segments from SOI to the first SOS or EOI, which are not among them. Raises StreamError."""
    if not data.startswith(b"\xff\xd8"):
        raise StreamError("no JPEG signature", code=ReasonCode.UNKNOWN_STREAM)
    position = 2
    while True:
        start = position
        while data[position : position + 2] == b"\xff\xff":  # fill bytes (B.1.1.2)
            position += 1
        head = data[position : position + 4]
        if len(head) < 2 or (len(head) < 4 and head[1] not in (_SOS, _EOI)):
            raise StreamError(f"JPEG ends at byte {len(data)}, before its first scan", code=ReasonCode.TRUNCATED)
        if head[0] != 0xFF:
            raise StreamError(f"no JPEG marker at byte {position}", code=ReasonCode.DAMAGED_STREAM)
        if head[1] in (_SOS, _EOI):
            return
        end = position + 2 + int.from_bytes(head[2:4], "big")
        if end < position + 4:
            raise StreamError(f"JPEG segment at byte {position} is shorter than its header", code=ReasonCode.DAMAGED_STREAM)
        if end > len(data):
            raise StreamError(f"JPEG segment at byte {position} runs past the end", code=ReasonCode.TRUNCATED)
        yield Segment(head[1], start, position + 4, end)
        position = end


def read_xmp(data: bytes) -> bytes | None:
    """The packet of the first XMP segment, None if there is none. Raises StreamError."""
    for s in walk(data):
        if s.marker == _APP1 and data.startswith(_XMP, s.payload, s.end):
            return data[s.payload + len(_XMP) : s.end]
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
    segments = list(walk(data))
    lead = 2  # JFIF wants to be first, EXIF directly behind it
    for s in segments:
        if s.marker != _APP0 and not (s.marker == _APP1 and data.startswith(b"Exif\x00", s.payload, s.end)):
            break
        lead = s.end
    packet = b"\xff\xe1" + (2 + len(_XMP) + len(xmp)).to_bytes(2, "big") + _XMP + xmp
    kept = [data[s.start : s.end] for s in segments if s.start >= lead and not _is_xmp(data, s)]
    scans = segments[-1].end if segments else lead
    return b"".join([data[:lead], packet, *kept, data[scans:]])


def _is_xmp(data: bytes, s: Segment) -> bool:
    return s.marker == _APP1 and data.startswith((_XMP, _EXTENDED), s.payload, s.end)
