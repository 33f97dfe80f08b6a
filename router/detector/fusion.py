"""One score from several: a logistic rule with weights of one sign, fitted on scores that no estimator was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router.detector.density.base import FromArrays, Scores, Stored

_LIMIT = 20.0
_RIDGE = 0.05


@dataclass(frozen=True, eq=False)
class Fusion(FromArrays):
    """The rule that makes one score of K, as arrays.

    Attributes:
        center, unit: (K,), median and distance to the 95th percentile over photographs.
        weights: (K,), none negative, so that an image further out by every estimator is never nearer by the fused score.
    """

    center: Stored
    unit: Stored
    weights: Stored

    def _check(self) -> None:
        if not (self.center.shape == self.unit.shape == self.weights.shape) or self.center.ndim != 1:
            raise ValueError("center, unit and weights must be vectors of one length")
        if not (self.unit > 0).all() or not (self.weights >= 0).all() or not self.weights.any():
            raise ValueError("unit must be positive, weights not negative and not all zero")

    @classmethod
    def fit(cls, inside: Scores, outside: Scores) -> Fusion:
        """To (N, K) scores of photographs and (M, K) of foreign images. Maximum likelihood with a small ridge on the weights."""
        from scipy.optimize import minimize

        center, upper = np.quantile(inside, [0.5, 0.95], axis=0)
        unit = np.maximum(upper - center, 1e-6)
        x = np.clip((np.concatenate([inside, outside]) - center) / unit, -_LIMIT, _LIMIT)
        sign = np.r_[np.full(len(inside), -1.0), np.ones(len(outside))]
        share = np.r_[np.full(len(inside), 0.5 / len(inside)), np.full(len(outside), 0.5 / len(outside))]

        def loss(parameters: Scores) -> tuple[float, Scores]:
            weights, intercept = parameters[:-1], parameters[-1]
            margin = sign * (x @ weights + intercept)
            slope = -sign * share / (1 + np.exp(np.clip(margin, -50, 50)))
            value = float((share * np.logaddexp(0, -margin)).sum() + 0.5 * _RIDGE * weights @ weights)
            return value, np.r_[x.T @ slope + _RIDGE * weights, slope.sum()]

        k = x.shape[1]
        start, bounds = np.r_[np.full(k, 1 / k), 0.0], [(0, None)] * k + [(None, None)]
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
        weights = np.maximum(found.x[:-1], 0)
        return cls(center.astype(np.float32), unit.astype(np.float32), (weights / weights.sum()).astype(np.float32))

    def __call__(self, scores: Scores) -> Scores:
        """(N, K) -> (N,), the weighted mean of standardised scores."""
        fused: Scores = np.clip((scores - self.center) / self.unit, -_LIMIT, _LIMIT) @ self.weights.astype(np.float64)
        return fused
