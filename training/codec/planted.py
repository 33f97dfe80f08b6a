"""Faint structures drawn into training crops: what a codec learns to keep must be in its training set.

Elliptic blobs, arcs, clusters of dots and small words of low contrast, brighter or darker than their ground, some of them in one
colour. Shapes, sizes, contrasts and the lettering differ from those of the survival benchmark (`training/guard/structures.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_FONTS = (cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX_SMALL, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz0123456789%/.-"))
_SUPERSAMPLING = 4
_CONTRAST = (0.012, 0.16)
"""Of the full scale; drawn log-uniformly, so that most are faint."""


def plant(picture: Plane, rng: np.random.Generator) -> Plane:
    """A crop (H, W, 3) in [0, 1] with 3 to 12 faint structures."""
    out = picture.copy()
    height, width = out.shape[:2]
    for _ in range(int(rng.integers(3, 13))):
        mask = (_blob, _arc, _dots, _word)[int(rng.integers(4))](rng)
        top = int(rng.integers(0, max(1, height - mask.shape[0] + 1)))
        left = int(rng.integers(0, max(1, width - mask.shape[1] + 1)))
        window = out[top : top + mask.shape[0], left : left + mask.shape[1]]
        mask = mask[: window.shape[0], : window.shape[1]]
        contrast = float(np.exp(rng.uniform(*np.log(_CONTRAST))))
        ground = float((window * mask[..., None]).sum() / max(1e-6, 3 * mask.sum()))
        sign = 1.0 if ground < rng.uniform(0.35, 0.65) else -1.0
        tint = np.ones(3, np.float32) if rng.random() < 0.8 else rng.uniform(0.2, 1.2, 3).astype(np.float32)
        window += sign * contrast * mask[..., None] * tint
    return out.clip(0, 1)


def _blob(rng: np.random.Generator) -> Plane:
    a, b = np.exp(rng.uniform(np.log(1.0), np.log(14.0), 2))
    if rng.random() < 0.5:
        b = a * rng.uniform(0.8, 1.25)
    angle, power = rng.uniform(0, np.pi), rng.uniform(1.0, 2.5)
    reach = int(3 * max(a, b)) + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.exp(-(((u / a) ** 2 + (v / b) ** 2) ** power) / 2).astype(np.float32)


def _arc(rng: np.random.Generator) -> Plane:
    side = int(rng.integers(20, 110))
    start, middle, end = rng.uniform(0.05, 0.95, (3, 2)) * side
    middle = (start + end) / 2 + (middle - (start + end) / 2) * rng.uniform(0, 0.6)
    t = np.linspace(0, 1, 48)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    return _drawn(side, side, lambda canvas: cv2.polylines(canvas, [_fixed(points)], False, 255, _thick(rng, 0.5, 2.5)))


def _dots(rng: np.random.Generator) -> Plane:
    side = int(rng.integers(12, 56))
    centres = rng.uniform(0.1, 0.9, (int(rng.integers(2, 9)), 2)) * side
    radius = max(1, round(rng.uniform(0.5, 2.2) * _SUPERSAMPLING))

    def draw(canvas: NDArray[np.uint8]) -> None:
        for centre in _fixed(centres)[:, 0]:
            cv2.circle(canvas, [int(v) for v in centre], radius, 255, -1)

    return _drawn(side, side, draw)


def _word(rng: np.random.Generator) -> Plane:
    text = "".join(rng.choice(_LETTERS, int(rng.integers(2, 9))))
    font, size = _FONTS[int(rng.integers(len(_FONTS)))], rng.uniform(7, 18)
    scale = cv2.getFontScaleFromHeight(font, max(1, round(size * _SUPERSAMPLING)), 1)
    thickness = _thick(rng, 0.6, 1.6)
    (width, height), below = cv2.getTextSize(text, font, scale, thickness)
    rows, columns = (-(-(n + 2 * _SUPERSAMPLING) // _SUPERSAMPLING) for n in (height + below, width))
    place = _SUPERSAMPLING, height + _SUPERSAMPLING
    return _drawn(rows, columns, lambda canvas: cv2.putText(canvas, text, place, font, scale, 255, thickness))


def _thick(rng: np.random.Generator, least: float, most: float) -> int:
    return max(1, round(rng.uniform(least, most) * _SUPERSAMPLING))


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(points * _SUPERSAMPLING).astype(np.int32)[:, None]


def _drawn(rows: int, columns: int, draw: Callable[[NDArray[np.uint8]], object]) -> Plane:
    canvas = np.zeros((rows * _SUPERSAMPLING, columns * _SUPERSAMPLING), np.uint8)
    draw(canvas)
    return cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
