"""What is believed of one image's curves: features first, then every encoding that was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router.quality.search_model.curves import Array, KnobCurve
from router.quality.search_model.scales import LEAST_ROUGHNESS


@dataclass(frozen=True, eq=False)
class _Seen:
    curve: KnobCurve
    knob: float
    level: float


class CurvePosterior:
    """A Gaussian over all curves of one image. Not for several threads."""

    def __init__(self, mean: Array, covariance: Array) -> None:
        """`mean` (R,) and `covariance` (R, R) of the numbers that say what kind of image it is."""
        self._mean = mean
        self._covariance = covariance
        self._seen: list[_Seen] = []
        self._solved: tuple[Array, Array] | None = None

    def learn(self, curve: KnobCurve, knob: float, level: float) -> None:
        """A measured point. The same setting of a curve counts once."""
        if np.isfinite(level) and not any(s.curve is curve and s.knob == knob for s in self._seen):
            self._seen.append(_Seen(curve, knob, level))
            self._solved = None

    def predict(self, curve: KnobCurve, knobs: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the level at settings (N,)."""
        mean, loadings = curve.at(knobs)
        spread = loadings @ self._covariance
        variance = np.einsum("nr,nr->n", spread, loadings) + curve.own_variance(knobs)
        mean = mean + loadings @ self._mean
        if self._seen:
            inverse, residual = self._solve()
            covariance = np.empty((len(knobs), len(self._seen)))
            for column, seen in enumerate(self._seen):
                at = np.array([seen.knob])
                covariance[:, column] = spread @ seen.curve.at(at)[1][0]
                if seen.curve is curve:
                    covariance[:, column] += curve.own(knobs, at)[:, 0]
            gain = covariance @ inverse
            mean = mean + gain @ residual
            variance = variance - np.einsum("nk,nk->n", gain, covariance)
        return mean, np.sqrt(np.maximum(variance, (0.1 * LEAST_ROUGHNESS[curve.scale]) ** 2))

    def _solve(self) -> tuple[Array, Array]:
        """Inverse covariance of what was seen, and how far it lies from what features say."""
        if self._solved is None:
            count = len(self._seen)
            rows = np.array([s.curve.at(np.array([s.knob]))[1][0] for s in self._seen])
            means = np.array([s.curve.at(np.array([s.knob]))[0][0] for s in self._seen])
            covariance = rows @ self._covariance @ rows.T
            for i in range(count):
                for j in range(count):
                    a, b = self._seen[i], self._seen[j]
                    if a.curve is b.curve:
                        covariance[i, j] += a.curve.own(np.array([a.knob]), np.array([b.knob]))[0, 0]
                covariance[i, i] += (0.1 * LEAST_ROUGHNESS[self._seen[i].curve.scale]) ** 2
            residual = np.array([s.level for s in self._seen]) - means - rows @ self._mean
            self._solved = np.linalg.inv(covariance), residual
        return self._solved
