"""A picture to measure on: like a photograph in what costs time, made on the spot from a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TINT = np.array([[1.0, 0.25, 0.1], [1.0, 0.0, -0.1], [1.0, -0.25, 0.15]], np.float32)
"""RGB from one strong and two weak independent fields: channels of photographs are alike."""
_LARGEST = 866
"""Height of the largest picture that is made anew: 1 MP."""


def picture(megapixels: float, seed: int, *, busy: bool) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8, 4:3, about `megapixels`; the same seed gives the same picture at a size.

    Fields whose amplitude falls with frequency as in natural images (D. J. Field, 1987), laid out as some eighty overlapping
    leaves with their own ground and amount of texture (the "dead leaves" model: power law, and edges). `busy` has more texture
    and noise; the two are meant to lie on either side of an ordinary photograph. Above 1 MP a smaller one is continued by
    reflection: making one large would take longer than most codecs.
    """
    height = max(64, round((megapixels * 1e6 * 3 / 4) ** 0.5))
    width = round(height * 4 / 3)
    if height > _LARGEST:
        small = _leaves(_LARGEST, round(_LARGEST * 4 / 3), seed, busy)
        pads = [(0, height - small.shape[0]), (0, width - small.shape[1]), (0, 0)]
        large: NDArray[np.uint8] = np.pad(small, pads, mode="symmetric")
        return large
    return _leaves(height, width, seed, busy)


def _leaves(height: int, width: int, seed: int, busy: bool) -> NDArray[np.uint8]:
    rng = np.random.default_rng([seed, int(busy)])
    exponent = 1.15 if busy else 1.35
    fields = np.stack([_field(rng, height, width, exponent) for _ in range(3)], axis=-1)
    ground = np.full((height, width, 3), 0.5, np.float32)
    amount = np.full((height, width, 1), 0.5, np.float32)
    for size in np.sort(0.05 + 0.6 * rng.random(80) ** 3)[::-1]:
        where, inside = _leaf(rng, height, width, float(size))
        ground[where][inside] = rng.uniform(0.1, 0.9) + rng.uniform(-0.12, 0.12, 3)
        amount[where][inside] = rng.choice([0.05, 0.3, 1.0])
    texture = (0.20 if busy else 0.11) * amount * (fields @ _TINT.T)
    noise = (0.005 if busy else 0.002) * rng.standard_normal((height, width, 3), np.float32)
    pixels: NDArray[np.uint8] = np.rint(255 * np.clip(ground + texture + noise, 0, 1)).astype(np.uint8)
    return pixels


def _field(rng: np.random.Generator, height: int, width: int, exponent: float) -> NDArray[np.float32]:
    """(H, W), mean 0, deviation 1, amplitude ~ frequency ** -exponent."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width), np.float32))
    v, u = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(v, u)
    frequency[0, 0] = np.inf
    # Nothing slower than a fifth of the height: leaves have their own ground.
    spectrum *= np.maximum(frequency, 5 / height) ** -exponent
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(height, width)).astype(np.float32)
    scaled: NDArray[np.float32] = field / field.std()
    return scaled


def _leaf(rng: np.random.Generator, height: int, width: int, size: float) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """The window that one leaf touches, and where in it the leaf lies; `size` in heights."""
    cx, cy = rng.uniform(0, width / height), rng.uniform(0, 1)
    angle, stretch, pointed = rng.uniform(0, np.pi), rng.uniform(0.4, 1.0), rng.random() < 0.3
    reach = 1.2 * size
    rows = slice(max(0, round((cy - reach) * height)), min(height, round((cy + reach) * height)))
    columns = slice(max(0, round((cx - reach) * height)), min(width, round((cx + reach) * height)))
    y, x = np.ogrid[rows, columns]
    dx, dy = (x / height - cx).astype(np.float32), (y / height - cy).astype(np.float32)
    a, b = np.abs(np.cos(angle) * dx + np.sin(angle) * dy), np.abs(np.cos(angle) * dy - np.sin(angle) * dx) / stretch
    inside: NDArray[np.bool_] = np.maximum(a, b) < 0.8 * size if pointed else a * a + b * b < size * size
    return (rows, columns), inside
