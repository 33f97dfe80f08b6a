"""Writing the short decision record into a file (`images/short_record.py` says where it lies)."""

from __future__ import annotations

from router.codecs import _png_chunks, _riff
from router.errors import StreamError
from router.images.chunks import walk_jpeg, walk_png
from router.images.short_record import PNG_CHUNK, UUID, WEBP_CHUNK, places
from router.reasons import ReasonCode

_LEAD = (0xE0, 0xE1)


def write(data: bytes, file_format: str, record: bytes) -> bytes:
    """`data` ("png", "jpeg", "webp", "avif" or "jxl") with this short record and no other; a WebP becomes an extended one.

    Raises StreamError for damaged data.
    """
    data = _without(data, file_format)
    if file_format == "png":
        at = next((c.start for c in walk_png(data) if c.type == b"IDAT"), None)
        if at is None:
            raise StreamError("PNG without IDAT", code=ReasonCode.DAMAGED_STREAM)
        return data[:at] + _png_chunks.chunk(PNG_CHUNK, record) + data[at:]
    if file_format == "jpeg":
        at = 2  # JFIF wants to be first, EXIF and XMP directly behind it
        for s in walk_jpeg(data):
            if s.marker not in _LEAD:
                break
            at = s.end
        return data[:at] + b"\xff\xfe" + (len(record) + 2).to_bytes(2, "big") + record + data[at:]
    if file_format == "webp":
        return _riff.with_chunk(data, WEBP_CHUNK, record)
    return data + (24 + len(record)).to_bytes(4, "big") + b"uuid" + UUID + record


def _without(data: bytes, file_format: str) -> bytes:
    if file_format == "webp":
        return data  # `with_chunk` replaces
    pieces, position = list[bytes](), 0
    for start, _, _, end in places(data, file_format):
        pieces.append(data[position:start])
        position = end
    return b"".join([*pieces, data[position:]])
