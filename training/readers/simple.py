"""Netpbm and GIF."""

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

_SIZES = ((5, 7), (1, 1), (3, 17), (4, 8))
_HEADS = {
    "lines": b"%d\n%d\n%s",
    "one line": b"%d %d %s",
    "comments": b"# a comment\n%d # of the width\n\t%d\n# before the last\n%s",
    "returns": b"%d\r%d\r%s",
}


def netpbm() -> Iterator[Callable[[], Cell]]:
    """Kind, largest sample, how the header is laid out, size."""
    for kind in range(1, 7):
        for top in (1,) if kind in (1, 4) else (1, 3, 15, 100, 255, 256, 1023, 4095, 65535):
            for size in _SIZES:
                for head in _HEADS:
                    yield partial(_map, kind, top, size, head)


def gif() -> Iterator[Callable[[], Cell]]:
    """Version, depth, interlace, palette, transparency, place on the screen."""
    for version in (b"GIF87a", b"GIF89a"):
        for bits in range(1, 9):
            for interlaced in (False, True):
                for palette in ("global", "local", "local over global", "none"):
                    for transparent in (False, True) if version == b"GIF89a" else (False,):
                        for place in ("whole", "part", "outside"):
                            for size in _SIZES:
                                yield partial(_gif, version, bits, interlaced, palette, transparent, place, size)


def _map(kind: int, top: int, size: tuple[int, int], head: str) -> Cell:
    height, width = size
    count = 3 if kind in (3, 6) else 1
    y, x = np.mgrid[0:height, 0:width]
    samples = np.stack([(x * (k + 2) + y * (7 - k)) * max(top // 40, 1) % (top + 1) for k in range(count)], -1)
    expected: NDArray[Any] | None
    if kind in (1, 4):
        expected = (255 * (1 - samples)).astype(np.uint8)
    elif top in (255, 65535):
        expected = samples.astype(np.uint8 if top == 255 else np.uint16)
    else:
        full = 255 if top < 255 else 65535
        expected = np.floor(samples * full / top + 0.5).astype(np.uint8 if full == 255 else np.uint16)
    axes = {"kind": f"P{kind}", "largest sample": str(top), "size": f"{width}x{height}", "header": head}
    seen = expected if top in (1, 255, 65535) and not (top == 65535 and kind in (3, 6)) else None
    return Cell("Netpbm", axes, partial(_netpbm_file, kind, top, samples, head), expected, 0, _pillow_gray, seen)


def _netpbm_file(kind: int, top: int, samples: NDArray[Any], head: str) -> bytes:
    height, width, _ = samples.shape
    fields = _HEADS[head] % (width, height, b"%d" % top)
    if kind in (1, 4):  # no largest sample, and no comment behind the size
        fields = fields[: fields.rindex(b"%d" % height, 0, fields.rindex(b"%d" % top)) + len(b"%d" % height)]
    lines = b"P%d\n" % kind + fields + (b" " if head == "one line" else b"\n")
    if kind == 4:
        return lines + np.packbits(samples[..., 0].astype(np.uint8), axis=1).tobytes()
    if kind > 4:
        return lines + samples.astype(">u2" if top > 255 else "u1").tobytes()
    return lines + b"\n".join(b" ".join(b"%d" % v for v in row.reshape(-1)) for row in samples) + b"\n"


def _pillow_gray(data: bytes) -> NDArray[Any]:
    image = Image.open(io.BytesIO(data))
    array = np.asarray(image.convert("L") if image.mode == "1" else image)
    return array[..., None] if array.ndim == 2 else array


def _gif(version: bytes, bits: int, interlaced: bool, palette: str, transparent: bool, place: str, size: tuple[int, int]) -> Cell:
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    indices = ((x * 3 + y * 5) // 2 % (1 << bits)).astype(np.uint8)
    rng = np.random.default_rng(bits)
    tables = [rng.integers(0, 256, (1 << bits, 3)).astype(np.uint8) for _ in range(2)]
    left, top = (0, 0) if place == "whole" else (2, 1)
    screen = (height, width) if place != "part" else (height + 3, width + 4)
    whole = (max(screen[0], top + height), max(screen[1], left + width))
    used = {"global": tables[0], "local": tables[1], "local over global": tables[1]}.get(palette)
    if used is None:
        used = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    clear = int(indices[height // 2, width // 2]) if transparent else None
    channels = 4 if transparent or whole != (height, width) else 3
    expected = np.zeros((*whole, channels), np.uint8)
    picture = used[indices]
    if channels == 4:
        picture = np.dstack([picture, np.where(indices == clear, 0, 255) if transparent else np.full(size, 255)]).astype(np.uint8)
    expected[top : top + height, left : left + width] = picture
    make = partial(_gif_file, version, bits, interlaced, palette, clear, (left, top), screen, indices, tables)
    axes = {
        "version": version.decode(),
        "depth": f"{bits} bit",
        "interlace": str(interlaced),
        "palette": palette,
        "transparency": str(transparent),
        "place": place,
        "size": f"{width}x{height}",
    }
    return Cell("GIF", axes, make, expected, 0, _pillow_gif, picture[..., :3] if place == "whole" and palette != "none" else None)


def _pillow_gif(data: bytes) -> NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _gif_file(
    version: bytes,
    bits: int,
    interlaced: bool,
    palette: str,
    clear: int | None,
    at: tuple[int, int],
    screen: tuple[int, int],
    indices: NDArray[np.uint8],
    tables: list[NDArray[np.uint8]],
) -> bytes:
    height, width = indices.shape
    everywhere, here = "global" in palette, "local" in palette
    out = version + struct.pack("<HHBBB", screen[1], screen[0], (0x80 if everywhere else 0) | bits - 1, 0, 0)
    out += tables[0].tobytes() if everywhere else b""
    if clear is not None:
        out += b"\x21\xf9\x04" + struct.pack("<BHB", 1, 0, clear) + b"\0"
    flags = (0x80 | bits - 1 if here else 0) | (0x40 if interlaced else 0)
    out += b"\x2c" + struct.pack("<HHHHB", *at, width, height, flags)
    out += tables[1].tobytes() if here else b""
    rows = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)]
    return out + _lzw((indices[rows] if interlaced else indices).reshape(-1).tolist(), max(bits, 2)) + b"\x3b"


def _lzw(indices: list[int], bits: int) -> bytes:
    """Codes that never grow: the table is cleared before it would."""
    clear, size = 1 << bits, bits + 1
    codes = []
    for i, index in enumerate(indices):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(index)
    codes.append(clear + 1)
    value = sum(code << (size * i) for i, code in enumerate(codes))
    packed = value.to_bytes((size * len(codes) + 7) // 8, "little")
    blocks = [packed[i : i + 255] for i in range(0, len(packed), 255)]
    return bytes([bits]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"
