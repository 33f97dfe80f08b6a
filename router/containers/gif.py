"""Walking the blocks of a GIF (89a) without trusting their lengths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router.containers.parts import flood, most_parts
from router.errors import StreamError
from router.reasons import ReasonCode


@dataclass(frozen=True)
class GifBlock:
    """An image (`label` None) or an extension: `data[start:end]` is all of it, `data[first:end]` its sub-blocks."""

    label: int | None
    start: int
    first: int
    end: int


def walk_gif(data: bytes) -> Iterator[GifBlock]:
    """Blocks in order, up to the trailer, which is not among them.

    Raises StreamError (UNKNOWN_STREAM, TRUNCATED), or (DAMAGED_STREAM) for a flood of tiny ones.
    """
    if not data.startswith((b"GIF87a", b"GIF89a")):
        raise StreamError("no GIF signature", code=ReasonCode.UNKNOWN_STREAM)
    position = 13 + _table(data, 10)
    left = most_parts(len(data))  # of sub-blocks, and of blocks without any
    while True:
        kind = _byte(data, position)
        if kind == 0x21:
            first, label = position + 2, _byte(data, position + 1)
        elif kind == 0x2C:
            first, label = position + 11 + _table(data, position + 9), None
        else:
            return  # the trailer, or rubbish behind the last block
        end = first
        left -= 1
        while size := _byte(data, end):
            end += 1 + size
            left -= 1
            if left < 0:
                break
        if left < 0:
            raise flood(len(data), "GIF sub-blocks")
        yield GifBlock(label, position, first, end + 1)
        position = end + 1


def content(data: bytes, block: GifBlock) -> bytes:
    """What the sub-blocks hold."""
    pieces: list[bytes] = []
    position = block.first
    while size := data[position]:
        pieces.append(data[position + 1 : position + 1 + size])
        position += 1 + size
    return b"".join(pieces)


def _table(data: bytes, position: int) -> int:
    flags = _byte(data, position)
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _byte(data: bytes, position: int) -> int:
    if position >= len(data):
        raise StreamError(f"GIF ends at byte {len(data)}, before its trailer", code=ReasonCode.TRUNCATED)
    return data[position]
