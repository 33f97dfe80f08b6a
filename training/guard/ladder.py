"""One photograph, coded by the neural codec at a few rates: what the guard is calibrated on, kept by content in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import NDArray
from PIL import Image

from router.codecs.neural.codec import NeuralCodec
from router.containers.metadata import Metadata
from router.images.arrays import from_pixels
from router.quality.metrics import scorer

Picture = NDArray[np.uint8]
"""(H, W, 3)."""

RATES = (2_000, 10_000, 20_000, 30_000, 40_000, 52_000, 65_535)
"""From below SSIMULACRA2 30 to the best that the codec can do, evenly in score."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Rung:
    """One rate: SSIMULACRA2, bytes, and the fp32 reference decoding, (H, W, 3) uint8."""

    rate: int
    score: float
    size: int
    pixels: Picture


def image_files(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def centre_crop(path: Path, side: int) -> Picture:
    """The middle of an image, at most `side` px a side, as 8-bit RGB."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def ladder(pixels: Picture, model: str, rates: Sequence[int], cache: Path) -> list[Rung]:
    """`pixels` coded by `model` at each of `rates`, in order. What is in `cache` already for these weights is not coded again."""
    from router.codecs.neural.weights import find_model

    memory = Memory(cache, verbose=0, compress=1)
    coded: list[tuple[int, float, int, Picture]] = memory.cache(_code, ignore=["model"])(
        pixels, model, find_model(model).sha256, tuple(rates)
    )
    return [Rung(*rung) for rung in coded]


def _code(pixels: Picture, model: str, sha256: str, rates: tuple[int, ...]) -> list[tuple[Any, ...]]:
    codec = NeuralCodec(model)
    encode = codec.session(codec.prepare(from_pixels(pixels, Metadata(), "array")))
    score = scorer("ssimulacra2", pixels)
    rungs: list[tuple[Any, ...]] = []
    for rate in rates:
        data = encode({"rate": rate})
        decoded = codec.decode(data).pixels
        rungs.append((rate, score(decoded), len(data), decoded))
    return rungs
