"""PNG chunks (W3C PNG, third edition, section 5): walked, read, inserted and replaced without touching pixels."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable, Iterator

from router.containers.metadata import PixelDensity, Text
from router.containers.parts import Chunk, counted
from router.errors import StreamError
from router.reasons import ReasonCode

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp\x00"
_MAX_XMP = 16 << 20
_MAX_UINT = (1 << 31) - 1
_WORTH = 1024
"""Bytes of text from which on they are compressed."""


def walk_png(data: bytes) -> Iterator[Chunk]:
    """PNG chunks in order, up to and with IEND. Raises StreamError (UNKNOWN_STREAM, TRUNCATED, DAMAGED_STREAM)."""
    return counted(_walk_png(data), len(data), "PNG chunks")


def _walk_png(data: bytes) -> Iterator[Chunk]:
    if not data.startswith(PNG_SIGNATURE):
        raise StreamError("no PNG signature", code=ReasonCode.UNKNOWN_STREAM)
    position = len(PNG_SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise StreamError(f"PNG ends at byte {len(data)}, before IEND", code=ReasonCode.TRUNCATED)
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if not kind.isalpha():
            raise StreamError(f"PNG chunk type {kind!r} at byte {position}", code=ReasonCode.DAMAGED_STREAM)
        if end > len(data):
            raise StreamError(f"PNG chunk {kind!r} at byte {position} runs past the end", code=ReasonCode.TRUNCATED)
        yield Chunk(kind, position, position + 8, end - 4, end)
        if kind == b"IEND":
            return
        position = end


def chunk(kind: bytes, content: bytes) -> bytes:
    """A whole chunk with length and CRC."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def iccp(profile: bytes) -> bytes:
    """An iCCP chunk."""
    return chunk(b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(profile, 9))


def exif(block: bytes) -> bytes:
    """An eXIf chunk holding a TIFF block."""
    return chunk(b"eXIf", block)


def density(stated: PixelDensity) -> bytes:
    """A pHYs chunk; it knows the metre only."""
    scale = {"inch": 1 / 0.0254, "cm": 100, "m": 1, "": 1}[stated.unit]
    x, y = (min(max(1, round(value * scale)), _MAX_UINT) for value in (stated.x, stated.y))
    return chunk(b"pHYs", x.to_bytes(4, "big") + y.to_bytes(4, "big") + bytes([stated.unit != ""]))


def text(stated: Text) -> bytes:
    """A tEXt chunk; iTXt for what Latin-1 or a keyword alone cannot say; compressed where that pays."""
    keyword = stated.keyword.encode("latin-1") + b"\x00"
    if not stated.language and not stated.translated:
        with contextlib.suppress(UnicodeEncodeError):
            plain = stated.text.encode("latin-1")
            return (
                chunk(b"tEXt", keyword + plain)
                if len(plain) < _WORTH
                else chunk(b"zTXt", keyword + b"\x00" + zlib.compress(plain))
            )
    content, where = stated.text.encode(), stated.language.encode("ascii") + b"\x00" + stated.translated.encode() + b"\x00"
    packed = len(content) >= _WORTH
    return chunk(b"iTXt", keyword + bytes([packed, 0]) + where + (zlib.compress(content) if packed else content))


def insert_after_header(data: bytes, chunks: Iterable[bytes]) -> bytes:
    """`data` with these chunks behind IHDR, where iCCP has to be (before PLTE and IDAT)."""
    header = next(walk_png(data))
    return data[: header.end] + b"".join(chunks) + data[header.end :]


def read_xmp(data: bytes) -> bytes | None:
    """The packet of the iTXt chunk `XML:com.adobe.xmp`, None if there is none. Raises StreamError."""
    for found in walk_png(data):
        if _is_xmp(data, found):
            return _itxt_text(data, found)
    return None


def with_xmp(data: bytes, xmp: bytes) -> bytes:
    """`data` with this packet in an uncompressed iTXt before the first IDAT, and no other XMP. Raises StreamError."""
    chunks = list(walk_png(data))
    before = next((c.start for c in chunks if c.type == b"IDAT"), None)
    if before is None:
        raise StreamError("PNG without IDAT", code=ReasonCode.DAMAGED_STREAM)
    parts = [PNG_SIGNATURE]
    for c in chunks:
        if c.start == before:
            parts.append(chunk(b"iTXt", _XMP_KEYWORD + b"\x00\x00\x00\x00" + xmp))
        if not _is_xmp(data, c):
            parts.append(data[c.start : c.end])
    return b"".join(parts)


def _is_xmp(data: bytes, c: Chunk) -> bool:
    return c.type == b"iTXt" and data.startswith(_XMP_KEYWORD, c.payload, c.stop)


def _itxt_text(data: bytes, c: Chunk) -> bytes:
    if zlib.crc32(data[c.start + 4 : c.stop]) != int.from_bytes(data[c.stop : c.end], "big"):
        raise StreamError("PNG iTXt chunk has a wrong CRC", code=ReasonCode.CHECKSUM_MISMATCH)
    # keyword NUL | compression flag, method | language NUL | translated keyword NUL | text
    body = data[c.payload + len(_XMP_KEYWORD) : c.stop]
    compressed, fields = body[:1] == b"\x01", body[2:].split(b"\x00", 2)
    if len(fields) != 3:
        raise StreamError("PNG iTXt chunk is cut short", code=ReasonCode.DAMAGED_STREAM)
    return _inflate(fields[2]) if compressed else fields[2]


def _inflate(deflated: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(deflated, _MAX_XMP)
    except zlib.error as error:
        raise StreamError("PNG iTXt chunk cannot be inflated", code=ReasonCode.DAMAGED_STREAM, foreign=error) from error
    if not inflater.eof:
        raise StreamError("PNG iTXt chunk is cut short or larger than 16 MiB", code=ReasonCode.DAMAGED_STREAM)
    return text
