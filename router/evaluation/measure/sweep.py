"""Which settings of a knob to measure, so that every target lies in a tight bracket after few encodings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from router.codecs.base import Knob

NEAR = 2.0
"""A bracketed target with a point this near, in points of SSIMULACRA2, needs no further one."""
GAP = 5.0
"""Nor does one whose bracket is this narrow."""
MOST = 8
"""Encodings a family: with four targets and four settings to start from, one more for each target."""

_FAR = 1000.0
"""More than any distance between scores: a target without a bracket goes first."""


def sweep(
    measure: Callable[[int], float], knob: Knob, start: Sequence[int], targets: Sequence[float], most: int = MOST
) -> list[int]:
    """Settings measured, rising. `measure` gives the score (SSIMULACRA2) of a setting; each setting is asked for once.

    Deterministic given the scores. After `start`, targets outside the points are bracketed first, by extrapolation; then the
    target that is furthest from both points of its bracket gets the setting that linear interpolation gives. A target below
    the score of the lowest setting, or above that of the highest, is given up once that setting has been measured.
    """
    scores = {setting: measure(setting) for setting in sorted({min(max(s, knob.low), knob.high) for s in start})}
    while len(scores) < most:
        wanted = [found for target in targets if (found := _wanted(scores, knob, target)) is not None]
        if not wanted:
            break
        setting = max(wanted)[1]
        scores[setting] = measure(setting)
    return sorted(scores)


def _wanted(scores: dict[int, float], knob: Knob, target: float) -> tuple[float, int] | None:
    """(urgency, the setting to measure next); None if the target needs none. Urgency is the distance to the nearest point."""
    settings = sorted(scores)
    below = [s for s in settings if scores[s] < target]
    if not below:
        return _outwards(scores, knob, target, settings[0], settings[1:2], knob.low)
    low = below[-1]
    above = [s for s in settings if s > low]
    if not above:
        return _outwards(scores, knob, target, settings[-1], settings[-2:-1], knob.high)
    high = above[0]
    distance = min(target - scores[low], scores[high] - target)
    if distance <= NEAR or scores[high] - scores[low] <= GAP or high - low < 2:
        return None
    guess = low + (high - low) * (target - scores[low]) / (scores[high] - scores[low])
    return distance, min(max(round(guess), low + 1), high - 1)


def _outwards(
    scores: dict[int, float], knob: Knob, target: float, edge: int, neighbour: Sequence[int], end: int
) -> tuple[float, int] | None:
    if edge == end:
        return None
    distance = _FAR + abs(scores[edge] - target)
    slope = (scores[neighbour[0]] - scores[edge]) / (neighbour[0] - edge) if neighbour else 0.0
    if slope <= 0:
        return distance, end
    guess = edge + round(1.3 * (target - scores[edge]) / slope)  # further than needed: a bracket is what is wanted
    outside = edge + (1 if end > edge else -1)
    return distance, min(max(guess, knob.low), min(outside, knob.high)) if end < edge else max(min(guess, knob.high), outside)
