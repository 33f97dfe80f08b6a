"""Medical pictures made by a formula: slices through a body, shadows of one, ultrasound fans, counts of a scintillation camera.

They are anatomy in no detail, but have what such pictures have in common and photographs have not: a body that ends on black, few
smooth tissues with sharp borders between them, the noise of the device, a window of gray levels that cuts both ends, and no light
that falls on anything. A dozen real pictures of two sources cannot say this; used as one more domain of foreign images.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Plane = NDArray[np.float64]
Kind = Callable[[np.random.Generator, int, int], Plane]
"""Draws one plane of the height and width given; black is 0, white about 1."""
SIDES = (200, 560)
_SHARE_NEGATIVE = 0.12
_SHARE_RAW = 0.15
_SHARE_LABELLED = 0.4
_SHARE_ENLARGED = 0.3
_SHARE_CLOSE = 0.4
"""Of those that show a part of the body and no border of it."""


def phantom(rng: np.random.Generator) -> Image.Image:
    """One gray picture, "L", sides within SIDES; some are negatives, some carry a letter or a scale, some were enlarged."""
    height, width = (int(v) for v in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    shrunk = rng.uniform(1.2, 2.5) if rng.random() < _SHARE_ENLARGED else 1.0
    close = rng.uniform(1.3, 2.2) if rng.random() < _SHARE_CLOSE else 1.0
    inner, outer = [round(side / shrunk) for side in (height, width)], [round(side * close / shrunk) for side in (height, width)]
    plane = KINDS[int(rng.integers(len(KINDS)))](rng, outer[0], outer[1])
    top, left = (int(rng.integers(o - i + 1)) for i, o in zip(inner, outer, strict=True))
    plane = np.ascontiguousarray(plane[top : top + inner[0], left : left + inner[1]])
    if shrunk > 1:
        plane = cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = rng.uniform(-0.05, 0.08), rng.uniform(0.75, 1.1) * max(float(np.quantile(plane, 0.995)), 0.2)
    plane = np.clip((plane - low) / (high - low), 0, 1) ** rng.uniform(0.6, 1.5)
    if rng.random() < _SHARE_RAW:  # 12 bits in a file of 16, and no window
        plane = rng.uniform(0, 0.1) + plane * rng.uniform(0.02, 0.3)
    elif rng.random() < _SHARE_NEGATIVE:
        plane = 1 - plane
    picture = Image.fromarray(np.rint(255 * plane).astype(np.uint8))
    if rng.random() < _SHARE_LABELLED:
        _label(picture, rng)
    return picture


def _label(picture: Image.Image, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    level = 255 if np.mean(np.asarray(picture)) < 128 else 0
    x, y = int(rng.integers(2, 30)), int(rng.integers(2, picture.height - 30))
    draw.text((x, y), str(rng.choice(["L", "R", "A", "P", "T 5.0", "kV 120", "SL 3", "W 400 L 40"])), fill=level)
    if rng.random() < 0.5:
        right = picture.width - int(rng.integers(4, 20))
        for tick in range(5):
            row = picture.height // 3 + tick * picture.height // 15
            draw.line((right - 6, row, right, row), fill=level)


def _coordinates(rng: np.random.Generator, height: int, width: int) -> tuple[Plane, Plane]:
    """Rows and columns over half the shorter side, centred about the middle of the picture, a little turned."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    half = min(height, width) / 2
    y, x = (y - height * rng.uniform(0.45, 0.55)) / half, (x - width * rng.uniform(0.45, 0.55)) / half
    angle = rng.normal(0, 0.15)
    return np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x


def _inside(rng: np.random.Generator, y: Plane, x: Plane, tall: float, wide: float, rough: float = 0.06) -> Plane:
    """How far within a wavy ellipse about the origin: 1 in the middle, 0 at the border, below 0 outside."""
    around = np.arctan2(y / tall, x / wide)
    radius = np.ones_like(y)
    for wave in range(2, 8):
        radius += rng.normal(0, rough / wave**0.7) * np.cos(wave * around + rng.uniform(0, 2 * np.pi))
    return 1 - np.hypot(y / tall, x / wide) / radius


def _smooth(rng: np.random.Generator, height: int, width: int, scale: float) -> Plane:
    """Gaussian noise without power above `scale` of the shorter side, unit variance."""
    sigma = max(0.5, scale * min(height, width))
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), sigma)
    return np.asarray(noise / max(float(noise.std()), 1e-9), np.float64)


def _soft(plane: Plane, rng: np.random.Generator, low: float = 0.3, high: float = 1.2) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(low, high)), np.float64)


def slice_through(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Computed tomography or magnetic resonance: body, rim or bone, organs, vessels; noise, in part on the air too."""
    y, x = _coordinates(rng, height, width)
    tall, wide = rng.uniform(0.6, 0.97), rng.uniform(0.6, 0.97)
    body = _inside(rng, y, x, tall, wide)
    plane = np.where(body > 0, rng.uniform(0.25, 0.6), 0.0)
    rim = rng.uniform(0.02, 0.12)
    plane[(body > 0) & (body < rim)] = rng.uniform(0.1, 1.0)
    if rng.random() < 0.6:  # a second shell: bone, or fluid below it
        plane[(body > rim) & (body < rim + rng.uniform(0.02, 0.1))] = rng.uniform(0.0, 1.0)
    within = body > rim
    if rng.random() < 0.6:  # folds, as of a brain or a gut
        folds = np.abs(_smooth(rng, height, width, rng.uniform(0.01, 0.04))) < rng.uniform(0.15, 0.4)
        plane[within & folds] += rng.uniform(-0.25, 0.25)
    for _ in range(int(rng.integers(3, 25))):
        cy, cx = rng.uniform(-0.7, 0.7, 2) * (tall, wide)
        size = np.exp(rng.uniform(np.log(0.02), np.log(0.35)))
        organ = _inside(rng, y - cy, x - cx, size * rng.uniform(0.6, 1.6), size * rng.uniform(0.6, 1.6), 0.1)
        plane[within & (organ > 0)] = rng.uniform(0.0, 1.0) if rng.random() < 0.5 else plane[within].mean() + rng.normal(0, 0.1)
    plane *= 1 + rng.uniform(0, 0.15) * _smooth(rng, height, width, 0.4)
    plane += within * rng.uniform(0, 0.03) * _smooth(rng, height, width, 0.006)
    plane = _soft(plane, rng)
    sigma = rng.uniform(0, 0.05)
    if rng.random() < 0.5:  # magnitude of a complex signal (Rician)
        return np.hypot(plane + sigma * rng.normal(size=plane.shape), sigma * rng.normal(size=plane.shape))
    return plane + sigma * _soft(rng.normal(size=plane.shape), rng, 0.3, 0.9) * 1.5 * (body > -rng.uniform(0, 1))


def shadow(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Radiograph: what rays through a body lose, as bright; a trunk with lungs, spine, ribs and heart, or a limb with bones."""
    y, x = _coordinates(rng, height, width)
    if rng.random() < 0.65:
        body = np.sqrt(np.clip(_inside(rng, y * 0.6, x, rng.uniform(0.9, 1.5), rng.uniform(0.8, 1.4)), 0, 1))
        depth = rng.uniform(0.6, 1.0) * body
        for side in (-1, 1):
            lung = _inside(rng, y + 0.1, x - side * rng.uniform(0.3, 0.42), rng.uniform(0.5, 0.75), rng.uniform(0.22, 0.36), 0.08)
            air = np.clip(lung * rng.uniform(2, 6), 0, 1)
            depth -= rng.uniform(0.3, 0.5) * air * body
            depth += 0.04 * air * _smooth(rng, height, width, rng.uniform(0.01, 0.03))  # vessels
        pitch, slope = rng.uniform(0.12, 0.2), rng.uniform(0.3, 0.9)
        ribs = np.cos(2 * np.pi * (y - slope * (np.abs(x) - 0.4) ** 2 - rng.uniform(0, 0.2) * np.abs(x)) / pitch)
        depth += rng.uniform(0.02, 0.1) * np.clip((ribs - rng.uniform(0, 0.5)) * 3, 0, 1) * (np.abs(x) > 0.08) * body
        spine = np.sqrt(np.clip(1 - (x / rng.uniform(0.07, 0.12)) ** 2, 0, 1))
        depth += rng.uniform(0.1, 0.25) * spine * (0.8 + 0.2 * (np.cos(2 * np.pi * y / rng.uniform(0.12, 0.2)) > -0.6))
        heart = np.clip(_inside(rng, y - 0.2, x - 0.12, rng.uniform(0.25, 0.4), rng.uniform(0.2, 0.35)) * 4, 0, 1)
        depth += rng.uniform(0.1, 0.3) * heart
    else:
        depth = rng.uniform(0.2, 0.4) * np.sqrt(np.clip(1 - (x / rng.uniform(0.4, 0.9)) ** 2, 0, 1))
        for _ in range(int(rng.integers(1, 6))):
            centre, tilt, bone = rng.uniform(-0.5, 0.5), rng.normal(0, 0.15), rng.uniform(0.05, 0.16)
            across = (x - centre - tilt * y) / (bone * (1 + 0.4 * (np.abs(y - rng.uniform(-0.8, 0.8)) < 0.12)))
            shaft = np.sqrt(np.clip(1 - across**2, 0, 1))
            marrow = np.sqrt(np.clip(1 - (across / rng.uniform(0.5, 0.8)) ** 2, 0, 1))
            depth += rng.uniform(0.3, 0.6) * shaft - rng.uniform(0.1, 0.25) * marrow
    depth = _soft(depth, rng, 0.6, 2.0)
    depth += rng.uniform(0.003, 0.03) * _soft(rng.normal(size=depth.shape), rng, 0.4, 1.2)
    if rng.random() < 0.35:  # collimated
        top, left = rng.uniform(0, 0.12, 2)
        frame = np.zeros_like(depth)
        frame[round(top * height) : round((1 - top) * height), round(left * width) : round((1 - left) * width)] = 1
        depth *= frame
    return np.asarray(depth, np.float64)


def fan(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Ultrasound: speckle over layers, vessels and shadows, in a sector or a rectangle on black."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    y, x = y / height, (x - width / 2) / width
    depth, angle = np.hypot(y + 0.15, x), np.arctan2(x, y + 0.15)
    if rng.random() < 0.3:
        depth, angle = y, x
    layers = 0.35 + 0.12 * np.sin(2 * np.pi * (depth + 0.05 * _smooth(rng, height, width, 0.2)) * rng.uniform(2, 9))
    for _ in range(int(rng.integers(1, 8))):
        cy, cx = rng.uniform(0.2, 0.9), rng.uniform(-0.3, 0.3)
        hole = _inside(rng, y - cy, x - cx, rng.uniform(0.03, 0.2), rng.uniform(0.03, 0.2), 0.15)
        layers[hole > 0] *= rng.uniform(0.0, 0.5)
        layers[(hole > -0.1) & (hole < 0)] *= rng.uniform(1, 2.5)
    across, along = rng.uniform(0.8, 2.5), rng.uniform(0.5, 1.2)
    speckle = [cv2.GaussianBlur(rng.normal(size=y.shape), (0, 0), sigmaX=across, sigmaY=along) for _ in range(2)]
    size = np.hypot(*speckle)
    plane = np.log1p(12 * layers * size / size.mean()) / np.log(13) * np.exp(-rng.uniform(0, 1.5) * depth)
    return np.asarray(
        plane * (np.abs(angle) < rng.uniform(0.35, 0.75)) * (depth > 0.12) * (depth < rng.uniform(0.85, 1.1)), np.float64
    )


def counts(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Scintigraphy: Poisson counts of a few hot organs on a coarse grid, as blocks or interpolated."""
    coarse = int(rng.integers(48, 160))
    y, x = _coordinates(rng, coarse, coarse)
    rate = 0.1 * np.clip(_inside(rng, y, x, 0.95, rng.uniform(0.4, 0.9)) * 3, 0, 1)
    for _ in range(int(rng.integers(2, 12))):
        cy, cx = rng.uniform(-0.6, 0.6, 2)
        rate += rng.uniform(0.1, 1) * np.clip(
            _inside(rng, y - cy, x - cx, rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3)) * 3, 0, 1
        )
    exposure = np.exp(rng.uniform(np.log(8), np.log(200)))
    counted = _soft(rng.poisson(np.clip(_soft(rate, rng, 0.8, 2.5), 0, None) * exposure) / exposure, rng, 0.3, 0.8)
    way = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(counted / max(float(counted.max()), 1e-9), (width, height), interpolation=way), np.float64)


KINDS: tuple[Kind, ...] = (slice_through, slice_through, slice_through, shadow, shadow, shadow, fan, counts)
"""Slices and shadows are the commoner ones."""
