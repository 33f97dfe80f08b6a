"""The guard's verdict on a point: the one place where evaluation calls it."""

from __future__ import annotations

from dataclasses import dataclass

from router.codecs.base import Codec, Lane
from router.images.sample import Pixels
from router.quality import guard
from router.quality.guard.levels import QUANTILES
from router.quality.guard.measure import measure
from router.quality.target import Target

_LEVEL = guard.GuardLevel.FULL
"""What policies ask for by default: the target, and local checks of neural results."""

NEVER = 1.0
"""Stands for a quantile at which the guard passes a point, where there is none that a policy may name."""
_STEPS = 10_000


@dataclass(frozen=True)
class GuardVerdict:
    """What the guard says.

    Attributes:
        passed: whether it lets the point pass at its default quantile.
        code: its reason code.
        quantile: of the neural lane: the smallest quantile at which it passes, up to the 4th decimal, in `levels.QUANTILES`, or
            NEVER; None of the other lanes, which have no quantile.
    """

    passed: bool
    code: str
    quantile: float | None = None


def verdict(codec: Codec, source: Pixels, decoded: Pixels, score: float) -> GuardVerdict:
    """What the guard says of `decoded`, both (H, W, C) as the codec represents them, if `score` (SSIMULACRA2) was the target.

    Whether another target is reached is left to the caller, who matches scores anyway.
    """
    target = Target.quality(min(max(score, 0.0), 100.0))
    report = guard.check(
        source,
        decoded,
        lane=codec.lane,
        carries=codec.carries,
        level=_LEVEL,
        target=target,
        score=max(score, 0.0),
        model=getattr(codec, "model", None),
    )
    if codec.lane is not Lane.NEURAL:
        return GuardVerdict(report.passed, str(report.code))
    if report.worst is None:  # refused before any tile was looked at
        return GuardVerdict(report.passed, str(report.code), NEVER)
    return GuardVerdict(report.passed, str(report.code), _smallest_quantile(source, decoded, target.value, codec))


def _smallest_quantile(source: Pixels, decoded: Pixels, aim: float, codec: Codec) -> float:
    """By bisection: limits rise with the quantile, so that what passes at one passes at every larger one."""
    calibration = guard.calibration_for(getattr(codec, "model", None))
    worst, pixels = measure(source, decoded).worst, source.shape[0] * source.shape[1]

    def passes(steps: int) -> bool:
        return bool((worst <= calibration.limits(guard.MEASURES, aim, steps / _STEPS, pixels)).all())

    low, high = (round(_STEPS * q) for q in QUANTILES)
    if passes(low):
        return QUANTILES[0]
    if not passes(high):
        return NEVER
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high / _STEPS
