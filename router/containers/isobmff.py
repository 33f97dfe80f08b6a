"""Walking the boxes of ISO base media files (AVIF, JPEG XL containers) without trusting their lengths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router.containers.parts import counted
from router.errors import StreamError
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Box:
    """One box: `data[start:end]` is all of it, `data[payload:end]` its content. `open_ended`: its length field is 0."""

    type: bytes
    start: int
    payload: int
    end: int
    open_ended: bool = False


def iter_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Boxes of `data[start:end]` in order. Raises StreamError (TRUNCATED, DAMAGED_STREAM) for bad lengths, and for too many."""
    stop = len(data) if end is None else end
    return counted(_walk(data, start, stop), max(0, stop - start), "boxes")


def _walk(data: bytes, start: int, stop: int) -> Iterator[Box]:
    position = start
    while position < stop:
        if position + 8 > stop:
            raise StreamError(f"box header cut off at byte {position}", code=ReasonCode.TRUNCATED)
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        payload = position + 8
        if length == 1:
            if position + 16 > stop:
                raise StreamError(f"box header cut off at byte {position}", code=ReasonCode.TRUNCATED)
            length = int.from_bytes(data[position + 8 : position + 16], "big")
            payload = position + 16
        box_end = stop if length == 0 else position + length
        if box_end < payload:
            raise StreamError(f"box {kind!r} at byte {position} is shorter than its header", code=ReasonCode.DAMAGED_STREAM)
        if box_end > stop:
            raise StreamError(f"box {kind!r} at byte {position} runs past the end", code=ReasonCode.TRUNCATED)
        yield Box(kind, position, payload, box_end, length == 0)
        position = box_end
