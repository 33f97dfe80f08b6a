"""TIFF: layout, colour model, depth, sample format, predictor, compression, byte order, alpha, fill order."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from training.readers.cell import Cell
from training.readers.tiff_file import BILEVEL, COMPRESSIONS, FLOAT, IMAGE_CODED, SIGNED, UNSIGNED, Layout, Tag, written

HEIGHT, WIDTH = 29, 37
_SEGMENTS = {"one strip": ("strip", 0), "strips": ("strip", 8), "tiles": ("tile", 16)}
_KINDS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "black is zero": (1, 1, ()),
    "white is zero": (0, 1, ()),
    "gray, alpha": (1, 2, (2,)),
    "gray, associated alpha": (1, 2, (1,)),
    "gray, unspecified": (1, 2, (0,)),
    "white is zero, alpha": (0, 2, (2,)),
    "rgb": (2, 3, ()),
    "rgb, alpha": (2, 4, (2,)),
    "rgb, associated alpha": (2, 4, (1,)),
    "rgb, unspecified": (2, 4, (0,)),
    "rgb, unstated": (2, 4, ()),
    "rgb, two more": (2, 5, (2, 0)),
    "palette": (3, 1, ()),
    "deep palette": (3, 1, ()),
    "transparency mask": (4, 1, ()),
    "cmyk": (5, 4, ()),
    "cmyk, alpha": (5, 5, (2,)),
    "ycbcr": (6, 3, ()),
    "lab": (8, 3, ()),
}
"""Photometric interpretation, samples, ExtraSamples."""
_DEPTHS = {
    **{f"{bits} bit": (bits, UNSIGNED) for bits in (1, 2, 4, 8, 10, 12, 14, 16, 32)},
    **{f"signed {bits} bit": (bits, SIGNED) for bits in (8, 16, 32)},
    **{f"float {bits}": (bits, FLOAT) for bits in (16, 32, 64)},
    "32 bit, small values": (32, UNSIGNED),
    "signed 16 bit, none negative": (16, SIGNED),
    "signed 32 bit, small values": (32, SIGNED),
}
_GRAYS = ("black is zero", "white is zero")
_JPEG_SLACK = 4


def cells() -> Iterator[Callable[[], Cell]]:
    """Every valid combination."""
    for kind in _KINDS:
        for depth, (bits, sample_format) in _DEPTHS.items():
            if not _exists(kind, depth, bits, sample_format):
                continue
            for compression in COMPRESSIONS:
                yield from _coded(kind, depth, compression)
    yield from _subsampled()
    for photometric in (2, 6):
        for order in "<>":
            for big in (False, True):
                for behind in (True, False):
                    yield partial(_old_jpeg, photometric, order, big, behind)


def _coded(kind: str, depth: str, compression: str) -> Iterator[Callable[[], Cell]]:
    bits, sample_format = _DEPTHS[depth]
    count = _KINDS[kind][1]
    predictors = [1]
    if compression not in IMAGE_CODED + BILEVEL:
        predictors += [3] if sample_format == FLOAT else [2] if bits in (8, 16, 32) else []
    for planar in (False, True) if count > 1 else (False,):
        if not _codes(compression, kind, bits, sample_format, 1 if planar else count):
            continue
        for segment in _SEGMENTS:
            for predictor in predictors:
                for order in "<>":
                    for big in (False, True):
                        for fill in (1,) if compression in IMAGE_CODED else (1, 2):
                            yield partial(_cell, kind, depth, compression, planar, segment, predictor, order, big, fill)


def _cell(
    kind: str, depth: str, compression: str, planar: bool, segment: str, predictor: int, order: str, big: bool, fill: int
) -> Cell:
    bits, sample_format = _DEPTHS[depth]
    photometric, _, extra = _KINDS[kind]
    samples, expected = _picture(kind, depth)
    layout = Layout(
        samples,
        bits,
        photometric,
        sample_format,
        extra,
        compression,
        predictor,
        planar,
        _SEGMENTS[segment],  # type: ignore[arg-type]
        order,  # type: ignore[arg-type]
        big,
        fill,
        _more_tags(kind, bits),
    )
    axes = {
        "colour": kind,
        "depth": depth,
        "compression": compression,
        "predictor": str(predictor),
        "planes": "separate" if planar else "chunky",
        "layout": segment,
        "byte order": "II" if order == "<" else "MM",
        "size of offsets": "BigTIFF" if big else "TIFF",
        "fill order": str(fill),
    }
    slack = _JPEG_SLACK if compression == "jpeg" else 0
    if slack and kind == "ycbcr":
        assert expected is not None
        samples, slack = samples if planar else expected, 6  # decoded to RGB by the witnesses too
    tolerance = max(slack, 3) if kind == "ycbcr" else slack
    seen: NDArray[Any] | None = samples
    if not _clear(compression, predictor, order, bits, photometric):
        expected = seen = None
    return Cell("TIFF", axes, layout.file, expected, tolerance, witness, seen, slack)


def _clear(compression: str, predictor: int, order: str, bits: int, photometric: int) -> bool:
    """Whether readers agree on what the file means.

    A predictor without a compression that has one is applied by some; big-endian LERC is swapped once more by some; an index that
    JPEG changed by one is another colour.
    """
    contested = predictor != 1 and compression in ("none", "packbits")
    swapped = compression == "lerc" and order == ">" and bits > 8
    return not (contested or swapped or (compression == "jpeg" and photometric == 3))


def witness(data: bytes) -> NDArray[Any]:
    """(H, W, S) samples as stored, by libtiff, or by tifffile where libtiff cannot."""
    try:
        return tifffile_samples(data)
    except Exception:
        return libtiff_samples(data)


def libtiff_samples(data: bytes) -> NDArray[Any]:
    """As libtiff reads them."""
    array: NDArray[Any] = imagecodecs.tiff_decode(data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        planar = page.planarconfig == 2 and page.samplesperpixel > 1
    array = array[..., None] if array.ndim == 2 else array
    return np.moveaxis(array, 0, -1) if planar else array


def tifffile_samples(data: bytes) -> NDArray[Any]:
    """As tifffile reads them."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        array = page.asarray(squeeze=False)
    return np.concatenate([array[s, 0] for s in range(array.shape[0])], axis=-1)


def _exists(kind: str, depth: str, bits: int, sample_format: int) -> bool:
    if "," in depth:
        return kind in _GRAYS
    if sample_format != UNSIGNED:
        return kind in (*_GRAYS, "rgb", "gray, alpha", "rgb, alpha")
    if kind == "palette":
        return bits in (1, 2, 4, 8)
    if kind == "deep palette":
        return bits in (1, 2, 4, 8, 16)
    if kind == "transparency mask":
        return bits == 1
    if kind == "ycbcr":
        return bits == 8
    if kind in _GRAYS:
        return True
    return bits in (8, 16) or (kind in ("rgb", "gray, alpha", "rgb, alpha") and bits in (4, 12, 32))


def _codes(compression: str, kind: str, bits: int, sample_format: int, count: int) -> bool:
    """Whether such samples may be coded so, and whether we can."""
    whole = bits in (8, 16) and sample_format == UNSIGNED
    if compression in BILEVEL:
        return bits == 1 and count == 1
    return {
        "jpeg": whole and bits == 8 and count <= 4 and kind != "lab" and "associated" not in kind,
        "lerc": bits in (8, 16, 32, 64) and not (sample_format == FLOAT and bits == 16),
        "jpeg 2000": whole and count <= 4,
        "webp": whole and bits == 8 and count in (3, 4),
        "png": whole and count <= 4,
        "jpeg xr": whole and count in (1, 3),
        "jpeg xl": whole and count <= 4,
    }.get(compression, True)


@lru_cache
def _picture(kind: str, depth: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Stored samples, and the pixels they mean."""
    bits, sample_format = _DEPTHS[depth]
    photometric, count, extra = _KINDS[kind]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [0.5 + 0.5 * np.sin(x / (5 + k) + k + y / (4 + 2 * k)) for k in range(count)]
    unit = np.stack(waves, axis=-1)
    if "," in depth:
        small = np.round(unit * (32767 if bits == 16 else 65535))
        kept = small.astype(np.uint16) if photometric == 1 else None
        return small.astype({16: np.int16, 32: np.int32}[bits] if sample_format == SIGNED else np.uint32), kept
    if sample_format == FLOAT:
        return unit.astype({16: np.float16, 32: np.float32, 64: np.float64}[bits]), None
    if sample_format == SIGNED:
        half = 1 << (bits - 1)
        kinds: dict[int, Any] = {8: np.int8, 16: np.int16, 32: np.int32}
        return ((unit - 0.5) * 1.9 * half).astype(kinds[bits]), None
    top = (1 << bits) - 1
    stored = np.round(unit * top).astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)
    if 1 in extra:
        stored = np.minimum(stored, stored[..., -1:])
    if kind == "ycbcr":
        return _ycbcr(stored, (1, 1))
    return stored, _meaning(kind, stored, bits)


def _meaning(kind: str, stored: NDArray[Any], bits: int) -> NDArray[Any] | None:
    photometric, _, extra = _KINDS[kind]
    if bits == 32 or photometric not in (0, 1, 2, 3) or 0 in extra or kind == "rgb, unstated":
        return None
    if photometric == 3:
        table = np.array(_colour_map(kind, bits)).reshape(3, -1).T
        looked_up = table[stored[..., 0]]
        return (looked_up // 257).astype(np.uint8) if kind == "palette" else looked_up.astype(np.uint16)
    top, full = (1 << bits) - 1, 255 if bits <= 8 else 65535
    values = np.floor(stored.astype(np.float64) * full / top + 0.5)
    if photometric == 0:
        values[..., 0] = full - values[..., 0]
    if 1 in extra:
        alpha = values[..., -1:]
        values[..., :-1] = np.floor(values[..., :-1] * full / np.maximum(alpha, 1) + 0.5)
    return values.astype(np.uint8 if full == 255 else np.uint16)


@lru_cache
def _colour_map(kind: str, bits: int) -> list[int]:
    values = np.random.default_rng(bits).integers(0, 65536, 3 << bits)
    return (values // 257 * 257 if kind == "palette" else values).tolist()


@lru_cache
def _more_tags(kind: str, bits: int) -> tuple[tuple[int, str, Any], ...]:
    return ((320, "H", _colour_map(kind, bits)),) if "palette" in kind else ()


def _ycbcr(stored: NDArray[Any], subsampling: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Samples whose chroma is one value a block, and their colours (ITU-R BT.601, full range: the defaults of TIFF 6.0)."""
    across, down = subsampling
    stored = (stored // 2 + 64).astype(np.uint8)
    stored[..., 1:] = stored[::down, ::across, 1:].repeat(down, 0).repeat(across, 1)[:HEIGHT, :WIDTH]
    luma, blue, red = (stored[..., k].astype(np.float64) for k in range(3))
    blue, red = blue - 128, red - 128
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=-1)
    return stored, np.clip(np.round(rgb), 0, 255).astype(np.uint8)


def _subsampled() -> Iterator[Callable[[], Cell]]:
    """YCbCr that is no JPEG, by subsampling: only libtiff reads these."""
    grid = [(across, down) for across in (1, 2, 4) for down in (1, 2, 4) if (across, down) != (1, 1) and down <= across]
    for subsampling in grid:
        for compression in ("none", "lzw", "deflate", "packbits"):
            for segment in _SEGMENTS:
                for order in "<>":
                    yield partial(_subsampled_cell, subsampling, compression, segment, order)


def _subsampled_cell(subsampling: tuple[int, int], compression: str, segment: str, order: str) -> Cell:
    ramp = np.indices((HEIGHT, WIDTH)).sum(0)[..., None] * np.array([3, 2, 1])
    stored, expected = _ycbcr((ramp % 256).astype(np.uint8), subsampling)
    layout = Layout(
        stored,
        8,
        6,
        compression=compression,
        segment=_SEGMENTS[segment],  # type: ignore[arg-type]
        order=order,  # type: ignore[arg-type]
        subsampling=subsampling,
    )
    axes = {
        "colour": f"ycbcr, subsampled {subsampling[0]} x {subsampling[1]}",
        "depth": "8 bit",
        "compression": compression,
        "layout": segment,
        "byte order": "II" if order == "<" else "MM",
    }
    return Cell("TIFF", axes, layout.file, expected, 3)


def _old_jpeg(photometric: int, order: str, big: bool, whole: bool) -> Cell:
    """Old-style JPEG with its stream whole, or without a word of where that is."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([x * 5, 255 - y * 6, (x + y) * 3], -1).astype(np.uint8)
    stream = bytes(imagecodecs.jpeg8_encode(pixels, 90, subsampling="444"))
    start = 16 if big else 8
    tags: list[Tag] = [(256, "I", [WIDTH]), (257, "I", [HEIGHT]), (258, "H", [8, 8, 8]), (259, "H", [6])]
    tags += [(262, "H", [photometric]), (273, "I", [start]), (277, "H", [3]), (278, "I", [HEIGHT]), (279, "I", [len(stream)])]
    tags += [(512, "H", [1]), (513, "I", [start]), (514, "I", [len(stream)])] if whole else []
    axes = {
        "colour": "rgb" if photometric == 2 else "ycbcr",
        "depth": "8 bit",
        "compression": "old jpeg" if whole else "old jpeg in parts",
        "byte order": "II" if order == "<" else "MM",
        "size of offsets": "BigTIFF" if big else "TIFF",
    }
    expected = imagecodecs.jpeg8_decode(stream) if whole else None
    return Cell("TIFF", axes, partial(written, tags, stream, order, big), expected, 2)


def cut_files() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """By compression and layout, files whose last strip or tile ends too early: nothing may be read from them."""
    for compression in COMPRESSIONS:
        if compression == "none":
            continue  # the samples are there all the same
        kind, depth = ("black is zero", "1 bit") if compression in BILEVEL else ("rgb", "8 bit")
        for segment in _SEGMENTS:
            cell = _cell(kind, depth, compression, False, segment, 1, "<", False, 1)
            layout: Layout = cell.make.__self__  # type: ignore[attr-defined]
            yield f"{compression}, {segment}", partial(_bytes, replace(layout, cut=True))


def _bytes(layout: Layout) -> bytes:
    return layout.file()
