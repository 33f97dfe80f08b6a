"""One codec's attempt: encode, decode and guard within the time that it is allowed."""

from __future__ import annotations

from router.codecs import registry
from router.codecs.base import Lane
from router.errors import ArtefactError, CodecError
from router.images.sample import ImageSample
from router.policy.decision import Decision
from router.prediction.costs.budget import Allowance
from router.quality.search import OutOfReachError
from router.reasons import ReasonCode
from router.record import RECORD_RESERVE
from router.routing.attempt import Candidate, EncodingBounds, EncodingTask, Scorers, encode_to_target
from router.routing.carried_metadata import record_reserve
from router.routing.time_budget import AttemptSchedule, ScheduledAttempt


class AttemptRunner:
    """Attempts on one image; what one codec's scorers and searches have learnt serves the next."""

    def __init__(self, sample: ImageSample, decision: Decision, schedule: AttemptSchedule, memory: int | None = None) -> None:
        """`memory`: bytes that one codec may take."""
        self._sample = sample
        self._decision = decision
        self._schedule = schedule
        self._memory = memory
        self._scorers = Scorers()

    @property
    def done_without(self) -> ArtefactError | None:
        """Why an artefact that the searches would have used was done without."""
        return self._scorers.search_state.problem

    def encode(self, attempt: ScheduledAttempt) -> Candidate:
        """The codec's result within the time that is left; in an overrun, without regard to it.

        Raises what `encode_to_target` raises; CodecError (BUDGET_PREDICTED) where even one encoding would take longer,
        (BUDGET_EXCEEDED) where the target would have taken more encodings than there is time for.
        """
        if attempt.overrun:
            return self.encode_overrun(attempt)
        allowance = self._schedule.allowance(attempt)
        try:
            return encode_to_target(self._task(attempt), self._scorers, self._bounds(attempt, allowance))
        except OutOfReachError as error:
            proven = error.proven or allowance.encodings >= self._decision.max_steps
            if error.code is not ReasonCode.TARGET_UNREACHABLE or proven:
                raise
            raise CodecError(
                f"no time for more than {allowance.encodings} encodings",
                code=ReasonCode.BUDGET_EXCEEDED,
                foreign=error.told,
            ) from error

    def encode_overrun(self, attempt: ScheduledAttempt) -> Candidate:
        """One encoding without search; if that does not reach the target, the search. Raises what `encode_to_target` raises."""
        try:
            return encode_to_target(self._task(attempt), self._scorers, self._bounds(attempt, Allowance(1, None)))
        except CodecError as error:
            knob = registry.get(attempt.codec_id).knob
            fixed = knob is None or knob.name in attempt.lane.settings.get(attempt.codec_id, {})
            if error.code is not ReasonCode.TARGET_UNREACHABLE or fixed or self._decision.max_steps == 1:
                raise
        renewed = self._bounds(attempt, self._schedule.renewed_allowance())
        return encode_to_target(self._task(attempt), self._scorers, renewed)

    def _task(self, attempt: ScheduledAttempt) -> EncodingTask:
        decision = self._decision
        return EncodingTask(
            registry.get(attempt.codec_id),
            self._sample,
            attempt.lane.settings.get(attempt.codec_id, {}),
            decision.target,
            decision.level,
            decision.guard_quantile,
        )

    def _bounds(self, attempt: ScheduledAttempt, allowance: Allowance) -> EncodingBounds:
        record = self._decision.record
        whole_file = attempt.lane.lane == Lane.TRANSCODE
        reserve = RECORD_RESERVE[record] if whole_file else record_reserve(self._sample.metadata, record)
        return EncodingBounds(allowance.encodings, allowance.deadline, reserve, self._memory)
