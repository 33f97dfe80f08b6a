"""TIFF files written tag by tag, with every layout that the format allows and no library writes."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

COMPRESSIONS = {
    "none": 1,
    "ccitt rle": 2,
    "ccitt g3": 3,
    "ccitt g3 in two dimensions": 3,
    "ccitt g4": 4,
    "lzw": 5,
    "jpeg": 7,
    "deflate": 8,
    "old deflate": 32946,
    "packbits": 32773,
    "lzma": 34925,
    "zstd": 50000,
    "lerc": 34887,
    "jpeg 2000": 34712,
    "webp": 50001,
    "png": 34933,
    "jpeg xr": 34934,
    "jpeg xl": 50002,
}
BILEVEL = ("ccitt rle", "ccitt g3", "ccitt g3 in two dimensions", "ccitt g4")
IMAGE_CODED = ("jpeg", "lerc", "jpeg 2000", "webp", "png", "jpeg xr", "jpeg xl")
"""Compressions that code whole pictures: no predictor, no packing."""
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
_TYPES = {"B": 1, "A": 2, "H": 3, "I": 4, "R": 5, "U": 7, "Q": 16}
_SIZES = {"B": 1, "A": 1, "H": 2, "I": 4, "R": 8, "U": 1, "Q": 8}


Tag = tuple[int, str, Sequence[int] | bytes]
"""Number, type as a letter of `_TYPES`, values."""


@dataclass(frozen=True)
class Layout:
    """How samples lie in a file: (H, W, S) samples of `bits` bits, unpacked to their next larger type."""

    samples: NDArray[Any]
    bits: int
    photometric: int
    sample_format: int = UNSIGNED
    extra: tuple[int, ...] = ()
    compression: str = "none"
    predictor: int = 1
    planar: bool = False
    segment: tuple[Literal["strip", "tile"], int] = ("strip", 0)
    """Strips of so many rows (0: all in one), or tiles of that side."""
    order: Literal["<", ">"] = "<"
    big: bool = False
    fill: int = 1
    tags: tuple[Tag, ...] = ()
    """More tags."""
    subsampling: tuple[int, int] = (1, 1)
    cut: bool = False
    """The directory gives the last segment half of its bytes."""

    def file(self) -> bytes:
        """The bytes of a TIFF with this one page."""
        height, width, count = self.samples.shape
        segments = [_filled(_encoded(part, self), self) for part in self._parts()]
        body, offsets = bytearray(), []
        for segment in segments:
            offsets.append((16 if self.big else 8) + len(body))
            body += segment + b"\0" * (len(segment) % 2)
        counts = [len(s) for s in segments]
        if self.cut:
            counts[-1] = max(1, counts[-1] // 2)
        wide = "Q" if self.big else "I"
        tags: list[Tag] = [
            (256, "I", [width]),
            (257, "I", [height]),
            (258, "H", [self.bits] * count),
            (259, "H", [COMPRESSIONS[self.compression]]),
            (262, "H", [self.photometric]),
            (266, "H", [self.fill]),
            (277, "H", [count]),
            (284, "H", [2 if self.planar else 1]),
            *self.tags,
        ]
        if self.segment[0] == "tile":
            tags += [(322, "I", [self.segment[1]]), (323, "I", [self.segment[1]])]
            tags += [(324, wide, offsets), (325, wide, counts)]
        else:
            tags += [(273, wide, offsets), (278, "I", [self._rows()]), (279, wide, counts)]
        if self.predictor != 1:
            tags.append((317, "H", [self.predictor]))
        if self.compression == "ccitt g3 in two dimensions":
            tags.append((292, "I", [1]))
        if self.extra:
            tags.append((338, "H", self.extra))
        if self.sample_format != UNSIGNED:
            tags.append((339, "H", [self.sample_format] * count))
        if self.photometric == 6:
            tags.append((530, "H", self.subsampling))
        return written(tags, bytes(body), self.order, self.big)

    def _rows(self) -> int:
        return self.segment[1] or self.samples.shape[0]

    def _parts(self) -> Iterator[NDArray[Any]]:
        height, width, count = self.samples.shape
        planes = [self.samples[..., s : s + 1] for s in range(count)] if self.planar else [self.samples]
        for plane in planes:
            if self.segment[0] == "strip":
                for top in range(0, height, self._rows()):
                    yield plane[top : top + self._rows()]
                continue
            side = self.segment[1]
            padding = ((0, -height % side), (0, -width % side), (0, 0))
            padded = np.pad(plane, padding, mode="edge")
            for top in range(0, height, side):
                for left in range(0, width, side):
                    yield padded[top : top + side, left : left + side]


def directory(tags: Sequence[Tag], start: int, order: str, big: bool) -> bytes:
    """An image file directory that lies at byte `start`, the values that do not fit into it behind it."""
    entry_size, wide = (20, "Q") if big else (12, "I")
    room = 8 if big else 4
    entries, values = b"", b""
    end = start + (8 if big else 2) + len(tags) * entry_size + room
    for tag, kind, content in sorted(tags, key=lambda t: t[0]):
        if isinstance(content, bytes):
            raw, number = content, len(content)
        else:
            raw, number = struct.pack(f"{order}{len(content)}{'I' if kind == 'R' else kind}", *content), len(content)
            number //= 2 if kind == "R" else 1
        entries += struct.pack(order + "HH" + wide, tag, _TYPES[kind], number)
        if len(raw) <= room:
            entries += raw.ljust(room, b"\0")
        else:
            entries += struct.pack(order + wide, end + len(values))
            values += raw + b"\0" * (len(raw) % 2)
    return struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + bytes(room) + values


def written(tags: Sequence[Tag], content: bytes, order: str, big: bool) -> bytes:
    """A file of `content`, which begins at byte 8 (BigTIFF: 16), and a directory behind it."""
    head = b"II" if order == "<" else b"MM"
    start = (16 if big else 8) + len(content) + len(content) % 2
    head += struct.pack(order + "HHHQ", 43, 8, 0, start) if big else struct.pack(order + "HI", 42, start)
    return head + content + b"\0" * (len(content) % 2) + directory(tags, start, order, big)


def _encoded(part: NDArray[Any], layout: Layout) -> bytes:
    name = layout.compression
    if name in BILEVEL:
        return _fax(np.ascontiguousarray(part[..., 0]).tobytes(), part.shape[:2], name)
    if name in IMAGE_CODED:
        return _image_coded(part, layout)
    raw = _raw(part, layout)
    if name == "packbits":
        row = len(raw) // part.shape[0] if layout.subsampling == (1, 1) else len(raw)
        return b"".join(imagecodecs.packbits_encode(raw[i : i + row]) for i in range(0, len(raw), row))
    coders = {
        "none": lambda b: b,
        "lzw": imagecodecs.lzw_encode,
        "deflate": zlib.compress,
        "old deflate": zlib.compress,
        "lzma": lambda b: imagecodecs.lzma_encode(b, 0),
        "zstd": imagecodecs.zstd_encode,
    }
    return bytes(coders[name](raw))


def _raw(part: NDArray[Any], layout: Layout) -> bytes:
    """Samples after the predictor, packed: rows begin at whole bytes."""
    if layout.subsampling != (1, 1):
        return _subsampled(part, layout.subsampling)
    order = layout.order
    if layout.predictor == 3:
        _, width, count = part.shape
        rows = [bytes(_float_predicted(row.reshape(width * count), count)) for row in part]
        return b"".join(rows)
    if layout.predictor == 2:
        before = np.concatenate([np.zeros_like(part[:, :1]), part[:, :-1]], axis=1)
        with np.errstate(over="ignore"):
            part = part - before
    if layout.bits in (8, 16, 32, 64):
        return part.astype(part.dtype.newbyteorder(order)).tobytes()
    wide = part.reshape(part.shape[0], -1).astype(np.uint32)
    bits = (wide[..., None] >> np.arange(layout.bits - 1, -1, -1, dtype=np.uint32)) & 1
    return np.packbits(bits.reshape(part.shape[0], -1).astype(np.uint8), axis=1).tobytes()


def _float_predicted(row: NDArray[Any], count: int) -> bytes:
    """Adobe's floating-point predictor (Technical Note 3): bytes by significance, the highest first, then differences."""
    planes = row.astype(row.dtype.newbyteorder(">")).view(np.uint8).reshape(len(row), -1).T.reshape(-1)
    out = planes.copy()
    out[count:] -= planes[:-count]
    return out.tobytes()


def _subsampled(part: NDArray[Any], subsampling: tuple[int, int]) -> bytes:
    """YCbCr data units (TIFF 6.0, section 21): the luma of a block, then its Cb and Cr."""
    across, down = subsampling
    height, width, _ = part.shape
    padded = np.pad(part, ((0, -height % down), (0, -width % across), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // down, down, padded.shape[1] // across, across, 3).transpose(0, 2, 1, 3, 4)
    luma = blocks[..., 0].reshape(*blocks.shape[:2], across * down)
    return np.concatenate([luma, blocks[:, :, 0, 0, 1:]], axis=-1).astype(np.uint8).tobytes()


def _filled(data: bytes, layout: Layout) -> bytes:
    """With its bits in the order that FillOrder says."""
    return bytes(imagecodecs.bitorder_encode(data)) if layout.fill == 2 and layout.compression not in IMAGE_CODED else data


@functools.lru_cache(maxsize=64)
def _fax(samples: bytes, shape: tuple[int, int], name: str) -> bytes:
    """CCITT data of a picture whose ones are black (WhiteIsZero), by libtiff."""
    pixels = np.frombuffer(samples, np.uint8).reshape(shape)
    buffer = io.BytesIO()
    kind = {"ccitt rle": "tiff_ccitt", "ccitt g4": "group4"}.get(name, "group3")
    options = {278: shape[0], 262: 0, **({292: 1} if name == "ccitt g3 in two dimensions" else {})}
    Image.fromarray((1 - pixels) * 255).convert("1").save(buffer, "TIFF", compression=kind, tiffinfo=options)
    data = buffer.getvalue()
    opened = Image.open(io.BytesIO(data))
    (start,), (size,) = opened.tag_v2[273], opened.tag_v2[279]
    return data[start : start + size]


def _image_coded(part: NDArray[Any], layout: Layout) -> bytes:
    part = np.ascontiguousarray(part[..., 0] if part.shape[2] == 1 else part)
    name = layout.compression
    if name == "jpeg":
        if layout.photometric == 6 and part.ndim == 3:
            return bytes(imagecodecs.jpeg8_encode(part, 95, colorspace="YCBCR", outcolorspace="YCBCR", subsampling="444"))
        space = {1: "GRAYSCALE", 2: None, 3: "RGB", 4: None}[1 if part.ndim == 2 else part.shape[2]]
        return bytes(imagecodecs.jpeg8_encode(part, 95, colorspace=space, outcolorspace=space))
    if name == "jpeg xl":
        return bytes(imagecodecs.jpegxl_encode(part, lossless=True, effort=1))
    if name == "jpeg 2000":
        return bytes(imagecodecs.jpeg2k_encode(part, level=0, reversible=True, codecformat="J2K", mct=layout.photometric == 2))
    if name == "webp":
        return bytes(imagecodecs.webp_encode(part, lossless=True, level=100, method=0))
    if name == "jpeg xr":
        return bytes(imagecodecs.jpegxr_encode(part, level=1.0))
    return bytes({"lerc": imagecodecs.lerc_encode, "png": imagecodecs.png_encode}[name](part))
