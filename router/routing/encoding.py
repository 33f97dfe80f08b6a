"""One codec's turn: encode, decode and guard within the time that it is allowed."""

from __future__ import annotations

from router.codecs import registry
from router.codecs.base import Lane
from router.errors import ArtefactError, CodecError
from router.images.sample import ImageSample
from router.prediction.costs.budget import Allowance
from router.quality.search import OutOfReachError
from router.reasons import ReasonCode
from router.record import RECORD_ROOM
from router.routing.attempt import Candidate, Scorers, attempt
from router.routing.carried_metadata import room
from router.routing.plan import Plan
from router.routing.time_budget import Schedule, Turn


class Encoding:
    """Attempts on one image; what one codec's scorers and searches have learnt serves the next."""

    def __init__(self, sample: ImageSample, plan: Plan, schedule: Schedule, memory: int | None = None) -> None:
        """`memory`: bytes that one codec may take."""
        self._sample = sample
        self._plan = plan
        self._schedule = schedule
        self._memory = memory
        self._scorers = Scorers()

    @property
    def done_without(self) -> ArtefactError | None:
        """Why an artefact that the searches would have used was done without."""
        return self._scorers.memory.problem

    def encode(self, turn: Turn) -> Candidate:
        """The codec's result within the time that is left; in a late turn, without regard to it.

        Raises what `attempt` raises; CodecError (BUDGET_PREDICTED) where even one encoding would take longer, (BUDGET_EXCEEDED)
        where the target would have taken more encodings than there is time for.
        """
        if turn.late:
            return self.encode_late(turn)
        allowance = self._schedule.allowance(turn)
        try:
            return self._attempt(turn, allowance)
        except OutOfReachError as error:
            proven = error.proven or allowance.encodings >= self._plan.max_steps
            if error.code is not ReasonCode.TARGET_UNREACHABLE or proven:
                raise
            raise CodecError(
                f"no time for more than {allowance.encodings} encodings",
                code=ReasonCode.BUDGET_EXCEEDED,
                foreign=error.told,
            ) from error

    def encode_late(self, turn: Turn) -> Candidate:
        """One encoding without search; if that does not reach the target, the search. Raises what `attempt` raises."""
        try:
            return self._attempt(turn, Allowance(1, None))
        except CodecError as error:
            knob = registry.get(turn.codec_id).knob
            fixed = knob is None or knob.name in turn.lane.settings.get(turn.codec_id, {})
            if error.code is not ReasonCode.TARGET_UNREACHABLE or fixed or self._plan.max_steps == 1:
                raise
        return self._attempt(turn, self._schedule.once_more())

    def _attempt(self, turn: Turn, allowance: Allowance) -> Candidate:
        lane = turn.lane
        return attempt(
            registry.get(turn.codec_id),
            self._sample,
            lane.settings.get(turn.codec_id, {}),
            self._plan.target,
            self._plan.level,
            scorers=self._scorers,
            quantile=self._plan.quantile,
            max_steps=allowance.encodings,
            deadline=allowance.deadline,
            room=RECORD_ROOM[self._plan.record]
            if lane.lane == Lane.TRANSCODE
            else room(self._sample.metadata, self._plan.record),
            memory=self._memory,
        )
