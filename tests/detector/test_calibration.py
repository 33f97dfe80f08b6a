from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.detector.calibration import ScoreCalibration, false_alarm_interval

finite = st.floats(-1e6, 1e6, allow_nan=False)
scores = st.lists(finite, min_size=1, max_size=60)


@given(scores, finite)
@settings(max_examples=100, deadline=None)
def test_p_values_lie_between_the_smallest_and_one(raw: list[float], score: float) -> None:
    calibration = ScoreCalibration(raw)
    p = calibration.p_value(score)
    assert 0 < calibration.smallest_p == 1 / (len(raw) + 1) <= p <= 1


@given(scores, finite, finite)
@settings(max_examples=100, deadline=None)
def test_a_higher_score_never_has_a_higher_p_value(raw: list[float], a: float, b: float) -> None:
    calibration = ScoreCalibration(raw)
    assert calibration.p_value(max(a, b)) <= calibration.p_value(min(a, b))


@given(scores)
@settings(max_examples=50, deadline=None)
def test_ties_count_as_further_out(raw: list[float]) -> None:
    calibration = ScoreCalibration(raw)
    highest = float(calibration.scale(max(raw)))
    at_least = (calibration.scale(raw) >= highest).sum()
    assert calibration.p_value(highest) == (1 + at_least) / (len(raw) + 1)
    assert calibration.p_value(np.nextafter(highest, np.inf)) == calibration.smallest_p


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_p_values_of_exchangeable_scores_are_uniform(n: int, seed: int) -> None:
    """Leaving each of n + 1 scores out in turn gives each of the n + 1 possible p-values exactly once: the law behind
    P(p <= alpha) <= alpha, free of sampling error."""
    everything = np.random.default_rng(seed).permutation(n + 1) * 10.0
    p_values = []
    for i in range(n + 1):
        calibration = ScoreCalibration(np.delete(everything, i))
        p_values.append(calibration.p_value(float(calibration.scale(everything[i]))))
    np.testing.assert_allclose(sorted(p_values), np.arange(1, n + 2) / (n + 1))


def test_the_scale_puts_the_median_at_zero_and_the_95th_percentile_at_one() -> None:
    raw = np.random.default_rng(0).normal(50, 7, 1001)
    scaled = ScoreCalibration(raw).scale(raw)
    assert np.quantile(scaled, [0.5, 0.95]) == pytest.approx([0, 1], abs=1e-3)


def test_nan_is_infinitely_far_out() -> None:
    calibration = ScoreCalibration([1.0, 2.0, 3.0])
    assert calibration.p_value(float("nan")) == calibration.smallest_p


@pytest.mark.parametrize("bad", [[], [1.0, float("nan")], [[1.0]], [float("inf")]])
def test_unusable_calibration_scores_are_refused(bad: list) -> None:
    with pytest.raises(ValueError, match="calibration"):
        ScoreCalibration(bad)


def test_false_alarm_interval_agrees_with_simulation() -> None:
    from scipy.stats import betabinom

    low, high = false_alarm_interval([(150, 200)], 0.05)
    assert (low, high) == tuple(betabinom(200, 7, 144).interval(0.95))
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(400):
        calibration = ScoreCalibration(rng.normal(size=150))
        scores_of_new = calibration.scale(rng.normal(size=200))
        alarms.append(sum(calibration.p_value(s) <= 0.05 for s in scores_of_new))
    assert np.mean([low <= a <= high for a in alarms]) >= 0.93
    assert np.mean(alarms) / 200 == pytest.approx(7 / 151, abs=0.006)


def test_nothing_can_be_rejected_when_alpha_is_below_the_smallest_p() -> None:
    assert false_alarm_interval([(98, 1000)], 0.01) == (0, 0)
    assert false_alarm_interval([(99, 1000)], 0.01)[1] > 0


def test_false_alarms_of_two_strata_are_between_their_extremes() -> None:
    low, high = false_alarm_interval([(150, 30), (99, 30)], 0.05)
    wide = [false_alarm_interval([(n, 30)], 0.05) for n in (150, 99)]
    assert max(part[1] for part in wide) < high < sum(part[1] for part in wide)
    assert low <= 3
