"""BMP: header version, depth, masks, run lengths, direction of rows, palettes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.readers.cell import Cell

_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_SIZES = ((5, 7), (4, 8), (1, 1), (3, 33))
_MASKS: dict[str, tuple[int, tuple[int, int, int, int]]] = {
    "555": (16, (0x7C00, 0x03E0, 0x001F, 0)),
    "565": (16, (0xF800, 0x07E0, 0x001F, 0)),
    "444": (16, (0x0F00, 0x00F0, 0x000F, 0)),
    "4444": (16, (0x0F00, 0x00F0, 0x000F, 0xF000)),
    "1555": (16, (0x7C00, 0x03E0, 0x001F, 0x8000)),
    "BGRX": (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    "BGRA": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "RGBX": (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    "RGBA": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
    "XBGR": (32, (0xFF000000, 0xFF0000, 0xFF00, 0)),
    "ABGR": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    "2-10-10-10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
}


def cells() -> Iterator[Callable[[], Cell]]:
    """Every valid combination."""
    for header in _HEADERS:
        for size in _SIZES:
            for down in (False, True) if header not in (12, 16, 64) else (False,):
                for gap in (0, 20):
                    for bits in (1, 2, 4, 8):
                        if bits == 2 and header < 40:
                            continue
                        for used in ("all", "some", "stated as 0") if header != 12 else ("all",):
                            yield partial(_indexed, header, size, down, gap, bits, used, "none")
                        if header >= 40 and header != 64 and bits in (4, 8) and not down:
                            for coded in ("runs", "absolute", "jumps"):
                                yield partial(_indexed, header, size, down, gap, bits, "all", coded)
                    yield partial(_direct, header, size, down, gap, "24 bit")
                    if header >= 40:
                        yield partial(_direct, header, size, down, gap, "16 bit")
                        yield partial(_direct, header, size, down, gap, "32 bit")
                    if header >= 40 and header != 64:
                        for masks, (_, (*_, alpha)) in _MASKS.items():
                            if not alpha or header >= 56:
                                yield partial(_direct, header, size, down, gap, masks)


def _indexed(header: int, size: tuple[int, int], down: bool, gap: int, bits: int, used: str, coded: str) -> Cell:
    height, width = size
    count = 1 << bits
    if used == "some":
        count = max(2, count * 3 // 4)
    y, x = np.mgrid[0:height, 0:width]
    indices = ((x * 3 + y * 5) // 2 % count).astype(np.uint8)
    rng = np.random.default_rng(bits)
    colours = rng.integers(0, 256, (count, 3)).astype(np.uint8)
    expected = colours[indices]
    if coded == "jumps":  # pixels that are jumped over have index 0
        indices[height // 2 :, : width // 2] = 0
        expected = colours[indices]
    body = _run_lengths(indices, bits, coded) if coded != "none" else _packed(indices, bits, down)
    compression = 0 if coded == "none" else 1 if bits == 8 else 2
    table = np.zeros((count, 3 if header == 12 else 4), np.uint8)
    table[:, :3] = colours[:, ::-1]
    stated = 0 if used == "stated as 0" or (used == "all" and bits != 8) else count
    make = partial(_file, header, size, bits, compression, down, gap, table.tobytes(), stated, body, (0, 0, 0, 0))
    axes = _axes(header, size, down, gap, f"{bits} bit") | {"palette": used, "run lengths": coded}
    return Cell("BMP", axes, make, expected, 0, _witness, expected)


def _direct(header: int, size: tuple[int, int], down: bool, gap: int, kind: str) -> Cell:
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    unit = np.stack([((x * (k + 2) * 7 + y * (5 - k) * 11 + 31) % 97) / 96 for k in range(4)], -1)
    unit[0, 0, 3] = 1  # an alpha that is 0 everywhere is none
    bits, masks = _MASKS.get(kind, (int(kind.split()[0]) if "bit" in kind else 0, (0, 0, 0, 0)))
    compression = 3 if kind in _MASKS else 0
    actual = masks if kind in _MASKS else _MASKS["555"][1] if bits == 16 else _MASKS["BGRX"][1]
    words = np.zeros(size, np.uint64)
    planes = []
    deepest = 0
    for channel, mask in enumerate(actual):
        if not mask:
            continue
        shift = (mask & -mask).bit_length() - 1
        top = mask >> shift
        deepest = max(deepest, top)
        values = np.round(unit[..., channel] * top).astype(np.uint64)
        words |= values << np.uint64(shift)
        planes.append(values.astype(np.float64) / top)
    if bits == 32 and not actual[3]:
        words |= np.uint64(~(actual[0] | actual[1] | actual[2]) & 0xFFFFFFFF)
    full, dtype = (65535, np.uint16) if deepest > 255 else (255, np.uint8)
    expected: NDArray[Any] = np.floor(np.stack(planes, -1) * full + 0.5).astype(dtype)
    size_of_pixel = bits // 8
    rows = words.astype("<u8").view(np.uint8).reshape(height, width, 8)[..., :size_of_pixel].reshape(height, -1)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    body = (padded if down else padded[::-1]).tobytes()
    make = partial(_file, header, size, bits, compression, down, gap, b"", 0, body, masks)
    axes = _axes(header, size, down, gap, kind)
    tolerance = 1 if bits == 16 else 0  # 5 bits to 8: rounded, cut or repeated, all are in use
    return Cell("BMP", axes, make, expected, tolerance, _witness, expected[..., :3], 1)


def _axes(header: int, size: tuple[int, int], down: bool, gap: int, kind: str) -> dict[str, str]:
    return {
        "header": str(header),
        "depth": kind,
        "size": f"{size[1]}x{size[0]}",
        "rows": "top down" if down else "bottom up",
        "gap": str(gap),
    }


def _packed(indices: NDArray[Any], bits: int, down: bool) -> bytes:
    unpacked = (indices[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    rows = np.packbits(unpacked.reshape(len(indices), -1), axis=1)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return (padded if down else padded[::-1]).tobytes()


def _run_lengths(indices: NDArray[Any], bits: int, coded: str) -> bytes:
    """RLE8 or RLE4, bottom up."""
    height, width = indices.shape
    out = bytearray()
    for y, row in enumerate(indices[::-1]):
        start = 0
        if coded == "jumps" and height - 1 - y >= height // 2:
            start = width // 2
            if start:
                out += bytes((0, 2, start, 0))
        if coded == "absolute":
            for x in range(start, width, 200):
                part = row[x : x + 200]
                out += _absolute(part, bits) if len(part) > 2 else b"".join(_run(1, int(v), bits) for v in part)
        else:
            x = start
            while x < width:
                end = x
                while end < width and row[end] == row[x] and end - x < 255:
                    end += 1
                out += _run(end - x, int(row[x]), bits)
                x = end
        out += b"\0\0"
    return bytes(out + b"\0\1")


def _run(count: int, value: int, bits: int) -> bytes:
    return bytes((count, value if bits == 8 else value * 17))


def _absolute(part: NDArray[Any], bits: int) -> bytes:
    content = part.tobytes()
    if bits == 4:
        even = np.append(part, np.uint8(0))[: len(part) + len(part) % 2]
        content = (even[::2] << 4 | even[1::2]).tobytes()
    return bytes((0, len(part))) + content + b"\0" * (len(content) % 2)


def _file(
    header: int,
    size: tuple[int, int],
    bits: int,
    compression: int,
    down: bool,
    gap: int,
    table: bytes,
    stated: int,
    body: bytes,
    masks: tuple[int, int, int, int],
) -> bytes:
    height, width = size
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHH", header, width, -height if down else height, 1, bits)
        info += struct.pack("<IIiiII", compression, len(body), 2835, 2835, stated, 0)
        info = info[:header] if header < 40 else info
        if header >= 52 and header != 64:
            info += struct.pack("<III", *masks[:3])
        if header >= 56 and header != 64:
            info += struct.pack("<I", masks[3])
        info = info.ljust(header, b"\0")
        if header >= 108:
            info = info[:56] + b"BGRs" + info[60:]
        if header == 40 and compression == 3:
            info += struct.pack("<III", *masks[:3])
    start = 14 + len(info) + len(table) + gap
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + table + b"\xee" * gap + body


def _witness(data: bytes) -> NDArray[Any]:
    """As Pillow has it."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
