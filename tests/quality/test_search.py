"""The search finds the cheapest setting for a target on any monotone curve, with few encodings."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.codecs.base import Knob
from router.errors import CodecError
from router.quality.search import MAX_STEPS, SearchResult, search
from router.quality.target import Target

KNOB = Knob("quality", 1, 100, 75)


def _run(scores: list[float], target: Target, *, byte_limit: int | None = None, **options: float) -> SearchResult:
    """Search a codec whose setting q scores scores[q - 1] and takes 10 * q bytes."""

    def decode(data: bytes) -> np.ndarray:
        return np.full((1, 1, 1), len(data) // 10, np.uint8)

    score = None if byte_limit is not None else lambda pixels: scores[int(pixels[0, 0, 0]) - 1]
    knob = Knob("quality", 1, len(scores), min(75, len(scores)))
    return search(lambda q: bytes(10 * q), decode, knob, target, score=score, byte_limit=byte_limit, **options)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.01, 20), min_size=2, max_size=100), st.floats(5, 95))
def test_result_reaches_the_target_as_cheaply_as_the_curve_allows(steps: list[float], value: float) -> None:
    curve = np.cumsum(steps)
    scores = list(100 * curve / curve[-1])
    target = Target.quality(value)
    result = _run(scores, target)
    assert result.trial.score is not None
    assert result.trial.score >= target.floor
    cheapest = next(q for q, s in enumerate(scores, 1) if s >= target.floor)
    within = target.floor <= result.trial.score <= value + target.tolerance
    assert within or result.trial.knob == cheapest
    assert result.steps <= MAX_STEPS


@settings(max_examples=100, deadline=None)
@given(st.integers(10, 1000))
def test_size_targets_fit_and_are_nearly_filled(limit: int) -> None:
    result = _run([float(q) for q in range(1, 101)], Target.parse({"metric": "max_bytes", "value": limit}), byte_limit=limit)
    assert len(result.trial.data) <= limit
    assert limit - len(result.trial.data) < max(10, 0.03 * limit + 1)


def test_few_encodings_on_an_ordinary_curve() -> None:
    scores = [100 - 95 * np.exp(-q / 30) for q in range(1, 101)]
    steps = [_run(scores, Target.quality(v)).steps for v in (30, 50, 70, 80, 90)]
    assert max(steps) <= 6


def test_an_unreachable_target_says_how_near_it_came() -> None:
    with pytest.raises(CodecError) as refused:
        _run([float(q) / 2 for q in range(1, 101)], Target.quality(90))
    assert refused.value.code == "TARGET_UNREACHABLE"
    assert "50.00 at setting 100" in refused.value.message


def test_a_size_below_the_lowest_setting_is_refused() -> None:
    with pytest.raises(CodecError) as refused:
        _run([1.0] * 100, Target.parse({"metric": "max_bytes", "value": 9}), byte_limit=9)
    assert refused.value.code == "TARGET_UNREACHABLE"


def test_nothing_starts_after_the_deadline() -> None:
    with pytest.raises(CodecError) as refused:
        _run([float(q) for q in range(1, 101)], Target.quality(95), deadline=time.monotonic() - 1)
    assert refused.value.code == "BUDGET_EXCEEDED"
    result = _run([float(q) for q in range(1, 101)], Target.quality(50), deadline=time.monotonic() - 1)
    assert (result.trial.knob, result.steps) == (75, 1)  # what was found is used


def test_few_steps_still_reach_the_target() -> None:
    result = _run([float(q) for q in range(1, 101)], Target.quality(97), max_steps=2)
    assert result.trial.score is not None
    assert result.trial.score >= 96
