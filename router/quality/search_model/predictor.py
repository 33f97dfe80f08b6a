"""What a search asks: which settings there are, and how likely each lies where it should."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Knob
from router.quality.search_model.curve_posterior import CurvePosterior
from router.quality.search_model.curves import Array, CurveSet, generic
from router.quality.search_model.scales import SIZE, to_level, window
from router.quality.target import Target

_MOST_SETTINGS = 1024


@dataclass(frozen=True, eq=False)
class CurvePredictor:
    """Predicts one codec's curves on one image. Predictors that share a posterior share what they learn.

    Attributes:
        posterior: about the image.
        curve set: the codec's curves.
        pixels: how many the image has.
        overhead: bytes in each file that are not the picture (profile, EXIF).
    """

    posterior: CurvePosterior
    curve_set: CurveSet
    pixels: int
    overhead: int = 0

    def settings(self, low: int, high: int) -> NDArray[np.int64]:
        """Settings from `low` to `high`, rising, both among them unless they give the file of another one; of many, some."""
        if self.curve_set.distinct is not None:
            distinct = self.curve_set.distinct
            return distinct[(distinct >= low) & (distinct <= high)]
        if high - low < _MOST_SETTINGS:
            return np.arange(low, high + 1, dtype=np.int64)
        return np.unique(np.linspace(low, high, _MOST_SETTINGS).round().astype(np.int64))

    def levels(self, scale: str, settings: NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean, never falling, and standard deviation of the level at each setting."""
        mean, deviation = self.posterior.predict(self.curve_set.curves[scale], settings.astype(np.float64))
        return np.maximum.accumulate(mean), deviation

    def window(self, scale: str, low: float, high: float) -> tuple[float, float]:
        """Two values as levels; sizes are of whole files."""
        off = self.overhead if scale == SIZE else 0
        return window(scale, low - off, high - off, self.pixels)

    def learn(self, setting: int, size: int, target: Target, score: float | None) -> None:
        """Take the size and score of an encoding into account."""
        curves = self.curve_set.curves
        self.posterior.learn(curves[SIZE], setting, float(to_level(SIZE, size - self.overhead, self.pixels)))
        if score is not None and target.metric in curves:
            self.posterior.learn(curves[target.metric], setting, float(to_level(target.metric, score, self.pixels)))


def generic_predictor(knob: Knob, pixels: int, overhead: int = 0) -> CurvePredictor:
    """The predictor for a codec and an image of which nothing is known."""
    return CurvePredictor(CurvePosterior(np.zeros(1), np.eye(1)), generic(knob, 1), pixels, overhead)
