"""False alarms on photographs, beside the number that the calibration promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from router.detector.calibration import false_alarm_interval
from router.evaluation.statistics import share
from training.detector.benchmark.measurements import stratum_of
from training.detector.benchmark.methods import OURS, Scored
from training.detector.benchmark.statistics import Scores
from training.detector.benchmark.subjects import AS_IS, MIX, Subject

ALPHAS = (0.01, 0.05, 0.1)
_LARGEST_CALIBRATION = 100_000


def false_alarms(scored: Sequence[Scored], sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row for every condition (as it is, the mix, each history) over all photographs, and for each source of them.

    Per alpha: how many photographs have p <= alpha, that share with Wilson's interval, and the 95 % beta-binomial interval of
    the number if they are exchangeable with the calibration photographs. Only under the mix they ought to be.
    """
    rows = []
    for group in scored:
        for variant in dict.fromkeys(s.variant for s in group.subjects):
            rows.append(_row(group.where(_is(variant)), variant, "all", sizes))
        for source in sorted({s.picture.source for s in group.subjects}):
            for variant in dict.fromkeys(s.variant for s in group.subjects if s.variant in (AS_IS, MIX)):
                rows.append(_row(group.where(_is(variant, source)), variant, source, sizes))
    return rows


def calibration_sizes(strata: Sequence[str], p_values: Scores) -> dict[str, int]:
    """Stratum -> number of calibration scores n, read off the p-values: all of them are whole multiples of 1 / (n + 1).

    A stratum with few images may show a divisor of n + 1 only; then the interval is too wide, not too narrow.
    """
    multiples: dict[str, int] = {}
    for stratum, p_value in zip(strata, p_values, strict=True):
        multiples[stratum] = lcm(multiples.get(stratum, 1), _denominator(p_value))
    return {stratum: multiple - 1 for stratum, multiple in sorted(multiples.items())}


def _denominator(p_value: float) -> int:
    return Fraction(float(p_value)).limit_denominator(_LARGEST_CALIBRATION).denominator


def _is(variant: str, source: str | None = None) -> Callable[[Subject], bool]:
    return lambda s: s.variant == variant and source in (None, s.picture.source)


def _row(group: Scored, variant: str, source: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    p_values, strata = group.p_values[OURS], Counter(stratum_of(v) for v in group.vectors[OURS])
    counts = [(sizes[stratum], images) for stratum, images in strata.items()]
    return {
        "condition": variant,
        "source": source,
        "images": len(p_values),
        "alphas": {
            str(alpha): {
                "flagged": int(np.sum(p_values <= alpha)),
                "share": share(p_values <= alpha),
                "expected": false_alarm_interval(counts, alpha),
            }
            for alpha in ALPHAS
        },
    }
