"""One rate-distortion curve a domain and codec: the geometric mean over images of the bits per pixel at each quality.

All curves of a domain stand on the same images: those that all codecs in the picture were measured on. A curve ends where the
first of its images cannot go further, so that no part of it stands on easier images than another. It begins at the median of the
images' lowest points: below its lowest point an image costs what that point costs, as everywhere in the evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router.codecs.base import Lane
from router.evaluation.comparison.curves import measured
from router.evaluation.comparison.matched import AVIF, POOLED, RateDistortion, images
from router.evaluation.measure.variants import BETTER_AVIF, VARIANTS

if TYPE_CHECKING:
    import pandas as pd

_STEPS = 25


@dataclass(frozen=True)
class MeanCurve:
    """`points`: (bits per pixel, quality), rising; `at_targets`: the same at targets on the curve (SSIMULACRA2 only)."""

    family: str
    points: list[tuple[float, float]]
    at_targets: list[tuple[float, float]]


@dataclass(frozen=True)
class DomainCurves:
    """`used` of `images` stand behind every one of `curves`; `left_out`: codecs that refused most images."""

    domain: str
    metric: str
    images: int
    used: int
    curves: list[MeanCurve]
    left_out: list[str]


def mean_curves(points: pd.DataFrame, metric: str, targets: Sequence[float]) -> list[DomainCurves]:
    """The mean curves of all images, if there are several domains, then of each domain."""
    sizes = points.groupby(["domain", "image"])[["width", "height"]].first()
    pixels = {(str(d), str(i)): float(row["width"] * row["height"]) for (d, i), row in sizes.iterrows()}
    by_domain: dict[str, list[tuple[float, Mapping[str, RateDistortion]]]] = {}
    for domain, image, by_family in images(points):
        lossy = {n: v for n, v in by_family.items() if v.lane != Lane.LOSSLESS and n not in BETTER_AVIF and v.curves(metric)}
        by_domain.setdefault(domain, []).append((pixels[domain, image], lossy))
    pooled = [one for found in by_domain.values() for one in found]
    groups = ({POOLED: pooled} if len(by_domain) > 1 else {}) | by_domain
    return [_of(domain, metric, found, targets) for domain, found in groups.items()]


def _of(
    domain: str, metric: str, found: Sequence[tuple[float, Mapping[str, RateDistortion]]], targets: Sequence[float]
) -> DomainCurves:
    measured_on = {name: sum(name in by_family for _, by_family in found) for name in (*VARIANTS, AVIF)}
    present = [name for name, count in measured_on.items() if count]
    shown = [name for name in present if 2 * measured_on[name] >= len(found)]
    while shown and not any(set(shown) <= set(by_family) for _, by_family in found):
        shown.remove(min(shown, key=lambda name: measured_on[name]))
    used = [(size, by_family) for size, by_family in found if set(shown) <= set(by_family)] if shown else []
    curves = [
        curve for name in shown if (curve := _mean(name, metric, [(s, by_family[name]) for s, by_family in used], targets)).points
    ]
    left_out = [name for name in present if name not in shown]
    return DomainCurves(domain, metric, len(found), len(used), curves, left_out)


def _mean(family: str, metric: str, used: Sequence[tuple[float, RateDistortion]], targets: Sequence[float]) -> MeanCurve:
    lows = [min(float(c.values[0]) for c in rd.curves(metric)) for _, rd in used]
    tops = [max(float(c.values[-1]) for c in rd.curves(metric)) for _, rd in used]
    low, top = float(np.median(lows)), min(tops)
    grid = np.linspace(low, top, _STEPS) if top > low else np.array([top])
    points = [(rate, float(value)) for value in grid if (rate := _rate(metric, used, float(value))) is not None]
    on_curve = [float(t) for t in targets if metric == "ssimulacra2" and low <= t <= top]
    return MeanCurve(family, points, [(rate, t) for t in on_curve if (rate := _rate(metric, used, t)) is not None])


def _rate(metric: str, used: Sequence[tuple[float, RateDistortion]], value: float) -> float | None:
    wanted = measured(metric, value)
    logs = []
    for pixels, rd in used:
        size = rd.bytes_at(metric, wanted)
        if size is None and metric != "ssimulacra2":  # decibels to a share and back: a rounding above the top
            size = rd.bytes_at(metric, measured(metric, value - 1e-6))
        if size is None:
            return None
        logs.append(np.log(8 * size / pixels))
    return float(np.exp(np.mean(logs)))
