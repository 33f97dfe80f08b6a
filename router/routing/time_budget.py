"""The time of one image: one budget for all that happens to it, handed out codec by codec."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from router.errors import CodecError, RouterError
from router.policy.decision import Decision, LanePlan
from router.prediction.costs.budget import Allowance, Budget
from router.prediction.costs.predict import Prediction
from router.reasons import ReasonCode
from router.routing.forecast import Forecast

_OF_TIME = (ReasonCode.BUDGET_PREDICTED, ReasonCode.BUDGET_EXCEEDED)
"""Codes that an encoding fails with for want of time, and for nothing else."""


@dataclass(frozen=True)
class ScheduledAttempt:
    """One codec's attempt in a lane: when it began, what was left then, what it is expected to take.

    `reserve`: seconds that it should leave to the codecs of its lane that it is to be compared with. `overrun`: the time is over,
    and it encodes all the same.
    """

    lane: LanePlan
    codec_id: str
    began: float
    left: float | None = None
    prediction: Prediction | None = None
    reserve: float = 0.0
    overrun: bool = False


class AttemptSchedule:
    """Hands the time of one image out: which codec may begin, with how many encodings, and which one overruns the time.

    Times are seconds; instants are values of `clock`.
    """

    def __init__(
        self, decision: Decision, forecast: Forecast, *, started: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`started`: from when the decision's time counts; now by default."""
        self._decision = decision
        self._forecast = forecast
        self._clock = clock
        seconds = None if decision.budgets.encode_ms is None else decision.budgets.encode_ms / 1000
        self._budget = Budget(clock() if started is None else started, seconds, clock)
        self._failed_for_time: list[tuple[LanePlan, str]] = []

    @property
    def missed(self) -> bool:
        """Whether any codec has failed for want of time alone."""
        return bool(self._failed_for_time)

    def attempt(self, lane: LanePlan, codec_id: str, *, encoded: bool = False, overrun: bool = False) -> ScheduledAttempt:
        """An attempt that begins now. `encoded` says that its result is there already, so that it takes no time."""
        prediction = None if encoded else self._forecast.of(lane, codec_id)
        left, reserve = self._budget.left, 0.0
        if left is not None and prediction is not None:
            reserve = self._budget.reserve(prediction, self._forecast.after(lane, codec_id), left)
        return ScheduledAttempt(lane, codec_id, self._clock(), left, prediction, reserve, overrun)

    def allowance(self, attempt: ScheduledAttempt) -> Allowance:
        """The time that a codec may take unless it overruns.

        Raises CodecError (BUDGET_PREDICTED) if not even one encoding fits.
        """
        found = self._budget.allowance(self._decision.max_steps, attempt.prediction, attempt.left, attempt.reserve)
        if found is None:
            assert attempt.prediction is not None
            assert attempt.left is not None
            raise CodecError(
                f"one encoding takes longer than what is left of encode_ms {self._decision.budgets.encode_ms:g}",
                code=ReasonCode.BUDGET_PREDICTED,
                # These times depend on the clock and are for the log alone: two runs that decide alike leave the same record.
                log=f"{1000 * attempt.prediction.first:.0f} ms predicted for one encoding, {1000 * attempt.left:.0f} ms left",
            )
        return found

    def renewed_allowance(self) -> Allowance:
        """The whole time once more, from now on, for a search whose one encoding in an overrun missed the target."""
        return Allowance(self._decision.max_steps, self._budget.renewed().deadline)

    def failed(self, attempt: ScheduledAttempt, error: RouterError) -> None:
        """Note that an attempt failed; one that failed for want of time alone may overrun the time later."""
        if of_time(error) and not attempt.overrun:
            self._failed_for_time.append((attempt.lane, attempt.codec_id))

    def overruns(self) -> Iterator[ScheduledAttempt]:
        """New attempts for codecs that failed for want of time alone, if the decision wants late results; the last one first.

        The last codec in the policy's order is the one that it falls back to, and usually the fastest.
        """
        if self._decision.budgets.when_late == "encode":
            for lane, codec_id in reversed(self._failed_for_time):
                yield self.attempt(lane, codec_id, overrun=True)


def of_time(error: RouterError) -> bool:
    """Whether an encoding failed for want of time alone."""
    return error.code in _OF_TIME
