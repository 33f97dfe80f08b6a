"""Does the stream still look like the calibration photographs? A check over the last scores of a log.

While images are exchangeable with the calibration photographs, p-values are uniform on 1/(n+1) ... 1 (Vovk et al. 2005), so
their distribution over a stretch of a log can be tested: two-sample Kolmogorov-Smirnov against the p-values that the calibration
photographs have among themselves, and the number of images below alpha against its beta-binomial law.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from router.detector.calibration import false_alarm_interval
from router.errors import InputError, UsageError
from router.reasons import ReasonCode

SMALLEST_SAMPLE = 30
LEVEL = 0.01
"""A stream counts as drifted when either test says so at half of this level."""


@dataclass(frozen=True)
class DriftReport:
    """What two tests say of a stream of scores.

    Attributes:
        images: how many scores were looked at.
        calibration: how many photographs the p-values were computed against.
        alpha: the line that flagged images are counted at.
        flagged: images with p_value <= alpha.
        expected: inclusive range of `flagged` with probability 1 - LEVEL / 2 if nothing has changed.
        statistic, p_value: Kolmogorov-Smirnov: largest distance between the distributions, and its significance.
        mean_p_value: 0.5 if nothing has changed; lower: the stream has moved away from the photographs.
        drifted: one of the two tests rejects.
    """

    images: int
    calibration: int
    alpha: float
    flagged: int
    expected: tuple[int, int]
    statistic: float
    p_value: float
    mean_p_value: float
    drifted: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def drift(p_values: Sequence[float], calibration: int, alpha: float = 0.05) -> DriftReport:
    """Compare `p_values` (each in (0, 1], at least SMALLEST_SAMPLE) with what photographs would have.

    Args:
        p_values: of one detector, in any order.
        calibration: number of calibration photographs behind them.
        alpha: the policy's line, in (0, 1).

    Raises UsageError (BAD_ARGUMENT) for too few values or values out of range. Needs scipy.
    """
    from scipy.stats import ks_2samp

    values = np.asarray(p_values, np.float64)
    if len(values) < SMALLEST_SAMPLE:
        raise UsageError(
            f"{len(values)} scores say nothing about drift: {SMALLEST_SAMPLE} are needed",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Take a longer stretch of the log",
        )
    if not ((values > 0) & (values <= 1)).all() or not 0 < alpha < 1 or calibration < 1:
        raise UsageError("p-values lie in (0, 1], alpha in (0, 1)", code=ReasonCode.BAD_ARGUMENT)
    own = np.arange(1, calibration + 1) / calibration
    test = ks_2samp(values, own, method="auto")
    flagged = int((values <= alpha).sum())
    low, high = false_alarm_interval([(calibration, len(values))], alpha, level=1 - LEVEL / 2)
    return DriftReport(
        images=len(values),
        calibration=calibration,
        alpha=alpha,
        flagged=flagged,
        expected=(low, high),
        statistic=float(test.statistic),
        p_value=float(test.pvalue),
        mean_p_value=float(values.mean()),
        drifted=bool(test.pvalue < LEVEL / 2 or not low <= flagged <= high),
    )


def last_p_values(lines: Iterable[str], detector_id: str, last: int) -> list[float]:
    """The p-values that `detector_id` gave in the last `last` run records with one, oldest first.

    `lines`: of a log as `router.sinks.JsonLines` writes it. Raises InputError (DAMAGED_RECORD) for a line that is no run record.
    """
    found: deque[float] = deque(maxlen=last)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            scores = json.loads(line)["record"].get("scores")
            if scores is not None and scores["detector"] == detector_id:
                found.append(float(scores["p_value"]))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"line {number} is not a run record", code=ReasonCode.DAMAGED_RECORD) from error
    return list(found)
