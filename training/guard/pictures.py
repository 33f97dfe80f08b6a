"""Photographs that the guard is calibrated on and measured with, and their codings by the neural codec at a few rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from router.codecs.base import Lane
from router.evaluation.measure.variants import NEURAL, CodecVariant
from router.folders import IMAGE_SUFFIXES

Picture = NDArray[np.uint8]
"""(H, W, 3)."""

RATES = (2_000, 10_000, 20_000, 30_000, 40_000, 52_000, 65_535)
"""From below SSIMULACRA2 30 to the best that the codec can do, evenly in score."""


def image_files(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)


def centre_crop(path: Path, side: int) -> Picture:
    """The middle of an image, at most `side` px a side, as 8-bit RGB."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def neural(model: str) -> CodecVariant:
    """The neural codec with this model, at `RATES`."""
    return CodecVariant(NEURAL, {"id": "ncr", "model": model}, Lane.NEURAL, RATES)
