"""WebP's RIFF chunks (RFC 9649, section 2): walked, XMP replaced, and the upgrade to the extended layout."""

from __future__ import annotations

from collections.abc import Iterator

from router.containers.parts import Chunk, counted
from router.errors import StreamError
from router.reasons import ReasonCode

_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10
_XMP_CHUNK = b"XMP "


def walk_webp(data: bytes) -> Iterator[Chunk]:
    """RIFF chunks of a WebP in order; what stands behind the RIFF is not looked at. Raises StreamError."""
    return counted(_walk_webp(data), len(data), "RIFF chunks")


def _walk_webp(data: bytes) -> Iterator[Chunk]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise StreamError("no WebP signature", code=ReasonCode.UNKNOWN_STREAM)
    stop = 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data):
        raise StreamError(f"WebP of {stop} bytes ends at byte {len(data)}", code=ReasonCode.TRUNCATED)
    position = 12
    while position + 8 <= stop:
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + size
        if end > stop:
            raise StreamError(f"WebP chunk at byte {position} runs past the end", code=ReasonCode.DAMAGED_STREAM)
        yield Chunk(data[position : position + 4], position, position + 8, end, end)
        position = end + (size & 1)


def read_xmp(data: bytes) -> bytes | None:
    """The packet of the XMP chunk, None if there is none. Raises StreamError."""
    return next((data[c.payload : c.stop] for c in walk_webp(data) if c.type == _XMP_CHUNK), None)


def with_xmp(data: bytes, xmp: bytes) -> bytes:
    """`data` in the extended layout with this packet as the last chunk, and no other XMP. Raises StreamError."""
    return with_chunk(data, _XMP_CHUNK, xmp, flag=_XMP_FLAG)


def with_chunk(data: bytes, kind: bytes, content: bytes, *, flag: int = 0) -> bytes:
    """`data` in the extended layout with this as the last chunk, no other of its type, and its flag set. Raises StreamError."""
    chunks = [(c.type, data[c.payload : c.stop]) for c in walk_webp(data) if c.type != kind]
    if not chunks:
        raise StreamError("WebP without an image", code=ReasonCode.DAMAGED_STREAM)
    if chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _extended_header(*chunks[0])))
    header = chunks[0][1]
    if len(header) != 10:
        raise StreamError("WebP VP8X chunk has a wrong size", code=ReasonCode.DAMAGED_STREAM)
    chunks[0] = b"VP8X", bytes([header[0] | flag]) + header[1:]
    body = b"WEBP" + b"".join(_chunk(*c) for c in [*chunks, (kind, content)])
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + b"\x00" * (len(content) & 1)


def _extended_header(kind: bytes, c: bytes) -> bytes:
    """Content of the VP8X chunk for an image chunk (its type and content)."""
    if kind == b"VP8 " and c[3:6] == b"\x9d\x01\x2a" and len(c) >= 10:  # RFC 6386, section 9.1
        width, height = (int.from_bytes(c[i : i + 2], "little") & 0x3FFF for i in (6, 8))
        flags = 0
    elif kind == b"VP8L" and c[:1] == b"\x2f" and len(c) >= 5:  # RFC 9649, section 3
        bits = int.from_bytes(c[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = _ALPHA_FLAG if bits >> 28 & 1 else 0
    else:
        raise StreamError(f"WebP image chunk {kind!r} cannot be read", code=ReasonCode.DAMAGED_STREAM)
    if not (width and height):
        raise StreamError("WebP without pixels", code=ReasonCode.DAMAGED_STREAM)
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
