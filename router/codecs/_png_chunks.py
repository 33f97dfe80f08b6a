"""PNG chunks (W3C PNG, third edition, section 5): reading, inserting and replacing without touching pixels."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from router.errors import StreamError
from router.reasons import ReasonCode

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp\x00"
_MAX_XMP = 16 << 20


@dataclass(frozen=True)
class Chunk:
    """One chunk: `data[start:end]` is all of it, `data[start + 8 : end - 4]` its content."""

    type: bytes
    start: int
    end: int


def chunk(kind: bytes, content: bytes) -> bytes:
    """A whole chunk with length and CRC."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def iccp(profile: bytes) -> bytes:
    """An iCCP chunk."""
    return chunk(b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(profile, 9))


def exif(block: bytes) -> bytes:
    """An eXIf chunk holding a TIFF block."""
    return chunk(b"eXIf", block)


def walk(data: bytes) -> Iterator[Chunk]:
    """Chunks in order, up to and with IEND. Raises StreamError (UNKNOWN_STREAM, TRUNCATED, DAMAGED_STREAM)."""
    if not data.startswith(SIGNATURE):
        raise StreamError("no PNG signature", code=ReasonCode.UNKNOWN_STREAM)
    position = len(SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise StreamError(f"PNG ends at byte {len(data)}, before IEND", code=ReasonCode.TRUNCATED)
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if not kind.isalpha():
            raise StreamError(f"PNG chunk type {kind!r} at byte {position}", code=ReasonCode.DAMAGED_STREAM)
        if end > len(data):
            raise StreamError(f"PNG chunk {kind!r} at byte {position} runs past the end", code=ReasonCode.TRUNCATED)
        yield Chunk(kind, position, end)
        if kind == b"IEND":
            return
        position = end


def insert_after_header(data: bytes, chunks: Iterable[bytes]) -> bytes:
    """`data` with these chunks behind IHDR, where iCCP has to be (before PLTE and IDAT)."""
    header = next(walk(data))
    return data[: header.end] + b"".join(chunks) + data[header.end :]


def read_xmp(data: bytes) -> bytes | None:
    """The packet of the iTXt chunk `XML:com.adobe.xmp`, None if there is none. Raises StreamError."""
    for found in walk(data):
        if _is_xmp(data, found):
            return _itxt_text(data, found)
    return None


def with_xmp(data: bytes, xmp: bytes) -> bytes:
    """`data` with this packet in an uncompressed iTXt before the first IDAT, and no other XMP. Raises StreamError."""
    chunks = list(walk(data))
    before = next((c.start for c in chunks if c.type == b"IDAT"), None)
    if before is None:
        raise StreamError("PNG without IDAT", code=ReasonCode.DAMAGED_STREAM)
    parts = [SIGNATURE]
    for c in chunks:
        if c.start == before:
            parts.append(chunk(b"iTXt", _XMP_KEYWORD + b"\x00\x00\x00\x00" + xmp))
        if not _is_xmp(data, c):
            parts.append(data[c.start : c.end])
    return b"".join(parts)


def _is_xmp(data: bytes, c: Chunk) -> bool:
    return c.type == b"iTXt" and data.startswith(_XMP_KEYWORD, c.start + 8)


def _itxt_text(data: bytes, c: Chunk) -> bytes:
    if zlib.crc32(data[c.start + 4 : c.end - 4]) != int.from_bytes(data[c.end - 4 : c.end], "big"):
        raise StreamError("PNG iTXt chunk has a wrong CRC", code=ReasonCode.CHECKSUM_MISMATCH)
    # keyword NUL | compression flag, method | language NUL | translated keyword NUL | text
    body = data[c.start + 8 + len(_XMP_KEYWORD) : c.end - 4]
    compressed, fields = body[:1] == b"\x01", body[2:].split(b"\x00", 2)
    if len(fields) != 3:
        raise StreamError("PNG iTXt chunk is cut short", code=ReasonCode.DAMAGED_STREAM)
    return _inflate(fields[2]) if compressed else fields[2]


def _inflate(deflated: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(deflated, _MAX_XMP)
    except zlib.error as error:
        raise StreamError(f"PNG iTXt chunk cannot be inflated: {error}", code=ReasonCode.DAMAGED_STREAM) from error
    if not inflater.eof:
        raise StreamError("PNG iTXt chunk is cut short or larger than 16 MiB", code=ReasonCode.DAMAGED_STREAM)
    return text
