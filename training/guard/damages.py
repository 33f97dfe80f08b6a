"""Damage of graded strength, planted where it does harm: what a codec does when it fails silently.

Each takes the source, its decoded version, a generator and a strength, and gives both back, changed; (H, W, 3) uint8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Pair = tuple[Picture, Picture]
PATCH = 32


@dataclass(frozen=True)
class Damage:
    """`strengths` rise; `unit` says what they are."""

    plant: Callable[[Picture, Picture, np.random.Generator, float], Pair]
    strengths: tuple[float, ...]
    unit: str


def blurred(source: Picture, decoded: Picture, rng: np.random.Generator, sigma: float) -> Pair:
    """A patch with structure in it, blurred."""
    patch = _patch(_place(source, rng, 0.5, 1.0))
    out = decoded.copy()
    out[patch] = cv2.GaussianBlur(decoded, (0, 0), sigma)[patch]
    return source, out


def shifted_line(source: Picture, decoded: Picture, rng: np.random.Generator, shift: float) -> Pair:
    """A line of 2 x 64 px and 15 % contrast, beside its place."""
    y, x = _place(source, rng, 0.0, 0.7)
    angle = rng.uniform(0, np.pi)
    dy, dx = np.mgrid[: source.shape[0], : source.shape[1]].astype(np.float32) - np.float32([[[y]], [[x]]])
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)

    def line(offset: float) -> NDArray[np.float32]:
        drawn = np.clip(1.5 - np.abs(across - offset), 0, 1) * (np.abs(along) < 32)
        return np.asarray(drawn * _polarity(source, y, x) * 0.15 * 255, np.float32)[..., None]

    return _rounded(source + line(0)), _rounded(decoded + line(shift))


def invented_texture(source: Picture, decoded: Picture, rng: np.random.Generator, rms: float) -> Pair:
    """Fine noise in a flat patch."""
    patch = _patch(_place(source, rng, 0.0, 0.3))
    noise = cv2.GaussianBlur(rng.normal(size=(PATCH, PATCH)).astype(np.float32), (0, 0), 1.0)
    out = decoded.astype(np.float32)
    out[patch] += (noise * (rms / noise.std()))[..., None]
    return source, _rounded(out)


def deleted_blob(source: Picture, decoded: Picture, rng: np.random.Generator, contrast: float) -> Pair:
    """A spot of 8 px (full width at half maximum) that the source has and the result has not."""
    y, x = _place(source, rng, 0.0, 0.7)
    dy, dx = np.mgrid[: source.shape[0], : source.shape[1]] - np.array([[[y]], [[x]]])
    spot = np.exp(-(dy**2 + dx**2) / (2 * (8 / 2.355) ** 2))[..., None]
    return _rounded(source + _polarity(source, y, x) * contrast / 100 * 255 * spot), decoded


def colour_cast(source: Picture, decoded: Picture, rng: np.random.Generator, shift: float) -> Pair:
    """A soft-edged square of 64 px with another tint."""
    y, x = _place(source, rng, 0.0, 1.0)
    dy, dx = np.abs(np.mgrid[: source.shape[0], : source.shape[1]] - np.array([[[y]], [[x]]]))
    square = np.clip(1.5 - np.maximum(dy, dx) / 32, 0, 1)[..., None]
    tint = np.array([(1, 0, -1), (-1, 0.5, 0), (0, -0.5, 1)][rng.integers(3)]) * shift
    return source, _rounded(decoded + square * tint)


DAMAGES: Mapping[str, Damage] = {
    "blurred patch": Damage(blurred, (1, 2, 4, 8), "px sigma"),
    "shifted line": Damage(shifted_line, (1, 2, 3), "px"),
    "invented texture": Damage(invented_texture, (2, 4, 8, 16), "levels rms"),
    "deleted blob": Damage(deleted_blob, (2, 4, 8, 16), "% contrast"),
    "colour cast": Damage(colour_cast, (3, 6, 12, 24), "levels"),
}


def _place(source: Picture, rng: np.random.Generator, low: float, high: float) -> tuple[int, int]:
    """A place whose surroundings are, in their variety, between these two quantiles of the picture."""
    gray = cv2.cvtColor(source, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.blur(gray, (PATCH, PATCH))
    variety = np.asarray(cv2.blur(gray * gray, (PATCH, PATCH)) - mean * mean)[PATCH:-PATCH, PATCH:-PATCH]
    bounds = np.quantile(variety, [low, high])
    rows, columns = np.nonzero((variety >= bounds[0]) & (variety <= bounds[1]))
    chosen = rng.integers(len(rows))
    return int(rows[chosen]) + PATCH, int(columns[chosen]) + PATCH


def _patch(place: tuple[int, int]) -> tuple[slice, slice]:
    y, x = place
    return slice(y - PATCH // 2, y + PATCH // 2), slice(x - PATCH // 2, x + PATCH // 2)


def _polarity(source: Picture, y: int, x: int) -> int:
    return 1 if source[y, x].mean() < 128 else -1


def _rounded(values: NDArray[np.floating]) -> Picture:  # type: ignore[type-arg]
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
