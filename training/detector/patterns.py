"""Pictures made by a formula: noises, gradients, gratings, tilings. They show nothing, and no camera made them.

A few images of a domain "synthetic" cannot cover what generators can draw; a formula can be drawn without end. Used as one more
domain of foreign images.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]
Kind = Callable[[np.random.Generator, int, int], Plane]
"""Draws one plane of the height and width given, about in [0, 1]."""
SIDES = (200, 560)
_SHARE_GRAY = 0.25
_SHARE_MIXED = 0.15


def pattern(rng: np.random.Generator) -> Image.Image:
    """One picture, "RGB", sides within SIDES; a quarter have equal channels. Some are the mean of two patterns."""
    height, width = (int(v) for v in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    planes = _planes(rng, height, width)
    if rng.random() < _SHARE_MIXED:
        planes = 0.5 * planes + 0.5 * _planes(rng, height, width)
    return Image.fromarray(np.rint(255 * np.clip(planes, 0, 1)).astype(np.uint8))


def _planes(rng: np.random.Generator, height: int, width: int) -> Plane:
    """(height, width, 3) about in [0, 1]: one pattern for each channel, or one pattern between two colours, or gray."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    manner = rng.random()
    if manner < _SHARE_GRAY:
        return np.repeat(kind(rng, height, width)[..., None], 3, axis=2)
    if manner < 0.5 + _SHARE_GRAY / 2:
        first, second = rng.random((2, 3))
        return first + kind(rng, height, width)[..., None] * (second - first)
    return np.stack([kind(rng, height, width) for _ in range(3)], axis=2)


def _grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Rows and columns over the longer side, centred."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return (y - height / 2) / max(height, width), (x - width / 2) / max(height, width)


def _stretched(plane: Plane) -> Plane:
    low, high = plane.min(), plane.max()
    return (plane - low) / max(high - low, 1e-9)


def white_noise(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Independent values of one of four distributions, in squares of one to eight pixels."""
    block = int(rng.choice([1, 1, 2, 4, 8]))
    shape = (-(-height // block), -(-width // block))
    law = int(rng.integers(4))
    if law == 0:
        small = rng.random(shape)
    elif law == 1:
        small = rng.normal(0.5, rng.uniform(0.05, 0.3), shape)
    elif law == 2:
        small = (rng.random(shape) < rng.uniform(0.05, 0.6)).astype(np.float64)
    else:
        small = rng.gamma(rng.uniform(0.3, 4), 0.2, shape)
    return np.kron(small, np.ones((block, block)))[:height, :width]


def coloured_noise(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Gaussian noise of a power spectrum that falls like a power of frequency, from nearly white to cloudy."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(fy * rng.uniform(0.5, 2), fx), 1 / max(height, width))
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) * frequency ** -rng.uniform(0.3, 2.0), s=(height, width))
    return 0.5 + noise / noise.std() * rng.uniform(0.08, 0.25)


def gradient(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Linear, radial, by angle, or a repeated one of these."""
    y, x = _grid(height, width)
    y, x = y - rng.uniform(-0.3, 0.3), x - rng.uniform(-0.3, 0.3)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = _stretched(
        (np.cos(angle) * x + np.sin(angle) * y, np.hypot(x, y), (np.arctan2(y, x) + angle) % (2 * np.pi))[int(rng.integers(3))]
    )
    return ramp if rng.random() < 0.6 else (ramp * rng.uniform(2, 12)) % 1


def grating(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Waves of one to three directions, or rings whose frequency grows outwards; hard edges in part."""
    y, x = _grid(height, width)
    if rng.random() < 0.3:
        wave = np.sin(rng.uniform(50, 1500) * ((x - rng.uniform(-0.4, 0.4)) ** 2 + (y - rng.uniform(-0.4, 0.4)) ** 2))
    else:
        wave = np.zeros_like(y)
        for _ in range(int(rng.integers(1, 4))):
            angle, frequency = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(10), np.log(800)))
            wave += np.sin(frequency * (np.cos(angle) * x + np.sin(angle) * y) + rng.uniform(0, 2 * np.pi))
    return (wave > 0).astype(np.float64) if rng.random() < 0.4 else _stretched(wave)


def tiling(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Squares of two or of random values, straight or turned."""
    y, x = _grid(height, width)
    angle = rng.choice([0, 0, rng.uniform(0, np.pi)])
    side = rng.uniform(0.01, 0.2)
    row: NDArray[np.intp] = np.floor((np.cos(angle) * y - np.sin(angle) * x) / side).astype(np.intp)
    column: NDArray[np.intp] = np.floor((np.sin(angle) * y + np.cos(angle) * x) / (side * rng.choice([1, 1, 3]))).astype(np.intp)
    if rng.random() < 0.4:
        return ((row + column) % 2).astype(np.float64)
    return rng.random((row.max() - row.min() + 1, column.max() - column.min() + 1))[row - row.min(), column - column.min()]


def cells(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Cells about random points: flat, or by the distance to the point."""
    points = rng.random((int(rng.integers(8, 60)), 2)) * (height, width)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    distance = np.full((height, width), np.inf)
    owner = np.zeros((height, width), np.intp)
    for i, (py, px) in enumerate(points):
        to_this = np.hypot(y - py, x - px)
        owner[to_this < distance] = i
        distance = np.minimum(distance, to_this)
    return rng.random(len(points))[owner] if rng.random() < 0.5 else _stretched(distance)


def shapes(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Flat rectangles and discs over each other."""
    plane = np.full((height, width), rng.random())
    y, x = np.mgrid[:height, :width]
    for _ in range(int(rng.integers(5, 80))):
        cy, cx = rng.random(2) * (height, width)
        h, w = np.exp(rng.uniform(np.log(4), np.log(max(height, width) / 3), 2))
        inside = (abs(y - cy) < h) & (abs(x - cx) < w) if rng.random() < 0.6 else (y - cy) ** 2 + (x - cx) ** 2 < h * h
        plane[inside] = rng.random()
    return plane


def blobs(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Coloured noise cut at one to five levels."""
    noise = _stretched(coloured_noise(rng, height, width))
    levels = int(rng.integers(2, 7))
    return np.floor(noise * levels * 0.999) / (levels - 1)


KINDS: tuple[Kind, ...] = (
    white_noise,
    coloured_noise,
    gradient,
    grating,
    tiling,
    cells,
    shapes,
    blobs,
)
