"""Lossless coding of the alpha plane: one byte of method, then a zlib stream (RFC 1950) of differences modulo 256."""

from __future__ import annotations

import zlib
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from router.errors import StreamError
from router.reasons import ReasonCode


class AlphaPredictor(IntEnum):
    """How a plane is predicted; samples outside the plane count as 0."""

    CONSTANT = 0
    """One byte: the value of every sample."""
    NONE = 1
    LEFT = 2
    UP = 3
    GRADIENT = 4
    """left + up - upper left"""


def encode(plane: NDArray[np.uint8]) -> bytes:
    """(H, W) uint8 -> the payload of the ALPH chunk, by whichever method is smallest (the first among equals)."""
    if (plane == plane.flat[0]).all():
        return bytes([AlphaPredictor.CONSTANT, plane.flat[0]])
    residuals = {
        AlphaPredictor.NONE: plane,
        AlphaPredictor.LEFT: np.diff(plane, axis=1, prepend=np.uint8(0)),
        AlphaPredictor.UP: np.diff(plane, axis=0, prepend=np.uint8(0)),
    }
    residuals[AlphaPredictor.GRADIENT] = np.diff(residuals[AlphaPredictor.LEFT], axis=0, prepend=np.uint8(0))
    coded = [bytes([m]) + zlib.compress(r.tobytes(), 9) for m, r in residuals.items()]
    return min(coded, key=len)


def decode(payload: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The plane (height, width). Takes no more memory than it needs. Raises StreamError (DAMAGED_STREAM)."""
    try:
        method = AlphaPredictor(payload[0])
    except (IndexError, ValueError) as error:
        raise _damaged("unknown method") from error
    if method is AlphaPredictor.CONSTANT:
        if len(payload) != 2:
            raise _damaged("a constant plane takes two bytes")
        return np.full((height, width), payload[1], np.uint8)
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(payload[1:], height * width + 1)
    except zlib.error as error:
        raise _damaged("its deflate stream is damaged") from error
    if len(raw) != height * width or not inflater.eof or inflater.unused_data:
        raise _damaged("not as many samples as the image has pixels")
    plane = np.frombuffer(raw, np.uint8).reshape(height, width)
    if method in (AlphaPredictor.LEFT, AlphaPredictor.GRADIENT):
        plane = np.cumsum(plane, axis=1, dtype=np.uint8)
    if method in (AlphaPredictor.UP, AlphaPredictor.GRADIENT):
        plane = np.cumsum(plane, axis=0, dtype=np.uint8)
    return plane


def _damaged(what: str) -> StreamError:
    return StreamError(f"alpha chunk is damaged: {what}", code=ReasonCode.DAMAGED_STREAM, hint="Fetch the file again")
