"""One image on its way along the lanes of its decision, until one result passes the guard; every failure is kept as a reason."""

from __future__ import annotations

from router.codecs import registry
from router.codecs.base import Lane
from router.errors import CarryError, GuardError, InputError, LimitError, NoLaneError, RouterError, own_words
from router.policy.decision import Decision, LanePlan
from router.policy.engine import refused_by_receiver
from router.prediction.costs.predict import ImageShape
from router.prediction.costs.store import NONE, Costs
from router.process.memory import is_out_of_memory
from router.reasons import ReasonCode
from router.record import Attempt
from router.routing.attempt import Candidate, out_of_memory
from router.routing.attempt_log import AttemptLog, RoutingOutcome
from router.routing.baseline import Baseline
from router.routing.carried_metadata import losses
from router.routing.encoding import AttemptRunner
from router.routing.forecast import Forecast
from router.routing.preparation import WIDELY_READ, Prepared
from router.routing.time_budget import AttemptSchedule, ScheduledAttempt
from router.routing.winner import LaneContest

_OF_MEMORY = frozenset({ReasonCode.MEMORY_LIMIT, ReasonCode.OUT_OF_MEMORY})
"""Codes of attempts that failed for want of memory."""


class Fallback:
    """One image on its way along the lanes of its decision."""

    def __init__(
        self,
        prepared: Prepared,
        decision: Decision,
        *,
        started: float | None = None,
        costs: Costs = NONE,
        memory: int | None = None,
        release_failed: bool = False,
    ) -> None:
        """One image and what may be done with it.

        Args:
            prepared: the image, and whether its file may go out.
            decision: the lanes, in order, and the bounds that they work within.
            started: the `time.monotonic()` value from which the decision's time counts; now by default.
            costs: what is known of this machine; without it a codec is held to the time only between its encodings.
            memory: bytes that one codec may take for it; None for no limit.
            release_failed: a forced codec's result is released although it fails the guard.
        """
        self._prepared = prepared
        self._sample = prepared.sample
        self._decision = decision
        self._release_failed = release_failed
        self._schedule = AttemptSchedule(decision, Forecast(ImageShape.of(self._sample), decision, costs), started=started)
        self._encoding = AttemptRunner(self._sample, decision, self._schedule, memory)
        self._baseline = Baseline(self._sample, decision, self._schedule, self._encoding)
        self._log = AttemptLog()
        self._makeshift = False

    def run(self) -> RoutingOutcome:
        """Try lanes in order; where nothing could be written for want of time, do as the decision says.

        Raises NoLaneError when none is left; for a forced codec its own error, or GuardError.
        InputError and LimitError end it at once: no lane can help a source that is damaged. One that is only not decoded
        here fails the lanes that would have to, and goes on to those that keep its file.
        """
        contest: LaneContest[Candidate] = LaneContest(self._decision.lanes, lambda candidate: len(candidate.data))
        for lane, codec_id in contest:
            if codec_id is None:
                if self._source_goes(lane):
                    contest.enter(None)
                continue
            encoded = self._baseline.kept(lane, codec_id) is not None
            candidate = self._try(self._schedule.attempt(lane, codec_id, encoded=encoded))
            if candidate is not None and not self._is_makeshift(lane, candidate):
                contest.enter(candidate)
        if contest.won is not None:
            self._log.beaten(contest.won.beaten, contest.won.lane.lane)
            return self._log.outcome(contest.won.result)
        for attempt in self._schedule.overruns():
            candidate = self._try(attempt)
            if candidate is not None:
                detail = f"encode_ms {self._decision.budgets.encode_ms:g}; the last codec that can write the image"
                self._log.note(ReasonCode.BUDGET_OVERRUN, detail, attempt.lane.lane, attempt.codec_id)
                return self._log.outcome(candidate)
        source = self._sample.source
        if self._makeshift and self._prepared.source_refusal is None and source.format in WIDELY_READ:
            return self._log.outcome(None)
        raise self._no_lane()

    def _no_lane(self) -> NoLaneError:
        attempts = self._log.attempts
        hint = "Permit another lane or codec, or lower the target"
        if self._schedule.missed:
            hint = "Permit another lane or codec, lower the target, or give more time"
        if self._log.failed_for(_OF_MEMORY):
            hint = "Permit a codec that takes less memory, or pass limits=Limits(memory=BYTES), or --no-limits, if there is more"
        if self._sample.undecodable is not None:
            hint = self._sample.undecodable.hint
        refused = refused_by_receiver(self._decision.reasons)
        return NoLaneError(
            "no permitted lane could write this image: " + "; ".join(_line(a) for a in attempts),
            attempts=attempts,
            hint=hint,
            **({"receiver_refuses": refused} if refused else {}),
        )

    def _source_goes(self, lane: LanePlan) -> bool:
        refusal = self._prepared.source_refusal
        if refusal is not None:
            self._log.lane_failed(lane.lane, refusal)
        return refusal is None

    def _is_makeshift(self, lane: LanePlan, candidate: Candidate) -> bool:
        """Whether this is a lossless copy of a lossy file, and no smaller than it.

        Nobody would have asked for one had there been memory or time for the codecs before: then the file itself is the
        better output, or an error.
        """
        source, size = self._sample.source, len(candidate.data)
        if lane.lane != Lane.LOSSLESS or self._decision.forced or not source.lossy or source.size is None or size < source.size:
            return False
        wanting = _OF_MEMORY | {ReasonCode.BUDGET_PREDICTED, ReasonCode.BUDGET_EXCEEDED}
        if not self._log.failed_for(wanting) and not any(r.code in wanting for r in self._decision.reasons):
            return False
        code, detail = ReasonCode.NOT_SMALLER_THAN_SOURCE, f"{size} bytes, source {source.size}"
        self._log.note(code, detail, lane.lane, candidate.codec.codec_id)
        self._makeshift = True
        return True

    def _try(self, attempt: ScheduledAttempt) -> Candidate | None:
        """One codec's attempt, with all that may go wrong in it; None if there is nothing to release."""
        try:
            self._check_permitted(attempt)
            candidate = self._baseline.kept(attempt.lane, attempt.codec_id) or self._encoding.encode(attempt)
        except (InputError, LimitError):
            raise
        except RouterError as error:  # of a policy's lane also UsageError: a setting that the codec does not have
            if self._decision.forced:
                raise
            self._schedule.failed(attempt, error)
            detail = own_words(error, ours=registry.is_ours(attempt.codec_id))
            self._log.failed(attempt, error.code, detail, error.details.get("log", "") or error.told)
            return None
        except Exception as error:  # a codec's bug must not lose the image while another lane can write it
            if is_out_of_memory(error):
                found = out_of_memory(registry.get(attempt.codec_id))
                if self._decision.forced:
                    raise found from error
                self._log.failed(attempt, found.code, found.message)
                return None
            if self._decision.forced:
                raise
            self._log.failed(attempt, ReasonCode.INTERNAL_ERROR, own_words(error), f"{type(error).__name__}: {error}"[:200])
            return None
        finally:
            if self._encoding.done_without is not None:
                self._log.done_without(self._encoding.done_without)
        return candidate if self._may_go(attempt, candidate) else None

    def _check_permitted(self, attempt: ScheduledAttempt) -> None:
        """Raise the error for an image that the attempt's lane or codec may not have, before anything is encoded."""
        undecodable = self._sample.undecodable
        if undecodable is not None:
            if self._decision.forced:
                raise undecodable
            raise CarryError(undecodable.message, code=undecodable.code, hint=undecodable.hint)
        if attempt.lane.lane == Lane.TRANSCODE and self._prepared.must_strip:
            raise CarryError(
                f"{attempt.codec_id} keeps the whole file, metadata included",
                code=ReasonCode.METADATA_NOT_STRIPPED,
                hint='Pass metadata="keep", or --metadata keep, or permit a lane that encodes again',
            )
        if self._decision.loses_nothing and attempt.lane.lane != Lane.TRANSCODE:
            self._refuse_loss(attempt)

    def _refuse_loss(self, attempt: ScheduledAttempt) -> None:
        lost = losses(self._sample, registry.get(attempt.codec_id))
        if self._prepared.unread_xmp:
            lost = ("XMP that cannot be read", *lost)
        if lost:
            raise CarryError(
                f"would leave behind: {', '.join(lost)}",
                code=ReasonCode.METADATA_WOULD_BE_LOST,
                hint='Permit passthrough, or say what may go: metadata="icc" or "strip", or another policy',
            )

    def _may_go(self, attempt: ScheduledAttempt, candidate: Candidate) -> bool:
        """Whether guard, size limit and comparison with a classical codec let the result pass. Raises GuardError if forced."""
        guard, limit = candidate.guard, self._decision.budgets.max_bytes
        if candidate.codec.lane != attempt.lane.lane:  # consent was asked for the lane that the decision names
            self._log.failed(attempt, ReasonCode.WRONG_LANE, f"{attempt.codec_id} belongs to the {candidate.codec.lane} lane")
            return False
        if not guard.passed and not self._release_failed:
            if self._decision.forced:
                raise GuardError(
                    f"{attempt.codec_id} failed the guard: {guard.detail or guard.code}",
                    code=guard.code,
                    hint='Pass on_guard_fail="release", or --release-failed, to get the bytes anyway',
                    **guard.measured,
                )
            self._log.refused(attempt, candidate, guard.code, guard.detail)
            return False
        if limit is not None and len(candidate.data) > limit:
            self._log.failed(attempt, ReasonCode.BUDGET_EXCEEDED, f"{len(candidate.data)} bytes of at most {limit}")
            return False
        verdict = self._baseline.verdict(attempt.lane, candidate)
        if verdict is not None and not verdict.stays:
            self._log.refused(attempt, candidate, verdict.code, verdict.detail)
            return False
        if verdict is not None:
            self._log.note(verdict.code, verdict.detail, attempt.lane.lane, attempt.codec_id)
        self._log.done(attempt, candidate)
        return True


def _line(attempt: Attempt) -> str:
    return f"{attempt.lane}/{attempt.codec}: {attempt.outcome} {attempt.detail}".strip()
