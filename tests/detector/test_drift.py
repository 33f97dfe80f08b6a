from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from router.detector.calibration import ScoreCalibration
from router.detector.drift import drift, last_p_values
from router.errors import InputError, UsageError


def stream(seed: int, images: int, shift: float, calibration: int = 150) -> list[float]:
    rng = np.random.default_rng(seed)
    known = ScoreCalibration(rng.normal(size=calibration))
    return [known.p_value(float(known.scale(s))) for s in rng.normal(shift, 1, images)]


def test_an_unchanged_stream_is_rarely_called_drifted() -> None:
    assert sum(drift(stream(seed, 200, 0.0), 150).drifted for seed in range(100)) <= 5


def test_a_stream_that_moved_away_is_noticed_and_more_so_the_further_it_moved() -> None:
    reports = [drift(stream(1, 200, shift), 150) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert [r.drifted for r in reports[2:]] == [True, True]
    assert all(a.mean_p_value > b.mean_p_value for a, b in pairwise(reports))
    assert reports[3].flagged > reports[3].expected[1]


def test_a_stream_of_nothing_but_easy_photographs_is_drift_too() -> None:
    assert drift([0.9] * 100, 150).drifted


@pytest.mark.parametrize("values", [[0.5] * 29, [0.0] * 50, [1.5] * 50, [float("nan")] * 50])
def test_too_little_or_impossible_input_is_a_usage_error(values: list[float]) -> None:
    with pytest.raises(UsageError):
        drift(values, 150)


@pytest.mark.parametrize("line", ["{", "[]", '{"record": 3}', '{"record": {"scores": {"detector": "photo-1"}}}'])
def test_a_log_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        last_p_values([line], "photo-1", 10)
