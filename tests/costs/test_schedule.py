"""The time of one image by itself: what a budget allows, and in which turn which codec goes. The clock is the test's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cost_files import entry, model
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import CodecError
from router.policy.decision import EncodingBudgets, LanePlan
from router.prediction.costs.budget import Budget
from router.prediction.costs.model import CODEC, Band, CostLine
from router.prediction.costs.predict import ImageShape, Prediction
from router.prediction.costs.store import Costs
from router.quality.target import Target
from router.reasons import ReasonCode
from router.routing.forced import forced_decision
from router.routing.forecast import Forecast
from router.routing.time_budget import AttemptSchedule

START = 1000.0
TINY = 1e-6
seconds = st.floats(0, 100)
predictions = st.builds(
    Prediction, before=seconds, step=st.floats(0.01, 100), after=seconds, encodings=st.just(2.2), band=st.just(Band(0.7, 1.4))
)


@dataclass
class Clock:
    """Goes on when it is told to."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@settings(deadline=None)
@given(st.floats(0, 1000), st.integers(1, 9), st.none() | predictions)
def test_without_a_bound_everything_is_allowed(later: float, most: int, prediction: Prediction | None) -> None:
    budget = Budget(START, None, Clock(START + later))
    assert budget.left is None
    allowed = budget.allowance(most, prediction, budget.left)
    assert allowed is not None
    assert (allowed.encodings, allowed.deadline) == (most, None)


@settings(deadline=None)
@given(st.floats(0, 500), st.floats(0, 1000), st.integers(1, 9))
def test_without_a_prediction_the_clock_decides(bound: float, later: float, most: int) -> None:
    budget = Budget(START, bound, Clock(START + later))
    assert budget.left == pytest.approx(max(0.0, bound - later))
    allowed = budget.allowance(most, None, budget.left)
    assert allowed is not None
    assert (allowed.encodings, allowed.deadline) == (most, START + bound)


@settings(deadline=None)
@given(st.floats(0, 500), st.floats(0, 500), st.integers(1, 9), predictions, seconds)
def test_what_is_allowed_is_expected_to_end_in_time(
    bound: float, later: float, most: int, prediction: Prediction, reserve: float
) -> None:
    budget = Budget(START, bound, Clock(START + later))
    left = budget.left
    assert left is not None
    allowed = budget.allowance(most, prediction, left, reserve)
    if allowed is None:
        assert prediction.first > left
        return
    assert prediction.first <= left
    assert 1 <= allowed.encodings <= most
    assert allowed.deadline is not None
    if allowed.encodings > 1:
        assert prediction.once + allowed.encodings * prediction.step <= left - reserve + TINY
        assert allowed.deadline + prediction.step + prediction.after <= START + bound - reserve + TINY
    if allowed.encodings < most:  # one more would not have fitted
        assert prediction.once + (allowed.encodings + 1) * prediction.step > left - reserve - TINY


@settings(deadline=None)
@given(st.floats(0, 1000), predictions, st.lists(predictions, max_size=4))
def test_what_is_reserved_leaves_the_first_its_own(left: float, first: Prediction, later: list[Prediction]) -> None:
    reserve = Budget(START, left, Clock()).reserve(first, later, left)
    assert 0 <= reserve <= sum(p.first for p in later) + TINY
    assert reserve == 0 or first.first + reserve <= left


@settings(deadline=None)
@given(predictions, st.lists(predictions, max_size=4))
def test_where_all_fit_all_is_reserved(first: Prediction, later: list[Prediction]) -> None:
    together = sum(p.first for p in later)
    left = first.first + together + 1
    assert Budget(START, left, Clock()).reserve(first, later, left) == pytest.approx(together)


@settings(deadline=None)
@given(st.floats(0, 500), st.floats(0, 1000))
def test_renewed_time_begins_now(bound: float, later: float) -> None:
    clock = Clock()
    budget = Budget(START, bound, clock)
    clock.now += later
    assert budget.renewed().deadline == pytest.approx(clock.now + bound)
    assert budget.deadline == START + bound


def lane(*codecs: str, choose: Any = "first") -> LanePlan:
    return LanePlan(lane="classical", codecs=codecs, settings={}, choose=choose)


def schedule(
    clock: Clock, *lanes: LanePlan, encode_ms: float | None = 60_000, when_late: Any = "encode", **costs: float
) -> AttemptSchedule:
    """Encodings with these codecs take so many seconds; nothing is known of others."""
    plan = replace(
        forced_decision("jpeg", Target.quality(60), None),
        lanes=lanes,
        budgets=EncodingBudgets(encode_ms=encode_ms, when_late=when_late),
    )
    known = Costs(model(*(entry(CODEC, name, encode=CostLine(value, 0.0)) for name, value in costs.items())))
    return AttemptSchedule(plan, Forecast(ImageShape(640, 480), plan, known), clock=clock)


def test_a_turn_counts_what_was_spent_before_it() -> None:
    clock, both = Clock(), lane("avif", "webp")
    timed = schedule(clock, both, avif=50.0, webp=50.0)
    assert timed.allowance(timed.attempt(both, "avif")).encodings == 1
    clock.now += 20
    second = timed.attempt(both, "webp")
    assert (second.began, second.left) == (START + 20, 40.0)
    with pytest.raises(CodecError) as passed_over:
        timed.allowance(second)
    assert passed_over.value.code is ReasonCode.BUDGET_PREDICTED
    assert passed_over.value.details["log"] == "50000 ms predicted for one encoding, 40000 ms left"
    assert "40000" not in passed_over.value.message


def test_a_result_that_is_there_already_takes_nothing() -> None:
    timed = schedule(Clock(), one := lane("avif"), avif=1000.0)
    assert timed.attempt(one, "avif", encoded=True).prediction is None
    assert timed.allowance(timed.attempt(one, "avif", encoded=True)).encodings >= 1


def test_only_a_lane_that_compares_reserves() -> None:
    for choose, reserved in (("first", 0.0), ("smallest", 25.0)):
        timed = schedule(Clock(), both := lane("webp", "jpeg", choose=choose), webp=10.0, jpeg=25.0)
        assert timed.attempt(both, "webp").reserve == reserved
        assert timed.attempt(both, "jpeg").reserve == 0.0


def late(timed: AttemptSchedule, on: LanePlan, failures: dict[str, ReasonCode]) -> list[str]:
    """Who goes late once these have failed."""
    for codec_id, code in failures.items():
        timed.failed(timed.attempt(on, codec_id), CodecError("", code=code))
    turns = list(timed.overruns())
    assert all(turn.overrun for turn in turns)
    return [turn.codec_id for turn in turns]


def test_who_failed_for_want_of_time_goes_late_the_last_one_first() -> None:
    failures = {
        "avif": ReasonCode.BUDGET_PREDICTED,
        "webp": ReasonCode.BUDGET_EXCEEDED,
        "jpeg": ReasonCode.TARGET_UNREACHABLE,
    }
    timed = schedule(Clock(), on := lane(*failures))
    assert not timed.missed
    assert late(timed, on, failures) == ["webp", "avif"]
    assert timed.missed
    refusing = schedule(Clock(), on, when_late="refuse")
    assert late(refusing, on, failures) == []
    assert refusing.missed


def test_who_fails_late_does_not_come_again() -> None:
    timed = schedule(Clock(), on := lane("avif"))
    timed.failed(timed.attempt(on, "avif", overrun=True), CodecError("", code=ReasonCode.BUDGET_EXCEEDED))
    assert not timed.missed


def test_a_search_that_comes_late_has_the_whole_time_renewed_allowance() -> None:
    clock = Clock()
    timed = schedule(clock, lane("avif"), encode_ms=30_000)
    clock.now += 500
    assert timed.renewed_allowance().deadline == START + 530
    assert schedule(clock, lane("avif"), encode_ms=None).renewed_allowance().deadline is None
