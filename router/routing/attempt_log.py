"""What happened on the way: reasons for the record, attempts for the log, results that were not released."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from router.errors import ArtefactError
from router.policy.decision import Reason
from router.quality.guard import GuardReport
from router.reasons import ReasonCode
from router.record import Attempt
from router.routing.attempt import Candidate
from router.routing.time_budget import ScheduledAttempt


@dataclass(frozen=True)
class Refused:
    """A result that the guard did not let pass, or that a better one made way for; without its pixels."""

    lane: str
    codec: str
    size: int
    score: float | None
    code: ReasonCode
    guard: GuardReport


@dataclass(frozen=True)
class RoutingOutcome:
    """What came of the lanes. `candidate` is None when the source itself is to be passed through."""

    candidate: Candidate | None
    reasons: tuple[Reason, ...]
    attempts: tuple[Attempt, ...]
    refused: tuple[Refused, ...] = ()


class AttemptLog:
    """Attempts and reasons in the order of events."""

    def __init__(self) -> None:
        self._reasons: list[Reason] = []
        self._attempts: list[Attempt] = []
        self._refused: list[Refused] = []

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts so far, in order."""
        return tuple(self._attempts)

    def failed_for(self, codes: Set[ReasonCode]) -> bool:
        """Whether any codec has failed for one of these reasons so far."""
        return any(attempt.codec and attempt.outcome in codes for attempt in self._attempts)

    def done(self, attempt: ScheduledAttempt, candidate: Candidate) -> None:
        """Log that the codec's result may be released."""
        self._log(attempt, "done", bytes=len(candidate.data), encodings=candidate.encodings)

    def beaten(self, candidates: Sequence[Candidate], lane: str) -> None:
        """Note the results of a lane that are larger than the one that is released."""
        for other in candidates:
            self.note(ReasonCode.NOT_SMALLEST, f"{len(other.data)} bytes", lane, other.codec.codec_id)

    def refused(self, attempt: ScheduledAttempt, candidate: Candidate, code: ReasonCode, detail: str) -> None:
        """Log that the codec's result may not be released; its measurements go into the record."""
        self._refused.append(
            Refused(attempt.lane.lane, attempt.codec_id, len(candidate.data), candidate.score, code, candidate.guard)
        )
        self.failed(attempt, code, detail)

    def failed(self, attempt: ScheduledAttempt, code: ReasonCode, detail: str, log: str = "") -> None:
        """Log that the codec gave no result. `log` replaces `detail` in the log, where the record must not hold it."""
        self.note(code, detail, attempt.lane.lane, attempt.codec_id)
        self._log(attempt, code.value, detail=log or detail)

    def lane_failed(self, lane: str, code: ReasonCode) -> None:
        """Log that a lane without codecs is not open."""
        self._reasons.append(Reason(code, "", lane, None))
        self._attempts.append(Attempt(lane=lane, codec="", outcome=code.value))

    def note(self, code: ReasonCode, detail: str, lane: str, codec_id: str) -> None:
        """Add a reason that belongs to no attempt of its own."""
        self._reasons.append(Reason(code, detail, lane, codec_id))

    def done_without(self, error: ArtefactError) -> None:
        """Note, once, that an artefact could not be used and that no result depends on it."""
        reason = Reason.done_without(error)
        if reason not in self._reasons:
            self._reasons.append(reason)

    def outcome(self, candidate: Candidate | None) -> RoutingOutcome:
        """What came of the lanes, with everything that was logged."""
        return RoutingOutcome(candidate, tuple(self._reasons), self.attempts, tuple(self._refused))

    def _log(self, attempt: ScheduledAttempt, outcome: str, **found: Any) -> None:
        self._attempts.append(
            Attempt(
                lane=attempt.lane.lane,
                codec=attempt.codec_id,
                outcome=outcome,
                seconds=round(time.monotonic() - attempt.began, 4),
                left_seconds=None if attempt.left is None else round(attempt.left, 4),
                **_foreseen(attempt, outcome),
                **found,
            )
        )


def _foreseen(attempt: ScheduledAttempt, outcome: str) -> dict[str, Any]:
    prediction = attempt.prediction
    if prediction is None:
        return {}
    only_one = attempt.overrun or outcome == ReasonCode.BUDGET_PREDICTED
    seconds = prediction.first if only_one else prediction.seconds
    return {
        "predicted_seconds": round(seconds, 4),
        "predicted_encodings": 1.0 if only_one else prediction.encodings,
        "predicted_band": (round(seconds * prediction.band.low, 4), round(seconds * prediction.band.high, 4)),
    }
