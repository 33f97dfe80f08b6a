"""Covariate shifts: what is made from photographs, the same for the same photograph at any time.

Each says whether one would call the result in distribution *for a codec*: whether a codec that is good at photographs should
be good at it too. Where the answer is yes, being flagged is a false alarm; where it is no, being let through is a miss. These
are judgements, stated before measuring, and reported apart from the domains.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from router.detector.fit.degradations import generator
from router.images.arrays import from_pixels
from router.images.sample import ImageSample
from training.detector.benchmark import compositions
from training.detector.benchmark.corruptions import SEVERITIES, corrupt

SEED = 4004
Pixels = NDArray[np.uint8]
Make = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Shift:
    """One way to change a photograph.

    Attributes:
        name: unique.
        inside: whether one would call the result in distribution for a codec.
        because: why.
        make: (H, W, C) uint8 with 1 or 3 channels to another image of 1 or 3 channels.
    """

    name: str
    inside: bool
    because: str
    make: Make

    def apply(self, sample: ImageSample, sha256: str) -> ImageSample:
        """The changed photograph. Depends on its pixels and its hash only. 16 bit is brought to 8, alpha dropped."""
        return from_pixels(self.make(plain(sample), generator(SEED, sha256, self.name)))


def plain(sample: ImageSample) -> Pixels:
    """(H, W, 1) or (H, W, 3) uint8 of a sample: alpha dropped, 16 bit rounded to 8."""
    pixels = sample.pixels[..., : 3 if sample.channels > 2 else 1]
    return np.round(pixels / 257.0).astype(np.uint8) if pixels.dtype == np.uint16 else pixels.astype(np.uint8)


def all_shifts(foreign: Sequence[Pixels], photographs: Sequence[Pixels]) -> list[Shift]:
    """Every shift.

    `foreign`: images of far domains to stand beside photographs, without which that mosaic is left out; `photographs`: others
    for the mosaic of photographs. Both are (H, W, C) uint8.
    """
    corruptions = [
        Shift(f"{name} {severity}", inside, because, partial(_corrupted, name=name, severity=severity))
        for name, (inside, because) in _CORRUPTIONS.items()
        for severity in SEVERITIES
    ]
    sources = [
        Shift(f"jpeg quality {quality}", True, "photographs arrive like this", partial(_jpeg, quality=quality))
        for quality in (75, 50, 30)
    ]
    mixed = [
        Shift(
            "2x2 mosaic of photographs", True, "photographs but for four edges", partial(compositions.mosaic, others=photographs)
        )
    ]
    if foreign:
        mixed.append(
            Shift("2x2 mosaic with foreign images", False, "three quarters foreign", partial(compositions.mosaic, others=foreign))
        )
    return corruptions + sources + list(_SINGLE) + mixed


def _corrupted(pixels: Pixels, rng: np.random.Generator, name: str, severity: int) -> Pixels:
    return corrupt(pixels, name, severity, rng)


def _jpeg(pixels: Pixels, rng: np.random.Generator, quality: int) -> Pixels:
    written = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(written, "JPEG", quality=quality)
    return np.asarray(Image.open(written)).reshape(pixels.shape)


def _upscaled(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    image = Image.fromarray(pixels.squeeze())
    large = image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)
    return np.asarray(large).reshape(2 * image.height, 2 * image.width, -1)


def _film_grain(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Gray grain about 1.5 px wide, standard deviation 10 of 255 in the mid-tones and none at black and white."""
    luma = pixels.mean(axis=2) / 255
    grain = cv2.GaussianBlur(rng.normal(0, 1, luma.shape), (0, 0), 0.75)
    grain *= 10 / grain.std() * 4 * luma * (1 - luma)
    return np.clip(np.round(pixels + grain[..., None]), 0, 255).astype(np.uint8)


def _permuted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Green, blue, red in place of red, green, blue; gray stays as it is."""
    return np.ascontiguousarray(np.roll(pixels, -1, axis=2))


def _colour_map(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    gray = np.round(pixels @ np.array([0.299, 0.587, 0.114])) if pixels.shape[2] == 3 else pixels[..., 0]
    return np.ascontiguousarray(cv2.applyColorMap(gray.astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1])


_CORRUPTIONS = {
    "gaussian_noise": (False, "noise cannot be predicted: a codec smooths it or pays for it"),
    "shot_noise": (False, "as gaussian_noise"),
    "impulse_noise": (False, "as gaussian_noise"),
    "defocus_blur": (True, "smooth: easier than a photograph"),
    "motion_blur": (True, "smooth along one direction"),
    "contrast": (True, "the same scene with less in it"),
    "brightness": (True, "over-exposed photographs are photographs"),
    "pixelate": (False, "flat squares with hard edges: graphics, not optics"),
}
_SINGLE = (
    Shift("upscaled x2", True, "smooth; enlarged photographs are common", _upscaled),
    Shift("film grain", True, "photographs on film have it", _film_grain),
    Shift("channels permuted", False, "colours that no scene has", _permuted),
    Shift("colour map", False, "colour stands for a measurement", _colour_map),
    Shift("caption", False, "text can be redrawn as other text", compositions.captioned),
    Shift("inside a page", False, "most of it is interface and text", compositions.on_a_page),
)
