"""The mix of histories under which "a photograph" is defined: for fitting and, one draw a size, for calibration.

Collections of photographs are often all downsampled and saved in one way. Fitted on them as they are, "in distribution" would
mean "small JPEG of quality 88". Each draw therefore gives a photograph one of the pasts below, and a size.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

from router.detector.patches import tile_count
from router.detector.scorer import size_of

MIX: dict[str, float] = {"as_is": 0.25, "jpeg": 0.25, "resized": 0.2, "resized_jpeg": 0.15, "crop": 0.15}
"""Share of each history. jpeg: quality 60 to 95, 4:2:0 or 4:4:4. resized: scale 0.5 to 1, Lanczos; this also stands for
lossless sources, because halving removes most traces of the JPEG. crop: 0.35 to 1 of each side, at least 128 px."""
JPEG_QUALITY = (60, 95)
SCALE = (0.5, 1.0)
CROP = (0.35, 1.0)
SMALLEST_CROP = 128
CROPPED_SIDES = {"few": (64, 190), "some": (193, 384)}
"""Sides in pixels of the crops that are cut where a photograph has too many tiles for a size."""
LARGEST_ENLARGEMENT = 1.8


def generator(seed: int, *what: str | int) -> np.random.Generator:
    """A generator that depends only on the seed and on `what` is drawn for: the same history whatever else is in the folder."""
    digest = hashlib.sha256("/".join(map(str, (seed, *what))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def draw(
    image: Image.Image, rng: np.random.Generator, size: str | None = None, *, mixed: bool = True
) -> tuple[Image.Image, str] | None:
    """One history of `image` and its name ("as_is" unless `mixed`); with `size` (of `judgement.SIZES`) cut or enlarged to it,
    None where that is out of reach.

    The random numbers taken do not depend on the image's mode, so that the gray and the colour version of a photograph can be
    given the same past.
    """
    drawn = str(rng.choice(list(MIX), p=list(MIX.values())))
    name = drawn if mixed else "as_is"
    scale, left, top = rng.uniform(*SCALE), rng.random(), rng.random()
    crop = rng.uniform(*CROP, size=2)
    quality, subsampling = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)), int(rng.choice([0, 2]))
    sides = rng.random(2)
    if name == "crop":
        width, height = (max(min(SMALLEST_CROP, side), round(side * share)) for side, share in zip(image.size, crop, strict=True))
        image = _cut(image, width, height, left, top)
    if name.startswith("resized"):
        image = _scaled(image, scale)
    if size is not None:
        sized = _to_size(image, size, sides, left, top)
        if sized is None:
            return None
        image = sized
    if name.endswith("jpeg"):
        written = io.BytesIO()
        image.save(written, "JPEG", quality=quality, subsampling=subsampling)
        image = Image.open(written)
        image.load()
    return image, name


def _to_size(image: Image.Image, size: str, sides: np.ndarray, left: float, top: float) -> Image.Image | None:
    if size_of(tile_count(image.height, image.width)) == size:
        return image
    if size in CROPPED_SIDES:
        low, high = CROPPED_SIDES[size]
        width, height = (min(side, round(low + share * (high - low))) for side, share in zip(image.size, sides, strict=True))
        cropped = _cut(image, width, height, left, top)
        if size_of(tile_count(cropped.height, cropped.width)) == size:
            return cropped
    factor = 1.05
    while factor <= LARGEST_ENLARGEMENT:
        larger = (round(image.width * factor), round(image.height * factor))
        if size_of(tile_count(larger[1], larger[0])) == size:
            return image.resize(larger, Image.Resampling.BICUBIC)
        factor += 0.05
    return None


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS)


def _cut(image: Image.Image, width: int, height: int, left: float, top: float) -> Image.Image:
    x, y = round(left * (image.width - width)), round(top * (image.height - height))
    return image.crop((x, y, x + width, y + height))
