"""Interpolation along one rate-distortion curve: bytes at a value of a metric, and a metric at a number of bytes.

The logarithm of the bytes over the metric, monotone piecewise cubic (PCHIP: Fritsch, Carlson, SIAM J. Numer. Anal. 17, 1980)
through the monotone hull of the points: in order of bytes, those that no cheaper point equals or beats. What lies off the hull
is a setting that nobody would choose. MS-SSIM is interpolated in decibels, -10 log10(1 - x), where curves are smoother, and a
distance as -10 log10(x): a doubling weighs the same everywhere, so that the lowest rates of the worst images do not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

TOLERANCES = {"ssimulacra2": 1.0}
"""How far below a target a metric still reaches it, as in `router.quality.target`; 0 for the others."""

_MOST_DECIBELS = 60.0
_STEP = 1e-6  # values nearer than this are one: slopes between them would be noise
_DISTANCE = "butteraugli"
_IN_DECIBELS = frozenset({"ms_ssim", "worst_tile_ssim", "worst_tile_ms_ssim"})


def decibels(values: Values | float) -> Values:
    """-10 log10(1 - x) of values up to 1, at most 60."""
    return np.asarray(-10 * np.log10(np.maximum(1 - np.asarray(values, np.float64), 10 ** (-_MOST_DECIBELS / 10))))


def scaled(metric: str, values: Values | float) -> Values:
    """A metric on the rising scale on which it is interpolated and compared.

    MS-SSIM and SSIM in decibels; Butteraugli as -10 log10 of the distance, at most 30; others as they are.
    """
    if metric.startswith(_DISTANCE):
        return np.asarray(-10 * np.log10(np.maximum(np.asarray(values, np.float64), 1e-3)))
    return decibels(values) if metric in _IN_DECIBELS else np.asarray(values, np.float64)


def measured(metric: str, value: float) -> float:
    """From the scale of `scaled` back to the metric as measured."""
    loss = 10 ** (-float(value) / 10)
    return loss if metric.startswith(_DISTANCE) else 1 - loss if metric in _IN_DECIBELS else float(value)


@dataclass(frozen=True)
class RateCurve:
    """A monotone curve: `log_bytes` and `values` (see `scaled`), both strictly rising, at least one point."""

    metric: str
    log_bytes: Values
    values: Values

    @classmethod
    def through(cls, metric: str, sizes: Sequence[int] | Values, values: Sequence[float] | Values) -> RateCurve:
        """The hull of these points: bytes, and the metric as measured. Raises ValueError if there is none."""
        logs, heights = np.log(np.asarray(sizes, np.float64)), scaled(metric, np.asarray(values, np.float64))
        if not len(logs):
            raise ValueError("a curve needs a point")
        order = np.lexsort((-heights, logs))
        logs, heights = logs[order], heights[order]
        best = np.concatenate([[-np.inf], np.maximum.accumulate(heights)[:-1]])
        kept = heights > best + _STEP
        return cls(metric, logs[kept], heights[kept])

    def bytes_at(self, value: float) -> float | None:
        """Fewest bytes that reach `value` (as measured, not scaled); None if the curve's top does not.

        Below its lowest point a curve stays at that point's bytes: a codec whose worst setting is too good costs what that
        setting costs.
        """
        wanted = float(scaled(self.metric, value))
        if wanted > self.values[-1]:
            within = wanted - self.values[-1] <= TOLERANCES.get(self.metric, 0.0)
            return float(np.exp(self.log_bytes[-1])) if within else None
        return float(np.exp(self._log_bytes_over_values(max(wanted, float(self.values[0])))))

    def value_at(self, size: float) -> float | None:
        """The metric (scaled) that `size` bytes buy: the top's where the curve ends before, None where it begins above."""
        wanted = float(np.log(size))
        if wanted < self.log_bytes[0] - 1e-9:
            return None
        return float(self._values_over_log_bytes(min(max(wanted, self.log_bytes[0]), self.log_bytes[-1])))

    @cached_property
    def _log_bytes_over_values(self) -> Callable[[float], Any]:
        return _interpolation(self.values, self.log_bytes)

    @cached_property
    def _values_over_log_bytes(self) -> Callable[[float], Any]:
        return _interpolation(self.log_bytes, self.values)


def fewest_bytes(curves: Iterable[RateCurve], value: float) -> float | None:
    """The fewest that reach a value of the metric (as measured) on any of these curves, None if it is out of reach."""
    return min((size for curve in curves if (size := curve.bytes_at(value)) is not None), default=None)


def _interpolation(x: Values, y: Values) -> Callable[[float], Any]:
    if len(x) == 1:
        return lambda _: y[0]
    from scipy.interpolate import PchipInterpolator

    found: Callable[[float], Any] = PchipInterpolator(x, y)
    return found
