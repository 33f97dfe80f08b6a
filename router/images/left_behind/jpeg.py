"""JPEG: marker segments, and everything behind the end of the picture (CIPA DC-007 MPF, Ultra HDR, motion photos)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from router.containers.jpeg import EXTENDED_XMP, XMP, Segment, walk_jpeg
from router.containers.short_record import is_comment
from router.errors import StreamError
from router.images.decoders.jpeg import APPLICATION_OR_COMMENT
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart, auxiliary
from router.images.notes import MAX_COMMENTS
from router.reasons import ReasonCode

_HDRGM = b"http://ns.adobe.com/hdr-gain-map/1.0/"
_ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\x00"
_AUXILIARY_TYPE = re.compile(rb"AuxiliaryImageType\s*(?:=\s*[\"']|>\s*)([^\"'<\s]{1,200})")
_SEMANTIC = re.compile(rb"Semantic\s*(?:=\s*[\"']|>\s*)(GainMap|Depth|MotionPhoto)")
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_EOI, _SOI, _STANDALONE = 0xD9, 0xD8, 0x01
_MAX_LATER_SEGMENTS = 10_000
_MAX_PICTURES = 64
_JFIF_FIELDS, _ADOBE_FIELDS, _DNL, _DNL_SIZE = 14, 12, 0xDC, 4
_NAMED = {
    (0xE0, b"JFXX"): ExtraPart("JFIF thumbnail"),
    (0xE1, EXTENDED_XMP): ExtraPart("extended XMP"),
    (0xE2, b"FPXR"): ExtraPart("FlashPix data (APP2)"),
    (0xEB, b"HDR_RI"): p.GAIN_MAP,
    (0xED, b"Photoshop"): ExtraPart("Photoshop resources (IPTC)"),
    (0xED, b"Adobe_Photoshop"): ExtraPart("Photoshop resources (IPTC)"),
}


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises StreamError where the file ends inside its picture."""
    end, exif, xmp, index = 2, 0, 0, dict[int, int]()
    packets, indexed = list[bytes](), False
    comments = 0
    for segment in walk_jpeg(data):
        if segment.start != end:
            yield ExtraPart("data between segments")
        end = segment.end
        content = data[segment.payload : segment.payload + 40]
        if segment.marker == 0xE1 and content.startswith(b"Exif\x00"):
            exif += 1
            if exif == 1:
                yield p.EXIF  # what follows in further segments belongs to it
        elif segment.marker == 0xE1 and content.startswith(XMP):
            xmp += 1
            yield p.XMP if xmp == 1 else p.SECOND_XMP
            packets.append(data[segment.payload : segment.end])
        elif segment.marker == 0xE2 and content.startswith(b"MPF\x00"):
            index = index or _index(data, segment)
            indexed = True
        elif segment.marker == 0xFE and is_comment(content):
            yield p.RECORD
        elif segment.marker == 0xFE:
            comments += 1
            yield p.COMMENT if comments <= MAX_COMMENTS else p.COMMENTS
        else:
            yield from _segment(data, segment, content)
    if any(_HDRGM in packet for packet in packets):
        yield p.GAIN_MAP
    semantics = set(_SEMANTIC.findall(b"\n".join(packets)))
    if b"GainMap" in semantics:
        yield p.GAIN_MAP
    if b"Depth" in semantics:
        yield p.DEPTH_MAP
    end, later = _end(data, end)
    if later:
        yield ExtraPart("segments between scans")
    behind = list(_behind(data, end, index))
    yield from behind
    if indexed and not behind:
        yield ExtraPart("multi-picture index")


def _segment(data: bytes, segment: Segment, content: bytes) -> Iterator[ExtraPart]:
    marker = segment.marker
    if marker not in range(0xE0, 0xF0):
        return
    known = next((who for (at, mark), who in _NAMED.items() if at == marker and content.startswith(mark)), None)
    if known is not None:
        yield known
    elif marker == 0xE0 and content.startswith(b"JFIF\x00"):
        thumbnail = 3 * content[12] * content[13] if len(content) >= 14 else 0
        if thumbnail:
            yield ExtraPart("JFIF thumbnail")
        if segment.end - segment.payload > _JFIF_FIELDS + thumbnail:
            yield p.SLACK
    elif marker == 0xE2 and content.startswith(_ISO_GAIN_MAP):
        yield p.GAIN_MAP
    elif marker == 0xEB and content.startswith(b"JP"):
        manifest = b"c2pa" in data[segment.payload : min(segment.end, segment.payload + 200)]
        yield p.CREDENTIALS if manifest else ExtraPart("JUMBF or JPEG XT boxes (APP11)")
    elif marker == 0xEE and content.startswith(b"Adobe"):
        if segment.end - segment.payload > _ADOBE_FIELDS:
            yield p.SLACK
    elif not (marker == 0xE2 and content.startswith(b"ICC_PROFILE\x00")):
        yield ExtraPart(f"APP{marker - 0xE0} segment")


def _end(data: bytes, position: int) -> tuple[int, bool]:
    """Where the picture whose scans begin at `position` ends, and whether segments that are no part of it lie between scans."""
    later = False
    for _ in range(_MAX_LATER_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None:
            raise StreamError("JPEG without an end", code=ReasonCode.TRUNCATED)
        marker, position = found[1][0], found.end()
        if marker == _EOI:
            return position, later
        if marker == _SOI:  # another picture, without an end of this one
            return found.start(), later
        if marker == _STANDALONE:
            continue
        size = int.from_bytes(data[position : position + 2], "big")
        later |= marker in APPLICATION_OR_COMMENT or (marker == _DNL and size > _DNL_SIZE)
        position += size
        if position > len(data):
            raise StreamError("JPEG segment runs past the end", code=ReasonCode.TRUNCATED)
    end = data.rfind(b"\xff\xd9", position)
    return (len(data) if end < 0 else end + 2), True


def _behind(data: bytes, position: int, index: dict[int, int]) -> Iterator[ExtraPart]:
    """What follows the picture. `index`: type codes of the multi-picture index by where the pictures begin."""
    for _ in range(_MAX_PICTURES):
        start = data.find(b"\xff\xd8\xff", position)
        film = data.find(b"ftyp", position, start if start >= 0 else len(data))
        if start < 0 or film >= 0:
            break
        if data[position:start].strip(b"\x00"):
            yield p.TAIL
        kind, position = _picture(data, start, index.get(start, 0))
        yield kind
    rest = data[position:]
    if b"ftyp" in rest:
        yield p.FILM
    elif rest.strip(b"\x00"):
        yield p.TAIL


def _picture(data: bytes, start: int, code: int) -> tuple[ExtraPart, int]:
    """What the picture that begins at `start` is, and where it ends."""
    kind = (
        p.VIEW if code & 0x020000 and not code & 0x010000 else p.PREVIEW if code & 0x010000 and not code & 0x020000 else p.PICTURE
    )
    view = data[start:]
    end = 2
    try:
        for segment in walk_jpeg(view):
            if segment.marker == _SOI:
                return kind, start + segment.start  # a picture without an end
            end = segment.end
            content = view[segment.payload : segment.end]
            if segment.marker == 0xE1 and content.startswith(XMP):
                stated = _AUXILIARY_TYPE.search(content)
                kind = p.GAIN_MAP if _HDRGM in content else auxiliary(stated[1]) if stated else kind
            elif segment.marker == 0xE2 and content.startswith(_ISO_GAIN_MAP):
                kind = p.GAIN_MAP
        return kind, start + _end(view, end)[0]
    except StreamError:
        return kind, len(data)


def _index(data: bytes, segment: Segment) -> dict[int, int]:
    """Type codes of the entries of a multi-picture index (CIPA DC-007, 5.2.3.3) by the position of their pictures."""
    base = segment.payload + 4
    block = data[base : segment.end]
    order = "little" if block[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(block[at : at + size], order)  # type: ignore[arg-type]

    start = number(4, 4)
    found: dict[int, int] = {}
    for entry in range(start + 2, min(start + 2 + 12 * number(start, 2), len(block) - 11), 12):
        if number(entry, 2) == 0xB002 and not found:
            at, size = number(entry + 8, 4), number(entry + 4, 4)
            for place in range(at, min(at + size, len(block) - 15), 16):
                found[base + number(place + 8, 4)] = number(place, 4) & 0xFFFFFF
    return found
