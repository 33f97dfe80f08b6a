"""JPEG, WebP, AVIF and JPEG XL: modes, depths and what an encoder may choose, against what imagecodecs decodes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.readers.cell import Cell

_SIZES = ((24, 40), (17, 23), (1, 1), (64, 3))


def jpeg() -> Iterator[Callable[[], Cell]]:
    """Colour, subsampling, progression, restart markers, Huffman tables, quality."""
    for size in _SIZES:
        for colour in ("gray", "rgb", "ycbcr", "cmyk"):
            for subsampling in (0, 1, 2) if colour == "ycbcr" else (0,):
                for progressive in (False, True):
                    for restart in (0, 2):
                        for quality in (30, 95):
                            make = partial(_jpeg_file, size, colour, subsampling, progressive, restart, quality)
                            axes = {
                                "colour": colour,
                                "subsampling": str(subsampling),
                                "progressive": str(progressive),
                                "restart": str(restart),
                                "quality": str(quality),
                                "size": f"{size[1]}x{size[0]}",
                            }
                            yield partial(_against, "JPEG", axes, make, imagecodecs.jpeg8_decode, 1, colour != "cmyk")


def webp() -> Iterator[Callable[[], Cell]]:
    """Lossy and lossless, alpha, simple and extended container."""
    for size in _SIZES:
        for channels in (3, 4):
            for lossless in (False, True):
                for method in (0, 3):
                    for extended in (False, True):
                        options: dict[str, Any] = {"lossless": lossless, "method": method, "quality": 60, "exact": True}
                        if extended:
                            options["xmp"] = b"<x/>"
                        make = partial(_webp_file, size, channels, options)
                        axes = {
                            "channels": str(channels),
                            "lossless": str(lossless),
                            "method": str(method),
                            "container": "extended" if extended else "simple",
                            "size": f"{size[1]}x{size[0]}",
                        }
                        yield partial(_against, "WebP", axes, make, imagecodecs.webp_decode, 0, True)


def avif() -> Iterator[Callable[[], Cell]]:
    """Depth, channels, chroma, quality."""
    for size in _SIZES:
        for bits in (8, 10, 12):
            for channels in (1, 3, 4):
                for subsampling in ("444", "422", "420") if channels > 1 else ("400",):
                    for level in (40, 100):
                        make = partial(_avif_file, size, channels, bits, subsampling, level)
                        axes = {
                            "depth": f"{bits} bit",
                            "channels": str(channels),
                            "chroma": subsampling,
                            "level": str(level),
                            "size": f"{size[1]}x{size[0]}",
                        }
                        yield partial(_against, "AVIF", axes, make, imagecodecs.avif_decode, 1, True, bits)


def jpeg_xl() -> Iterator[Callable[[], Cell]]:
    """Depth, channels, lossless and lossy, container."""
    for size in _SIZES:
        for bits in (1, 4, 8, 9, 10, 12, 14, 16):
            for channels in (1, 2, 3, 4):
                for lossless in (True, False):
                    for container in (False, True):
                        if bits < 8 and not lossless:
                            continue  # imagecodecs dithers what lossy coding left between the steps
                        deep = bits > 8
                        make = partial(_jxl_file, size, channels, bits, lossless, container)
                        axes = {
                            "depth": f"{bits} bit",
                            "channels": str(channels),
                            "lossless": str(lossless),
                            "container": str(container),
                            "size": f"{size[1]}x{size[0]}",
                        }
                        slack = 0 if lossless else 257 if deep else 1
                        yield partial(_against, "JPEG XL", axes, make, imagecodecs.jpegxl_decode, slack, True, bits)


def _against(
    name: str,
    axes: dict[str, str],
    make: Callable[[], bytes],
    decode: Callable[[bytes], NDArray[Any]],
    slack: int,
    readable: bool,
    bits: int = 8,
) -> Cell:
    """A cell whose right pixels are what `decode` gives."""
    expected = _filled(decode(make()), bits) if readable else None
    return Cell(name, axes, make, expected, slack)


def _filled(array: NDArray[Any], bits: int) -> NDArray[Any]:
    array = array[..., None] if array.ndim == 2 else array
    full = 65535 if bits > 8 else 255
    values = np.floor(array.astype(np.float64) * full / ((1 << bits) - 1) + 0.5)
    return values.astype(np.uint16 if bits > 8 else np.uint8)


def _pixels(size: tuple[int, int], channels: int, dtype: type) -> NDArray[Any]:
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    unit = np.stack([0.5 + 0.5 * np.sin(x / (5 + k) + k + y / (4 + 2 * k)) for k in range(channels)], -1)
    return np.round(unit * np.iinfo(dtype).max).astype(dtype)


def _jpeg_file(size: tuple[int, int], colour: str, subsampling: int, progressive: bool, restart: int, quality: int) -> bytes:
    channels = {"gray": 1, "cmyk": 4}.get(colour, 3)
    pixels = _pixels(size, channels, np.uint8)
    image = Image.fromarray(pixels[..., 0]) if channels == 1 else Image.fromarray(pixels, "CMYK" if channels == 4 else "RGB")
    options: dict[str, Any] = {"quality": quality, "progressive": progressive, "restart_marker_blocks": restart}
    if colour == "rgb":
        options["keep_rgb"] = True
    if colour == "ycbcr":
        options["subsampling"] = subsampling
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _webp_file(size: tuple[int, int], channels: int, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_pixels(size, channels, np.uint8)).save(buffer, "WEBP", **options)
    return buffer.getvalue()


def _avif_file(size: tuple[int, int], channels: int, bits: int, subsampling: str, level: int) -> bytes:
    options = {} if subsampling == "400" else {"pixelformat": subsampling}
    pixels = _stored(size, channels, bits)
    return bytes(imagecodecs.avif_encode(pixels, level=level, bitspersample=bits, speed=10, **options))


def _jxl_file(size: tuple[int, int], channels: int, bits: int, lossless: bool, container: bool) -> bytes:
    options: dict[str, Any] = {"lossless": True} if lossless else {"distance": 1.0}
    pixels = _stored(size, channels, bits)
    return bytes(imagecodecs.jpegxl_encode(pixels, bitspersample=bits, effort=1, usecontainer=container, **options))


def _stored(size: tuple[int, int], channels: int, bits: int) -> NDArray[Any]:
    """(H, W) or (H, W, C) samples of `bits` bits."""
    pixels = _pixels(size, channels, np.uint16) >> (16 - bits)
    pixels = pixels if bits > 8 else pixels.astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels
