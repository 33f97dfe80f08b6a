"""Boxes of the JPEG XL container (ISO/IEC 18181-2): an `xml ` box behind the codestream, and nothing else moved.

A box in front of the codestream may be what a transcoded JPEG is rebuilt from, so it is never touched. One behind it is ours.
"""

from __future__ import annotations

from router.containers.isobmff import Box, iter_boxes
from router.errors import StreamError
from router.reasons import ReasonCode

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_FILE_TYPE = b"\x00\x00\x00\x14ftypjxl \x00\x00\x00\x00jxl "
_CODESTREAM_BOXES = (b"jxlc", b"jxlp")


def holds_jpeg(data: bytes) -> bool:
    """Whether there is a box with what it takes to rebuild a JPEG file. Raises StreamError."""
    return data.startswith(CONTAINER) and any(b.type == b"jbrd" for b in iter_boxes(data))


def read_xmp(data: bytes) -> bytes | None:
    """The packet behind the codestream, None if there is none. Raises StreamError."""
    found = [b for b in _split(data)[1] if b.type == b"xml "]
    return data[found[-1].payload : found[-1].end] if found else None


def with_xmp(data: bytes, xmp: bytes) -> bytes:
    """`data` with this packet as its last box, in place of any other behind the codestream. Raises StreamError."""
    if data.startswith(CODESTREAM):
        data = CONTAINER + _FILE_TYPE + _box(b"jxlc", data)
    front, behind = _split(data)
    kept = [_closed(data, b) for b in [*front, *(b for b in behind if b.type != b"xml ")]]
    return b"".join([*kept, _box(b"xml ", xmp)])


def _split(data: bytes) -> tuple[list[Box], list[Box]]:
    if data.startswith(CODESTREAM):
        return [], []
    if not data.startswith(CONTAINER):
        raise StreamError("no JPEG XL signature", code=ReasonCode.UNKNOWN_STREAM)
    boxes = list(iter_boxes(data))
    last = max((i for i, b in enumerate(boxes) if b.type in _CODESTREAM_BOXES), default=None)
    if last is None:
        raise StreamError("JPEG XL container without a codestream", code=ReasonCode.DAMAGED_STREAM)
    return boxes[: last + 1], boxes[last + 1 :]


def _closed(data: bytes, box: Box) -> bytes:
    # A box with length 0 runs to the end of the file, so nothing could follow it.
    return _box(box.type, data[box.payload : box.end]) if box.open_ended else data[box.start : box.end]


def _box(kind: bytes, content: bytes) -> bytes:
    size = len(content) + 8
    if size < 1 << 32:
        return size.to_bytes(4, "big") + kind + content
    return b"\x00\x00\x00\x01" + kind + (size + 8).to_bytes(8, "big") + content
