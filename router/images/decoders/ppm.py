"""Netpbm bitmaps: PBM, PGM and PPM, plain and raw, with any largest sample; scaled to fill 8 or 16 bits."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from router.images.decoders.header import ImageHeader, ReadPlan, damaged
from router.images.decoders.pillow import decoding
from router.images.sample import Pixels

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_BITMAP = re.compile(rb"P([14])" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})\s")
_MAP = re.compile(rb"P([2356])" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,5})\s")
_COMMENT = re.compile(rb"#[^\r\n]*")
_NO_NUMBER = re.compile(rb"[^0-9\s]")
_HEAD = 4096  # as far as comments may push the size


def probe(data: bytes) -> ImageHeader:
    """Header of a PBM, PGM or PPM. Raises InputError (DAMAGED_IMAGE)."""
    kind, width, height, maxval, _ = _fields(data)
    mode = {1: "1", 4: "1", 2: "L", 5: "L", 3: "RGB", 6: "RGB"}[kind]
    return ImageHeader("ppm", width, height, maxval.bit_length(), mode, lossy=False)


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it: samples up to 255 fill 8 bits, larger ones 16, rounded to the nearest. Raises InputError."""
    kind, width, height, maxval, start = _fields(data)
    channels, bits = (3 if header.mode == "RGB" else 1), (8 if maxval < 256 else 16)

    def load() -> Pixels:
        with decoding("PPM"):
            shape = (height, width, channels)
            if kind in (1, 4):
                ones = _plain_bits(data, start, shape) if kind == 1 else _raw_bits(data, start, shape)
                return cast("Pixels", (255 - 255 * ones).astype(np.uint8))
            return _scaled(_plain(data, start, shape) if kind < 5 else _raw(data, start, shape, maxval), maxval)

    return ReadPlan(width, height, channels, bits, load)


def _fields(data: bytes) -> tuple[int, int, int, int, int]:
    """Kind (1 to 6), width, height, largest sample, where the samples start."""
    match = _MAP.match(data[:_HEAD]) or _BITMAP.match(data[:_HEAD])
    if match is None:
        raise damaged("Netpbm header cannot be read")
    kind, width, height, *rest = (int(group) for group in match.groups())
    maxval = rest[0] if rest else 1
    if not width or not height or not 0 < maxval < 65536:
        raise damaged(f"Netpbm header says {width}x{height}, samples up to {maxval}")
    return kind, width, height, maxval, match.end()


def _scaled(samples: NDArray[Any], maxval: int) -> Pixels:
    full, dtype = (255, np.uint8) if maxval < 256 else (65535, np.uint16)
    if int(samples.max()) > maxval or int(samples.min()) < 0:
        raise damaged(f"Netpbm file with samples above the {maxval} of its header")
    if maxval == full:
        return cast("Pixels", samples.astype(dtype))
    table = ((np.arange(maxval + 1, dtype=np.int64) * 2 * full + maxval) // (2 * maxval)).astype(dtype)
    return cast("Pixels", table[samples])


def _raw(data: bytes, start: int, shape: tuple[int, int, int], maxval: int) -> NDArray[Any]:
    dtype = np.dtype(">u2" if maxval > 255 else "u1")
    return np.frombuffer(data, dtype, _counted(data, start, shape, dtype.itemsize), start).reshape(shape)


def _raw_bits(data: bytes, start: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    height, width, _ = shape
    stride = (width + 7) // 8
    rows = np.frombuffer(data, np.uint8, _counted(data, start, (height, stride, 1), 1), start).reshape(height, stride)
    return np.unpackbits(rows, axis=1, count=width)[..., None]


def _plain(data: bytes, start: int, shape: tuple[int, int, int]) -> NDArray[Any]:
    count = _counted(data, start, shape, 2, spare=1)  # a digit and a gap at least
    text = _COMMENT.sub(b"", data[start:])
    other = _NO_NUMBER.search(text)
    try:
        values = np.fromstring(text[: other.start()] if other else text, dtype=np.int64, sep=" ", count=count)
    except ValueError as error:
        raise damaged("Netpbm file with samples that are no numbers, or with too few") from error
    return values.reshape(shape)


def _plain_bits(data: bytes, start: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    count = _counted(data, start, shape, 1)
    digits = np.frombuffer(_COMMENT.sub(b"", data[start:]).translate(None, b" \t\r\n\v\f"), np.uint8)[:count]
    if len(digits) < count or ((digits != 48) & (digits != 49)).any():
        raise damaged("Netpbm file with samples other than 0 and 1, or with too few")
    return (digits - 48).reshape(shape)


def _counted(data: bytes, start: int, shape: tuple[int, int, int], size: int, spare: int = 0) -> int:
    """How many samples there are; InputError where the file is too short for so many of `size` bytes."""
    count = shape[0] * shape[1] * shape[2]
    if len(data) - start + spare < count * size:
        raise damaged("Netpbm file ends inside its samples")
    return count
