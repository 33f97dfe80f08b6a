"""What the guard measures on photographs coded to a target: read off between a few rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.point import Measure
from router.images.arrays import from_pixels
from router.quality.guard.measure import ATTENUATED, TileValues, measure
from training.guard.pictures import centre_crop, neural

Values = NDArray[np.float64]
"""(measures,)."""

_BEYOND = 2.0
"""SSIMULACRA2 points that a target may lie outside of what the rates gave."""


@dataclass(frozen=True)
class Sample:
    """One photograph. `whole`: by target, the worst value of each measure; `quarters`: those of its four quarters."""

    name: str
    pixels: int
    whole: dict[float, Values]
    quarters: dict[float, list[Values]]


def sample(path: Path, model: str, targets: Sequence[float], side: int, cache: Path) -> Sample:
    """Code the middle of a photograph and measure it; targets that no rate comes near are left out."""
    picture = centre_crop(path, side)
    codec = neural(model)
    with ImageCoder(from_pixels(picture), cache, keep=True) as coder:
        points = [coder.point(codec, rate, [Measure.SSIMULACRA2]) for rate in codec.start]
        measured = [measure(picture, coder.decoded(codec, rate)) for rate in codec.start]
    scores = np.array([point.values["ssimulacra2"] for point in points])
    parts = [_parts(values) for values in measured]
    near = [t for t in targets if scores.min() - _BEYOND <= t <= scores.max() + _BEYOND]
    return Sample(
        path.name,
        picture.shape[0] * picture.shape[1],
        {t: _at(t, scores, [m.worst for m in measured]) for t in near},
        {t: [_at(t, scores, [p[k] for p in parts]) for k in range(len(parts[0]))] for t in near},
    )


def _at(target: float, scores: Values, values: Sequence[NDArray[np.float32]]) -> Values:
    order = np.argsort(scores)
    table = np.stack(values)[order].astype(np.float64)
    return np.array([np.interp(target, scores[order], column) for column in table.T])


def _parts(values: TileValues) -> list[NDArray[np.float32]]:
    """Worst values of the quarters; of fewer parts where an image is only one tile high or wide."""
    middle = (values.tiles.max(0) + 1) // 2
    side = (values.tiles >= middle) @ np.array([2, 1])
    worst = [values.values[side == k].max(0) for k in np.unique(side)]
    for part in worst:
        part[list(ATTENUATED)] = 0  # a tile's part in the whole says nothing about a quarter
    return worst
