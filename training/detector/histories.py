"""The mix of histories under which "a photograph" is defined: for fitting and, one draw an image, for calibration.

The photographs at hand were all downsampled and saved as JPEG quality 88. Fitted on them as they are, "in distribution" would
mean "small JPEG of quality 88". Each draw therefore gives a photograph one of the pasts below.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

from router.images.arrays import from_pixels
from router.images.sample import ImageSample, Pixels

MIX: dict[str, float] = {"as_is": 0.25, "jpeg": 0.25, "resized": 0.2, "resized_jpeg": 0.15, "crop": 0.15}
"""Share of each history. jpeg: quality 60 to 95, 4:2:0 or 4:4:4. resized: scale 0.5 to 1, Lanczos; this also stands for
lossless sources, because halving removes most traces of the JPEG. crop: 0.35 to 1 of each side, at least 128 px."""
JPEG_QUALITY = (60, 95)
SCALE = (0.5, 1.0)
CROP = (0.35, 1.0)
SMALLEST_CROP = 128


def generator(seed: int, name: str, draw: int) -> np.random.Generator:
    """A generator that depends only on seed, file name and draw: the same history whatever else is in the folder."""
    digest = hashlib.sha256(f"{seed}/{name}/{draw}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def draw(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, str]:
    """One history of `image` and its name. The random numbers taken do not depend on the image's mode, so that the gray and
    the colour version of a photograph can be given the same past."""
    name = str(rng.choice(list(MIX), p=list(MIX.values())))
    scale, left, top = rng.uniform(*SCALE), rng.random(), rng.random()
    crop = rng.uniform(*CROP, size=2)
    quality, subsampling = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)), int(rng.choice([0, 2]))
    if name == "crop":
        width, height = (max(min(SMALLEST_CROP, side), round(side * share)) for side, share in zip(image.size, crop, strict=True))
        x, y = round(left * (image.width - width)), round(top * (image.height - height))
        image = image.crop((x, y, x + width, y + height))
    if name.startswith("resized"):
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    if name.endswith("jpeg"):
        written = io.BytesIO()
        image.save(written, "JPEG", quality=quality, subsampling=subsampling)
        image = Image.open(written)
        image.load()
    return image, name


def as_sample(pixels: Pixels) -> ImageSample:
    """(H, W) or (H, W, C) uint8 or uint16 as the detector takes it."""
    return from_pixels(pixels)
