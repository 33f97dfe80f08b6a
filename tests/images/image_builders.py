"""Small files made by hand, where no encoder would write what a test needs."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def photo(height: int = 48, width: int = 64, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth colours with some noise, (H, W, C) uint8; every channel differs, so that swaps are seen."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (k + 2) + y * (5 - k) + 40 * k) % 256 for k in range(channels)]
    return ((np.stack(planes, -1) + rng.integers(0, 9, (height, width, channels))) % 256).astype(np.uint8)


def save(pixels: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    """Encode with Pillow."""
    if isinstance(pixels, np.ndarray):
        pixels = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    buffer = io.BytesIO()
    pixels.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, payload: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(pixels: np.ndarray, *, bits: int | None = None, colour: int | None = None, extra: bytes = b"") -> bytes:
    """A PNG of (H, W, C) samples, unfiltered; `bits` below 8 packs gray or palette samples that are small enough."""
    height, width, channels = pixels.shape
    bits = bits or 8 * pixels.dtype.itemsize
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if colour is None else colour
    if bits < 8:
        planes = np.unpackbits(pixels[..., 0, None].astype(np.uint8), axis=-1)[..., 8 - bits :]
        rows = [np.packbits(row).tobytes() for row in planes.reshape(height, -1)]
    else:
        rows = [row.astype(">u2" if bits == 16 else "u1").tobytes() for row in pixels]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return PNG_SIGNATURE + head + extra + body + chunk(b"IEND", b"")


def exif(orientation: int, maker_note: bytes = b"", order: str = "<") -> bytes:
    """A TIFF block with make, orientation and a MakerNote that lies after everything else."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    make = b"Acme Camera\0"
    ifd0 = 8
    after_ifd0 = ifd0 + 2 + 3 * 12 + 4
    exif_ifd = after_ifd0 + len(make)
    note = exif_ifd + 2 + 12 + 4
    e = order
    block = mark + struct.pack(e + "I", ifd0) + struct.pack(e + "H", 3)
    block += struct.pack(e + "HHII", 0x010F, 2, len(make), after_ifd0)
    block += struct.pack(e + "HHIHH", 0x0112, 3, 1, orientation, 0)
    block += struct.pack(e + "HHII", 0x8769, 4, 1, exif_ifd) + struct.pack(e + "I", 0) + make
    block += struct.pack(e + "H", 1) + struct.pack(e + "HHII", 0x927C, 7, len(maker_note), note) + struct.pack(e + "I", 0)
    return block + maker_note


class Bits:
    """Writes JPEG XL header bits, least significant first."""

    def __init__(self) -> None:
        self.value, self.count = 0, 0

    def put(self, value: int, count: int) -> Bits:
        self.value |= value << self.count
        self.count += count
        return self

    def bytes(self) -> bytes:
        return self.value.to_bytes(-(-self.count // 8), "little")


def jxl_size(bits: Bits, width: int, height: int) -> Bits:
    """SizeHeader in its widest form."""
    return bits.put(0, 1).put(3, 2).put(height - 1, 30).put(0, 3).put(3, 2).put(width - 1, 30)


def jxl_header(
    width: int,
    height: int,
    *,
    animated: bool = False,
    orientation: int = 1,
    bits: int = 8,
    transfer: int = 0,
    alpha: str = "",
) -> bytes:
    """A codestream header, nothing after it: `transfer` is another curve than sRGB's, `alpha` "straight" or "associated"."""
    out = jxl_size(Bits(), width, height).put(0, 1)  # not all_default
    out.put(1, 1).put(orientation - 1, 3).put(0, 1).put(0, 1).put(int(animated), 1)
    if animated:
        out.put(0, 2).put(0, 2).put(0, 2).put(0, 1)
    out.put(0, 1)  # integer samples
    if bits in (8, 10, 12):
        out.put((8, 10, 12).index(bits), 2)
    else:
        out.put(3, 2).put(bits - 1, 6)
    out.put(1, 1).put(1 if alpha else 0, 2)  # 16-bit buffers, extra channels
    if alpha:
        out.put(0, 1).put(0, 2).put(0, 3).put(0, 2).put(0, 2).put(int(alpha == "associated"), 1)
    out.put(0, 1)  # not XYB
    if transfer:
        out.put(0, 1).put(0, 1).put(0, 2).put(1, 2).put(1, 2).put(0, 1).put(2 if transfer < 18 else 3, 2)
        out.put(transfer - 2 if transfer < 18 else transfer - 18, 4 if transfer < 18 else 6).put(1, 2)
    else:
        out.put(1, 1)
    out.put(1, 1).put(0, 2).put(1, 1)  # default tone mapping, no extensions, default transform
    return b"\xff\x0a" + out.bytes()


def jxl_stub(width: int, height: int, **options: Any) -> bytes:
    """A header as `jxl_header` writes it, and the start of a frame that holds nothing."""
    return jxl_header(width, height, **options) + bytes(8)


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_s15(v) for v in values)


SRGB_CURVE = 0.0
"""Stands for sRGB's own curve where a gamma is asked for."""


def _curve(gamma: float) -> bytes:
    if gamma == SRGB_CURVE:
        v = np.linspace(0, 1, 1024)
        table = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
        return b"curv\0\0\0\0" + struct.pack(">I", 1024) + np.round(table * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def icc(primaries: tuple[tuple[float, float], ...] | None, gamma: float) -> bytes:
    """An ICC v2 profile: matrix and gamma for (x, y) primaries under D65, or gray for None."""
    tags: dict[bytes, bytes] = {b"wtpt": _xyz(np.array([0.9642, 1.0, 0.8249]))}
    if primaries is None:
        tags[b"kTRC"] = _curve(gamma)
    else:
        bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
        d65, d50 = np.array([0.95047, 1.0, 1.08883]), np.array([0.9642, 1.0, 0.8249])
        raw = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
        matrix = raw * np.linalg.solve(raw, d65)
        matrix = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ d65)) @ bradford @ matrix
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True):
            tags[name] = _xyz(column)
        for name in (b"rTRC", b"gTRC", b"bTRC"):
            tags[name] = _curve(gamma)
    text = b"hand-made"
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 78
    tags[b"cprt"] = b"text\0\0\0\0none\0"
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += padded
    space = b"GRAY" if primaries is None else b"RGB "
    head = struct.pack(">I", start + len(body)) + b"\0\0\0\0" + b"\x02\x10\0\0" + b"mntr" + space + b"XYZ "
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + b"\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d"
    return head.ljust(128, b"\0") + table + body


SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
REC2020_PRIMARIES = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PROPHOTO_PRIMARIES = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
