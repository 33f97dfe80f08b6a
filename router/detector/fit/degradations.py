"""The mix of histories under which "a photograph" is defined: for fitting and, one draw a size, for calibration.

Collections of photographs are often all downsampled and saved in one way. Fitted on them as they are, "in distribution" would
mean "small JPEG of quality 88". Each draw therefore gives a photograph one of the pasts below, and a size.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

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


Step = tuple[int, int, int, int] | tuple[tuple[int, int], Image.Resampling]


@dataclass(frozen=True)
class Past:
    """What is done to a photograph of a known size, in order, before anything is done to it.

    Attributes:
        name: which history, a key of MIX.
        steps: a box to cut out (left, upper, right, lower), or a size to scale to with the filter that does it.
        size: what comes of them.
        jpeg: quality and chroma subsampling of the file that it is saved in at the end; None for none.
    """

    name: str
    steps: tuple[Step, ...]
    size: tuple[int, int]
    jpeg: tuple[int, int] | None


def draw(
    image: Image.Image, rng: np.random.Generator, size: str | None = None, *, mixed: bool = True
) -> tuple[Image.Image, str] | None:
    """One degraded version of `image` and its name ("as_is" unless `mixed`).

    With `size` (of `scorer.SIZES`) it is cut or enlarged to that; None where that is out of reach.

    The random numbers taken do not depend on the image's mode, so that the gray and the colour version of a photograph can be
    given the same past.
    """
    past = past_of(image.size, rng, size, mixed=mixed)
    if past is None:
        return None
    for step in past.steps:
        image = image.crop(step) if len(step) == 4 else image.resize(step[0], step[1])
    if past.jpeg is not None:
        written = io.BytesIO()
        image.save(written, "JPEG", quality=past.jpeg[0], subsampling=past.jpeg[1])
        image = Image.open(written)
        image.load()
    return image, past.name


def past_of(shape: tuple[int, int], rng: np.random.Generator, size: str | None = None, *, mixed: bool = True) -> Past | None:
    """What `draw` will do to a photograph of this width and height; it takes the same random numbers."""
    drawn = str(rng.choice(list(MIX), p=list(MIX.values())))
    name = drawn if mixed else "as_is"
    scale, left, top = rng.uniform(*SCALE), rng.random(), rng.random()
    crop = rng.uniform(*CROP, size=2)
    quality, subsampling = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)), int(rng.choice([0, 2]))
    sides = rng.random(2)
    steps: list[Step] = []
    if name == "crop":
        width, height = (max(min(SMALLEST_CROP, side), round(side * share)) for side, share in zip(shape, crop, strict=True))
        steps.append(_box(shape, width, height, left, top))
        shape = (width, height)
    if name.startswith("resized"):
        shape = _times(shape, scale)
        steps.append((shape, Image.Resampling.LANCZOS))
    if size is not None and size_of(tile_count(shape[1], shape[0])) != size:
        step = _to_size(shape, size, sides, left, top)
        if step is None:
            return None
        steps.append(step)
        shape = (step[2] - step[0], step[3] - step[1]) if len(step) == 4 else step[0]
    return Past(name, tuple(steps), shape, (quality, subsampling) if name.endswith("jpeg") else None)


def _to_size(shape: tuple[int, int], size: str, sides: np.ndarray, left: float, top: float) -> Step | None:
    if size in CROPPED_SIDES:
        low, high = CROPPED_SIDES[size]
        width, height = (min(side, round(low + share * (high - low))) for side, share in zip(shape, sides, strict=True))
        if size_of(tile_count(height, width)) == size:
            return _box(shape, width, height, left, top)
    factor = 1.05
    while factor <= LARGEST_ENLARGEMENT:
        larger = (round(shape[0] * factor), round(shape[1] * factor))
        if size_of(tile_count(larger[1], larger[0])) == size:
            return larger, Image.Resampling.BICUBIC
        factor += 0.05
    return None


def _times(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _box(shape: tuple[int, int], width: int, height: int, left: float, top: float) -> tuple[int, int, int, int]:
    x, y = round(left * (shape[0] - width)), round(top * (shape[1] - height))
    return x, y, x + width, y + height
