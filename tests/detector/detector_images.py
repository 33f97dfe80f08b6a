"""Images for the detector's tests: samples as they are, generated ones, and photographs with something planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from router.containers.metadata import Metadata
from router.images.sample import ImageSample, Source


def sample_of(pixels: NDArray) -> ImageSample:
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    bits = 16 if pixels.dtype == np.uint16 else 8
    source = Source("array", None)
    return ImageSample(
        width=width, height=height, channels=channels, bits=bits, source=source, metadata=Metadata(), load=lambda: pixels
    )


def pixels_of(path: Path, mode: str = "RGB") -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


def text_block(height: int, width: int) -> NDArray[np.uint8]:
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for row in range(4, height - 10, 12):
        pen.text((4, row), "0123456789 ABCDEFG hijklmnop " * (width // 100 + 1), fill="black")
    return np.asarray(page)
