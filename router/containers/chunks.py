"""Walking PNG chunks, RIFF chunks and JPEG segments without trusting their lengths; `boxes.py` is the same for ISO boxes.

Linear, and bounded: see `counting.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from router.containers.counting import counted
from router.errors import StreamError
from router.reasons import ReasonCode

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SOS, EOI = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff+[^\xff\x00]", re.DOTALL)
"""Fill bytes (T.81, B.1.1.2) and the marker's own two."""
_STANDALONE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True)
class Chunk:
    """One chunk: `data[start:end]` is all of it (RIFF: without padding), `data[payload:stop]` its content."""

    type: bytes
    start: int
    payload: int
    stop: int
    end: int


@dataclass(frozen=True)
class Segment:
    """One JPEG marker segment: `data[start:end]` is all of it, `data[payload:end]` its content."""

    marker: int
    start: int
    payload: int
    end: int


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
