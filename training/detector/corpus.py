"""Reading the images that the detector is fitted, calibrated and evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from router.detector.embeddings import Embedding, embed
from router.images.sample import ImageSample
from training.detector.histories import as_sample, draw, generator

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})


def image_files(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def open_photograph(path: Path) -> Image.Image:
    """Decoded, as "L" or "RGB", 8 bit."""
    with Image.open(path) as image:
        return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")


def read_sample(path: Path) -> ImageSample:
    """One evaluation image as it is; 16-bit gray stays 16 bit."""
    with Image.open(path) as image:
        if image.mode.startswith("I"):
            return as_sample(np.asarray(image).astype(np.uint16))
    return as_sample(np.asarray(open_photograph(path)))


def photograph_embeddings(path: Path, draws: int, seed: int) -> list[tuple[Embedding, str]]:
    """Embeddings of one photograph under `draws` histories, each in colour (where it has colour) and in gray; with the
    history's name. Gray photographs are rare in collections: gray versions of colour ones stand for them."""
    image = open_photograph(path)
    out = []
    for number in range(draws):
        for mode in ("RGB", "L"):
            past, name = draw(image.convert(mode), generator(seed, path.name, number))
            embedding = embed(as_sample(np.asarray(past)))
            if mode == "L" or not embedding.gray:
                out.append((embedding, name))
    return out
