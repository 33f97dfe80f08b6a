"""The time of one image: one budget for all that happens to it, handed out codec by codec."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from router.errors import CodecError, RouterError
from router.policy.decision import LanePlan
from router.prediction.costs.budget import Allowance, Budget
from router.prediction.costs.predict import Prediction
from router.reasons import ReasonCode
from router.routing.forecast import Forecast
from router.routing.plan import Plan

_OF_TIME = (ReasonCode.BUDGET_PREDICTED, ReasonCode.BUDGET_EXCEEDED)
"""Codes that an encoding fails with for want of time, and for nothing else."""


@dataclass(frozen=True)
class Turn:
    """One codec's turn in a lane: when it began, what was left then, what it is expected to take.

    `reserve`: seconds that it should leave to the codecs of its lane that it is to be compared with. `late`: the time is over,
    and it encodes all the same.
    """

    lane: LanePlan
    codec_id: str
    began: float
    left: float | None = None
    prediction: Prediction | None = None
    reserve: float = 0.0
    late: bool = False


class Schedule:
    """Who may begin, how many encodings it gets, and who goes when the time is over.

    Seconds throughout; instants are values of `clock`.
    """

    def __init__(
        self, plan: Plan, forecast: Forecast, *, started: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`started`: from when the plan's time counts; now by default."""
        self._plan = plan
        self._forecast = forecast
        self._clock = clock
        seconds = None if plan.encode_ms is None else plan.encode_ms / 1000
        self._budget = Budget(clock() if started is None else started, seconds, clock)
        self._late: list[tuple[LanePlan, str]] = []

    @property
    def missed(self) -> bool:
        """Whether any codec has failed for want of time alone."""
        return bool(self._late)

    def turn(self, lane: LanePlan, codec_id: str, *, encoded: bool = False, late: bool = False) -> Turn:
        """The codec's turn, from now on. `encoded`: its result is there already, nothing is to be expected."""
        prediction = None if encoded else self._forecast.of(lane, codec_id)
        left, reserve = self._budget.left, 0.0
        if left is not None and prediction is not None:
            reserve = self._budget.reserve(prediction, self._forecast.after(lane, codec_id), left)
        return Turn(lane, codec_id, self._clock(), left, prediction, reserve, late)

    def allowance(self, turn: Turn) -> Allowance:
        """What the codec may take, unless late. Raises CodecError (BUDGET_PREDICTED) if not even one encoding fits."""
        found = self._budget.allowance(self._plan.max_steps, turn.prediction, turn.left, turn.reserve)
        if found is None:
            assert turn.prediction is not None
            assert turn.left is not None
            raise CodecError(
                f"one encoding takes longer than what is left of encode_ms {self._plan.encode_ms:g}",
                code=ReasonCode.BUDGET_PREDICTED,
                # Of the clock, hence for the log alone: two runs that decide alike leave the same record.
                log=f"{1000 * turn.prediction.first:.0f} ms predicted for one encoding, {1000 * turn.left:.0f} ms left",
            )
        return found

    def once_more(self) -> Allowance:
        """For a search in a late turn whose one encoding is not it: the whole time anew, from now on."""
        return Allowance(self._plan.max_steps, self._budget.renewed().deadline)

    def failed(self, turn: Turn, error: RouterError) -> None:
        """Take note of a failed turn: who failed for want of time alone may go late."""
        if of_time(error) and not turn.late:
            self._late.append((turn.lane, turn.codec_id))

    def late_turns(self) -> Iterator[Turn]:
        """The turns of those who failed for want of time alone, if the plan wants what is late: the last one first.

        The last in the policy's order is the one that it falls back to, and usually the fastest.
        """
        if self._plan.when_late == "encode":
            for lane, codec_id in reversed(self._late):
                yield self.turn(lane, codec_id, late=True)


def of_time(error: RouterError) -> bool:
    """Whether an encoding failed for want of time alone."""
    return error.code in _OF_TIME
