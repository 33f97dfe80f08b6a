"""Known structures, planted into a picture: how they are drawn, and how much of one is left after coding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.images.sample import Pixels
from router.quality.guard.planes import Plane

SHOWN = 0.25
"""Share of its contrast that a codec must keep for a structure to count as shown."""
KEPT = 0.8
"""Share of the contrast in another codec's result; below it a structure is lost."""
_LENGTH = 0.75
"""Of a line, as a share of its cell."""
_LEAST = 0.5
"""Share of its contrast that must fit between black and white; else nothing is planted."""


@dataclass(frozen=True)
class Planted:
    """One structure. `shape`: of its cell's size, what it really added to the luma. `text`: its characters, "" for others."""

    kind: str
    size: float
    contrast: float
    top: int
    left: int
    shape: Plane
    text: str = ""

    @property
    def window(self) -> tuple[slice, slice]:
        """Its cell."""
        height, width = self.shape.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def spot(cell: int, size: float) -> Plane:
    """A Gaussian in the middle of a cell, (cell, cell), [0, 1]. `size`: full width at half maximum, in px."""
    y, x = _grid(cell)
    return np.asarray(np.exp(-(x * x + y * y) / (2 * (size / 2.355) ** 2)), np.float32)


def hairline(cell: int, width: float, angle: float) -> Plane:
    """A line through the middle of a cell, (cell, cell), [0, 1]. `width` in px; `angle` in radians."""
    y, x = _grid(cell)
    across, along = np.abs(y * np.cos(angle) - x * np.sin(angle)), np.abs(x * np.cos(angle) + y * np.sin(angle))
    return np.asarray(np.clip((width + 1) / 2 - across, 0, 1) * (along < _LENGTH * cell / 2), np.float32)


def plant(picture: Pixels, place: tuple[int, int], mask: Plane, kind: str, size: float, contrast: float) -> Planted | None:
    """Draw into `picture`, (H, W, C), in place; brighter on dark ground, else darker.

    `place`: top and left of the cell. `mask`: the cell, [0, 1]. `contrast`: % of the full scale. None, and the picture as it was,
    where the ground is so bright or dark that most of it would be cut off. An alpha channel stays as it is.
    """
    top, left = place
    height, width = mask.shape
    colours = picture[top : top + height, left : left + width, : 1 if picture.shape[2] < 3 else 3]
    full = np.iinfo(picture.dtype).max
    ground = colours.copy()
    strength = contrast / 100 * full * (1 if float(ground.mean()) < full / 2 else -1)
    colours[...] = np.clip(np.rint(ground + mask[..., None] * np.float32(strength)), 0, full).astype(picture.dtype)
    shape = luma(colours) - luma(ground)
    if float(np.abs(shape).max()) < _LEAST * contrast / 100 * 255:
        colours[...] = ground
        return None
    return Planted(kind, size, contrast, top, left, shape)


def contrast_left(structure: Planted, before: Pixels, decoded: Pixels) -> float:
    """Share of a structure's contrast in `decoded`: regression on its shape of what is there and not in `before`."""
    shape = structure.shape - structure.shape.mean()
    difference = luma(decoded[structure.window]) - luma(before[structure.window])
    return float(((difference - difference.mean()) * shape).sum() / (shape * shape).sum())


def is_lost(ours: float, theirs: float) -> bool | None:
    """Whether one codec loses what the other shows, from the contrast that each keeps; None where the other does not show it."""
    return None if theirs < SHOWN else ours < KEPT * theirs


def luma(pixels: Pixels) -> Plane:
    """BT.601 luma in 8-bit steps, (H, W) float32, of (H, W, C) pixels; an alpha channel does not count."""
    values = pixels.astype(np.float32) * np.float32(255 / np.iinfo(pixels.dtype).max)
    return np.asarray(values[..., 0] if values.shape[2] < 3 else values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32))


def _grid(cell: int) -> NDArray[np.float32]:
    return np.mgrid[:cell, :cell].astype(np.float32) - np.float32(cell / 2 - 0.5)
