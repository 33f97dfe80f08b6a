"""PNG: colour type, depth, interlace, filters, transparency, palette length, how the data is cut into chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from training.readers.cell import Cell

_COLOURS = {"gray": (0, 1), "rgb": (2, 3), "palette": (3, 1), "gray, alpha": (4, 2), "rgba": (6, 4)}
_DEPTHS = {"gray": (1, 2, 4, 8, 16), "rgb": (8, 16), "palette": (1, 2, 4, 8), "gray, alpha": (8, 16), "rgba": (8, 16)}
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_SIZES = ((13, 21), (1, 1), (5, 3), (1, 17))


def cells() -> Iterator[Callable[[], Cell]]:
    """Every combination."""
    for colour, depths in _DEPTHS.items():
        for bits in depths:
            for size in _SIZES:
                for interlaced in (False, True):
                    for filters in ("0", "1", "2", "3", "4", "mixed"):
                        for transparent in ("no", "yes", *(("short",) if colour == "palette" else ())):
                            if transparent != "no" and "a" in colour.replace("gray", "").replace("palette", ""):
                                continue
                            for cut in (None, 7):
                                yield partial(_cell, colour, bits, size, interlaced, filters, transparent, cut)


def _cell(
    colour: str, bits: int, size: tuple[int, int], interlaced: bool, filters: str, transparent: str, cut: int | None
) -> Cell:
    kind, count = _COLOURS[colour]
    height, width = size
    rng = np.random.default_rng(bits + height)
    y, x = np.mgrid[0:height, 0:width]
    top = (1 << bits) - 1
    samples = np.stack(
        [(x * (k + 3) * max(top // 40, 1) + y * (7 - k) + rng.integers(0, 2, size)) % (top + 1) for k in range(count)], -1
    )
    extra = b""
    full = 65535 if bits == 16 else 255
    pixels = samples.astype(np.int64) * (1 if bits >= 8 else 255 // top)
    if colour == "palette":
        entries = rng.integers(0, 256, (top + 1, 3))
        alphas = np.full(top + 1, 255)
        extra = _chunk(b"PLTE", entries.astype(np.uint8).tobytes())
        if transparent != "no":
            given = rng.integers(0, 256, top + 1 if transparent == "yes" else 1)
            alphas[: len(given)] = given
            extra += _chunk(b"tRNS", given.astype(np.uint8).tobytes())
        pixels = entries[samples[..., 0]]
        if transparent != "no":
            pixels = np.dstack([pixels, alphas[samples[..., 0]]])
    elif transparent == "yes":
        key = samples[height // 2, width // 2]
        extra = _chunk(b"tRNS", key.astype(">u2").tobytes())
        pixels = np.dstack([pixels, np.where((samples == key).all(-1), 0, full)])
    expected = pixels.astype(np.uint16 if bits == 16 else np.uint8)
    axes = {
        "colour": colour,
        "depth": f"{bits} bit",
        "size": f"{width}x{height}",
        "interlace": str(interlaced),
        "filters": filters,
        "transparency": transparent,
        "data chunks": "one" if cut is None else "many",
    }
    make = partial(_file, samples, bits, kind, interlaced, filters, extra, cut)
    return Cell("PNG", axes, make, expected, 0, _witness, pixels)


def _witness(data: bytes) -> NDArray[Any]:
    """As libspng reads it, by way of imagecodecs: transparency becomes alpha."""
    array: NDArray[Any] = imagecodecs.png_decode(data)
    return array[..., None] if array.ndim == 2 else array


def _file(samples: NDArray[Any], bits: int, kind: int, interlaced: bool, filters: str, extra: bytes, cut: int | None) -> bytes:
    height, width, _ = samples.shape
    passes = [samples[a::c, b::d] for a, b, c, d in _PASSES] if interlaced else [samples]
    packed = zlib.compress(b"".join(_rows(part, bits, filters) for part in passes if part.size))
    step = cut or len(packed)
    body = b"".join(_chunk(b"IDAT", packed[i : i + step]) for i in range(0, len(packed), step))
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + _chunk(b"IEND", b"")


def _rows(part: NDArray[Any], bits: int, filters: str) -> bytes:
    out = []
    step = max(1, part.shape[2] * bits // 8)
    above: NDArray[np.int64] | None = None
    for index, row in enumerate(part):
        if bits < 8:
            unpacked = (row.reshape(-1, 1) >> np.arange(bits - 1, -1, -1)) & 1
            raw = np.packbits(unpacked.astype(np.uint8).reshape(-1)).astype(np.int64)
        else:
            raw = np.frombuffer(row.astype(">u2" if bits == 16 else "u1").tobytes(), np.uint8).astype(np.int64)
        kind = index % 5 if filters == "mixed" else int(filters)
        up = np.zeros_like(raw) if above is None else above
        left, corner = (np.concatenate([np.zeros(step, np.int64), line[:-step]])[: len(raw)] for line in (raw, up))
        guess = (0 * raw, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        out.append(bytes([kind]) + ((raw - guess) % 256).astype(np.uint8).tobytes())
        above = raw
    return b"".join(out)


def _paeth(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> NDArray[Any]:
    p = a + b - c
    far = np.stack([abs(p - a), abs(p - b), abs(p - c)])
    return np.choose(far.argmin(0), [a, b, c])


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
