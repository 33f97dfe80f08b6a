"""What is known of a codec's curves before an image is encoded: a mean over the knob, and how images differ from it.

The curves of all codecs and scales (`scales.py`) of one image are one draw from a Gaussian: level = mean(knob) +
loadings(knob) . z + rest, with z, a few numbers that say what kind of image it is, common to all curves, and a rest that is
peculiar to one curve. Hence one encoding by one codec tells something about all others. (Functional principal components with
irregular sampling: James, Hastie and Sugar, Biometrika 87, 2000; conditioning as in kriging.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Knob
from router.quality.search_model.scales import ROUGHNESS_RANGE, SCALES, SIZE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KnobCurve:
    """One scale of one codec configuration.

    Attributes:
        scale: of `scales.SCALES`.
        knots: (G,) knob settings, rising; linear between them.
        mean: (G,) level.
        loadings: (G, R); zeros for a curve that is not known to have to do with others.
        offset, slope: standard deviations of how far the whole curve may lie off, and of the level between the ends of the
            knob that a tilt may make: for what the search model was not fitted on.
        roughness: (G,) standard deviation of the rest.
        bow: standard deviation of how far the middle may lie off the line between the ends.
    """

    scale: str
    knots: Array
    mean: Array
    loadings: Array
    roughness: Array
    offset: float = 0.0
    slope: float = 0.0
    bow: float = 0.0

    def at(self, knobs: Array) -> tuple[Array, Array]:
        """Mean (N,) and loadings (N, R) at settings (N,)."""
        place = np.clip(np.searchsorted(self.knots, knobs, side="right") - 1, 0, len(self.knots) - 2)
        share = np.clip((knobs - self.knots[place]) / (self.knots[place + 1] - self.knots[place]), 0, 1)
        mean = self.mean[place] * (1 - share) + self.mean[place + 1] * share
        loadings = self.loadings[place] * (1 - share)[:, None] + self.loadings[place + 1] * share[:, None]
        return mean, loadings

    def own(self, a: Array, b: Array) -> Array:
        """(N, M) covariance of what is peculiar to this curve, between settings (N,) and (M,)."""
        apart = np.abs(self.at(a)[0][:, None] - self.at(b)[0][None, :]) / ROUGHNESS_RANGE[self.scale]
        rest = np.outer(*(np.interp(k, self.knots, self.roughness) for k in (a, b))) * np.exp(-apart)
        return np.asarray(self._bend(a) @ self._bend(b).T + rest, np.float64)

    def own_variance(self, knobs: Array) -> Array:
        """The diagonal of `own(knobs, knobs)`, (N,)."""
        rest = np.square(np.interp(knobs, self.knots, self.roughness))
        return np.asarray(np.square(self._bend(knobs)).sum(axis=1) + rest, np.float64)

    def _bend(self, knobs: Array) -> Array:
        """(N, 3): offset, slope and bow, one standard deviation of each."""
        place = (knobs - self.knots[0]) / (self.knots[-1] - self.knots[0])
        return np.column_stack([np.full(len(place), self.offset), self.slope * (place - 0.5), self.bow * 4 * place * (1 - place)])


@dataclass(frozen=True, eq=False)
class CurveSet:
    """The curves of one codec configuration, by scale, and the settings that give different files (None: all)."""

    curves: dict[str, KnobCurve]
    distinct: NDArray[np.int64] | None = None


# Level at the lowest setting, at `Knob.start` and at the highest; then offset, slope, bow and roughness.
_GENERIC = {
    "ssimulacra2": ((0.0, 72.0, 94.0), 12.0, 30.0, 20.0, 1.5),
    "psnr": ((23.0, 36.0, 46.0), 5.0, 8.0, 4.0, 0.3),
    "ms-ssim": ((6.0, 18.0, 28.0), 4.0, 6.0, 4.0, 0.3),
    SIZE: ((-4.5, -2.0, -0.3), 1.0, 1.5, 0.6, 0.05),
}


def generic(knob: Knob, rank: int) -> CurveSet:
    """Curves for a codec of which only the knob is known: `start` is taken to give about SSIMULACRA2 72."""
    middle = min(max(knob.start, knob.low), knob.high)
    share = (middle - knob.low) / max(knob.high - knob.low, 1)
    knots = np.array([knob.low, middle, knob.high], np.float64)
    if not 0.05 < share < 0.95:
        knots[1] = knob.low + 0.7 * (knob.high - knob.low)
    if knob.high == knob.low:
        knots = np.array([knob.low, knob.low + 0.5, knob.low + 1.0])
    curves = {}
    for scale in SCALES:
        mean, offset, slope, bow, roughness = _GENERIC[scale]
        curves[scale] = KnobCurve(scale, knots, np.array(mean), np.zeros((3, rank)), np.full(3, roughness), offset, slope, bow)
    return CurveSet(curves)


_LOOSE = {"ssimulacra2": (4.0, 5.0), "psnr": (0.8, 1.0), "ms-ssim": (0.7, 1.0), SIZE: (0.15, 0.2)}


def loosened(curve_set: CurveSet) -> CurveSet:
    """The same curves with a wider prior on offset and tilt, for a codec that differs a little from the fitted one."""
    curves = {
        scale: KnobCurve(scale, c.knots, c.mean, c.loadings, c.roughness, *_LOOSE[scale]) for scale, c in curve_set.curves.items()
    }
    return CurveSet(curves, curve_set.distinct)
