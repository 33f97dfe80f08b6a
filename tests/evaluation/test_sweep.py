"""The choice of settings: few, deterministic, and every target that can be reached is bracketed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from router.codecs.base import Knob
from router.evaluation.measure.sweep import GAP, NEAR, sweep

KNOB = Knob("quality", 1, 100, 50)
START = (16, 30, 49, 76)
TARGETS = (30.0, 50.0, 70.0, 85.0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.01, 20), min_size=100, max_size=100), st.floats(-80, 60), st.integers(4, 30))
def test_brackets(steps: list[float], lowest: float, most: int) -> None:
    scores = lowest + (100 - lowest) * np.cumsum(steps) / sum(steps)
    asked: list[int] = []

    def measure(setting: int) -> float:
        asked.append(setting)
        return float(scores[setting - 1])

    found = sweep(measure, KNOB, START, TARGETS, most)
    assert sorted(asked) == found
    assert len(set(found)) == len(found) <= most
    assert set(START) <= set(found)
    assert found == sweep(lambda s: float(scores[s - 1]), KNOB, START, TARGETS, most)
    if len(found) < most:  # it stopped because nothing was left to do
        for target in TARGETS:
            below = [s for s in found if scores[s - 1] < target]
            above = [s for s in found if scores[s - 1] >= target]
            if not below:
                assert KNOB.low in found
            elif not above:
                assert KNOB.high in found
            else:
                low, high = scores[below[-1] - 1], scores[above[0] - 1]
                near = min(target - low, high - target) <= NEAR
                assert near or high - low <= GAP or above[0] - below[-1] == 1


def test_one_setting_more_for_each_target_is_usually_enough() -> None:
    for bend in (0.6, 1.0, 1.7):
        found = sweep(lambda s, bend=bend: 95 * (s / 100) ** bend, KNOB, START, TARGETS, most=30)
        assert len(found) <= 9
