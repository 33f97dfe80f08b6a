"""Where the short decision record lies in each container.

It is a place that no reader of pictures looks at, and that is never copied from a source into a new file. Its content is
`DecisionRecord.to_short`.

PNG: a private chunk, not safe to copy. JPEG: a comment. WebP: a RIFF chunk. AVIF and JPEG XL: a `uuid` box at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from router.containers.isobmff import iter_boxes
from router.containers.jpeg import walk_jpeg
from router.containers.png import chunk, walk_png
from router.containers.webp import walk_webp, with_chunk
from router.errors import StreamError
from router.reasons import ReasonCode

PNG_CHUNK = b"crRC"
WEBP_CHUNK = b"CRSR"
UUID = bytes.fromhex("8c1d4a0be1f65a3c9d0271b54e6fa9c3")
"""Type of the box, and the first bytes of its content."""
_JPEG_START = b'["cr'
_COM = 0xFE
_LEAD = (0xE0, 0xE1)


def is_comment(content: bytes) -> bool:
    """Whether a JPEG comment is a short record."""
    return content.startswith(_JPEG_START)


def read(data: bytes, file_format: str) -> bytes | None:
    """The short record of a file ("png", "jpeg", "webp", "avif" or "jxl"), None if there is none.

    Raises StreamError: damaged data; DAMAGED_RECORD if there is more than one, for then at most one of them is ours.
    """
    found = [data[start:stop] for _, start, stop, _ in places(data, file_format)]
    if len(found) > 1:
        raise StreamError("the file holds more than one decision record", code=ReasonCode.DAMAGED_RECORD)
    return found[0] if found else None


def write(data: bytes, file_format: str, record: bytes) -> bytes:
    """`data` ("png", "jpeg", "webp", "avif" or "jxl") with this short record and no other; a WebP becomes an extended one.

    Raises StreamError for damaged data.
    """
    data = _without(data, file_format)
    if file_format == "png":
        at = next((c.start for c in walk_png(data) if c.type == b"IDAT"), None)
        if at is None:
            raise StreamError("PNG without IDAT", code=ReasonCode.DAMAGED_STREAM)
        return data[:at] + chunk(PNG_CHUNK, record) + data[at:]
    if file_format == "jpeg":
        at = 2  # JFIF wants to be first, EXIF and XMP directly behind it
        for s in walk_jpeg(data):
            if s.marker not in _LEAD:
                break
            at = s.end
        return data[:at] + b"\xff\xfe" + (len(record) + 2).to_bytes(2, "big") + record + data[at:]
    if file_format == "webp":
        return with_chunk(data, WEBP_CHUNK, record)
    return data + (24 + len(record)).to_bytes(4, "big") + b"uuid" + UUID + record


def places(data: bytes, file_format: str) -> Iterator[tuple[int, int, int, int]]:
    """Start, start and stop of the content, and end of every place that claims to be a short record. Raises StreamError."""
    if file_format == "png":
        yield from ((c.start, c.payload, c.stop, c.end) for c in walk_png(data) if c.type == PNG_CHUNK)
    elif file_format == "jpeg":
        for s in walk_jpeg(data):
            if s.marker == _COM and data.startswith(_JPEG_START, s.payload, s.end):
                yield s.start, s.payload, s.end, s.end
    elif file_format == "webp":
        for c in walk_webp(data):
            if c.type == WEBP_CHUNK:
                yield c.start, c.payload, c.stop, c.end + (c.end - c.payload & 1)
    elif file_format == "avif" or (file_format == "jxl" and not data.startswith(b"\xff\x0a")):
        for box in iter_boxes(data):
            if is_box(data, box.type, box.payload):
                yield box.start, box.payload + len(UUID), box.end, box.end


def is_box(data: bytes, kind: bytes, payload: int) -> bool:
    """Whether a box of this type, whose content begins at `payload`, holds a short record."""
    return kind == b"uuid" and data.startswith(UUID, payload)


def _without(data: bytes, file_format: str) -> bytes:
    if file_format == "webp":
        return data  # `with_chunk` replaces
    pieces, position = list[bytes](), 0
    for start, _, _, end in places(data, file_format):
        pieces.append(data[position:start])
        position = end
    return b"".join([*pieces, data[position:]])
