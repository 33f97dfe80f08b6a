"""Netpbm bitmaps: PBM, PGM and PPM, plain and raw, where the samples use the full range of 8 or 16 bits."""

from __future__ import annotations

import io
import re
from typing import cast

import numpy as np

from router.images.formats.header import Header, Plan, damaged, depth_refused
from router.images.formats.pillow import decoding, expect, to_array
from router.images.sample import Pixels

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_BITMAP = re.compile(rb"P([14])" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})\s")
_MAP = re.compile(rb"P([2356])" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,5})\s")
_HEAD = 4096  # as far as comments may push the size


def probe(data: bytes) -> Header:
    """Header of a PBM, PGM or PPM. Raises InputError (DAMAGED_IMAGE)."""
    kind, width, height, maxval, _ = _fields(data)
    mode = {1: "1", 4: "1", 2: "L", 5: "L", 3: "RGB", 6: "RGB"}[kind]
    return Header("ppm", width, height, maxval.bit_length(), mode, lossy=False)


def plan(data: bytes, header: Header) -> Plan:
    """How to read it. Raises InputError (DEPTH_NOT_SUPPORTED) when samples would have to be scaled."""
    kind, width, height, maxval, start = _fields(data)
    if maxval not in (1, 255, 65535) or (maxval == 1 and kind not in (1, 4)):
        raise depth_refused(f"samples from 0 to {maxval} do not fill 8 or 16 bits", "Rescale it to a maximum of 255 or 65535")
    if maxval == 65535 and kind == 3:
        raise depth_refused("plain-text PPM with 16 bits per sample", "Write it as raw PPM (P6) or PNG")
    channels, bits = (3 if header.mode == "RGB" else 1), (16 if maxval == 65535 else 8)

    def load() -> Pixels:
        with decoding("PPM"):
            if kind < 5:
                return expect(_by_pillow(data), height, width, channels)
            return _raw(data, start, (height, width, channels), bits)

    return Plan(width, height, channels, bits, load)


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


def _raw(data: bytes, start: int, shape: tuple[int, int, int], bits: int) -> Pixels:
    dtype = np.dtype(">u2" if bits == 16 else "u1")
    count = shape[0] * shape[1] * shape[2]
    if len(data) - start < count * dtype.itemsize:
        raise damaged("Netpbm file ends inside its samples")
    samples = np.frombuffer(data, dtype, count, start).reshape(shape)
    return cast("Pixels", samples.astype(dtype.newbyteorder("=")))


def _by_pillow(data: bytes) -> Pixels:
    from PIL.PpmImagePlugin import PpmImageFile

    image = PpmImageFile(io.BytesIO(data))  # its text decoder reads up to the end of the file, and counts what it got
    image.load()
    return to_array(image)
