"""One image on its way through one plan."""

from __future__ import annotations

from collections.abc import Iterator

from router.codecs import registry
from router.codecs.base import Lane
from router.errors import CarryError, GuardError, InputError, LimitError, NoLaneError, RouterError, own_words
from router.images.memory import is_out_of_memory
from router.images.sample import ImageSample
from router.policy.decision import LanePlan
from router.prediction.costs.predict import Picture
from router.prediction.costs.store import NONE, Costs
from router.reasons import ReasonCode
from router.record import Attempt
from router.routing.attempt import Candidate, out_of_memory
from router.routing.attempt_log import Journal, Outcome
from router.routing.baseline import Rivals
from router.routing.carried_metadata import losses
from router.routing.encoding import Encoding
from router.routing.forecast import Forecast
from router.routing.passthrough import WIDELY_READ
from router.routing.plan import Plan
from router.routing.time_budget import Schedule, Turn

_OF_MEMORY = frozenset({ReasonCode.MEMORY_LIMIT, ReasonCode.OUT_OF_MEMORY})
"""Codes of attempts that failed for want of memory."""


class Walk:
    """One image on its way through one plan."""

    def __init__(
        self,
        sample: ImageSample,
        plan: Plan,
        *,
        source_refusal: ReasonCode | None = None,
        metadata_stays: bool = False,
        unread_xmp: bool = False,
        started: float | None = None,
        costs: Costs = NONE,
        memory: int | None = None,
    ) -> None:
        """One image and what may be done with it.

        Args:
            sample: as the codecs may see it.
            plan: the lanes, in order.
            source_refusal: why the source itself may not be released, None if it may.
            metadata_stays: the source file holds metadata that may not go out, hence no transcode of the whole file.
            unread_xmp: the source has XMP that `sample` was given without, because it cannot be read.
            started: the `time.monotonic()` value from which the plan's time counts; now by default.
            costs: what is known of this machine; without it a codec is held to the plan's time only between its encodings.
            memory: bytes that one codec may take for it; None for no limit.
        """
        self._sample = sample
        self._plan = plan
        self._unread_xmp = unread_xmp
        self._source_refusal = source_refusal
        self._metadata_stays = metadata_stays
        self._schedule = Schedule(plan, Forecast(Picture.of(sample), plan, costs), started=started)
        self._encoding = Encoding(sample, plan, self._schedule, memory)
        self._rivals = Rivals(sample, plan, self._schedule, self._encoding)
        self._journal = Journal()
        self._makeshift = False

    def run(self, *, release_failed: bool = False) -> Outcome:
        """Try lanes in order; where nothing could be written for want of time, as the plan says.

        Raises NoLaneError when none is left; for a forced codec its own error, or GuardError unless `release_failed`.
        InputError and LimitError end the walk at once: no lane can help a source that is damaged. One that is only not decoded
        here fails the lanes that would have to, and goes on to those that keep its file.
        """
        for lane in self._plan.lanes:
            if lane.lane == Lane.PASSTHROUGH:
                if self._source_refusal is None:
                    return self._journal.outcome(None)
                self._journal.lane_failed(lane.lane, self._source_refusal)
                continue
            found = [c for c in self._results(lane, release_failed) if not self._is_makeshift(lane, c)]
            if found:
                best = min(found, key=lambda c: len(c.data))
                self._journal.chosen(found, best, lane.lane)
                return self._journal.outcome(best)
        for turn in self._schedule.late_turns():
            candidate = self._try(turn, release_failed)
            if candidate is not None:
                detail = f"encode_ms {self._plan.encode_ms:g}; the last codec that can write the image"
                self._journal.note(ReasonCode.BUDGET_OVERRUN, detail, turn.lane.lane, turn.codec_id)
                return self._journal.outcome(candidate)
        if self._makeshift and self._source_refusal is None and self._sample.source.format in WIDELY_READ:
            return self._journal.outcome(None)
        attempts = self._journal.attempts
        hint = "Permit another lane or codec, or lower the target"
        if self._schedule.missed:
            hint = "Permit another lane or codec, lower the target, or give more time"
        if self._journal.failed_for(_OF_MEMORY):
            hint = "Permit a codec that takes less memory, or pass limits=Limits(memory=BYTES), or --no-limits, if there is more"
        if self._sample.undecodable is not None:
            hint = self._sample.undecodable.hint
        raise NoLaneError(
            "no permitted lane could write this image: " + "; ".join(_line(a) for a in attempts), attempts=attempts, hint=hint
        )

    def _is_makeshift(self, lane: LanePlan, candidate: Candidate) -> bool:
        """Whether this is a lossless copy of a lossy file, no smaller than it, that nobody would have asked for had there been
        memory or time for the codecs before: then the file itself is the better output, or an error."""
        source, size = self._sample.source, len(candidate.data)
        if lane.lane != Lane.LOSSLESS or self._plan.forced or not source.lossy or source.size is None or size < source.size:
            return False
        wanting = _OF_MEMORY | {ReasonCode.BUDGET_PREDICTED, ReasonCode.BUDGET_EXCEEDED}
        if not self._journal.failed_for(wanting) and not any(r.code in wanting for r in self._plan.reasons):
            return False
        code, detail = ReasonCode.NOT_SMALLER_THAN_SOURCE, f"{size} bytes, source {source.size}"
        self._journal.note(code, detail, lane.lane, candidate.codec.codec_id)
        self._makeshift = True
        return True

    def _results(self, lane: LanePlan, release_failed: bool) -> Iterator[Candidate]:
        """What the codecs of a lane make of the image; no more than the first unless the lane compares all."""
        for codec_id in lane.codecs:
            encoded = self._rivals.kept(lane, codec_id) is not None
            candidate = self._try(self._schedule.turn(lane, codec_id, encoded=encoded), release_failed)
            if candidate is not None:
                yield candidate
                if lane.choose == "first":
                    return

    def _try(self, turn: Turn, release_failed: bool) -> Candidate | None:
        """One codec's turn, with all that may go wrong in it; None if there is nothing to release."""
        try:
            candidate = self._encoded(turn)
        except (InputError, LimitError):
            raise
        except RouterError as error:  # of a policy's lane also UsageError: a setting that the codec does not have
            if self._plan.forced:
                raise
            self._schedule.failed(turn, error)
            detail = own_words(error, ours=registry.is_ours(turn.codec_id))
            self._journal.failed(turn, error.code, detail, error.details.get("log", "") or error.told)
            return None
        except Exception as error:  # a codec's bug must not lose the image while another lane can write it
            if is_out_of_memory(error):
                found = out_of_memory(registry.get(turn.codec_id))
                if self._plan.forced:
                    raise found from error
                self._journal.failed(turn, found.code, found.message)
                return None
            if self._plan.forced:
                raise
            self._journal.failed(turn, ReasonCode.INTERNAL_ERROR, own_words(error), f"{type(error).__name__}: {error}"[:200])
            return None
        return candidate if self._may_go(turn, candidate, release_failed) else None

    def _encoded(self, turn: Turn) -> Candidate:
        undecodable = self._sample.undecodable
        if undecodable is not None:
            if self._plan.forced:
                raise undecodable
            raise CarryError(undecodable.message, code=undecodable.code, hint=undecodable.hint)
        if turn.lane.lane == Lane.TRANSCODE and self._metadata_stays:
            raise CarryError(
                f"{turn.codec_id} keeps the whole file, metadata included",
                code=ReasonCode.METADATA_NOT_STRIPPED,
                hint='Pass metadata="keep", or --metadata keep, or permit a lane that encodes again',
            )
        if self._plan.keep_all and turn.lane.lane != Lane.TRANSCODE:
            self._refuse_loss(turn)
        try:
            return self._rivals.kept(turn.lane, turn.codec_id) or self._encoding.encode(turn)
        finally:
            if self._encoding.done_without is not None:
                self._journal.done_without(self._encoding.done_without)

    def _refuse_loss(self, turn: Turn) -> None:
        lost = losses(self._sample, registry.get(turn.codec_id))
        if self._unread_xmp:
            lost = ("XMP that cannot be read", *lost)
        if lost:
            raise CarryError(
                f"would leave behind: {', '.join(lost)}",
                code=ReasonCode.METADATA_WOULD_BE_LOST,
                hint='Permit passthrough, or say what may go: metadata="icc" or "strip", or another policy',
            )

    def _may_go(self, turn: Turn, candidate: Candidate, release_failed: bool) -> bool:
        """Whether guard, size limit and comparison with a classical codec let the result pass. Raises GuardError if forced."""
        guard, limit = candidate.guard, self._plan.max_bytes
        if candidate.codec.lane != turn.lane.lane:  # consent was asked for the lane that the plan names
            self._journal.failed(turn, ReasonCode.WRONG_LANE, f"{turn.codec_id} belongs to the {candidate.codec.lane} lane")
            return False
        if not guard.passed and not release_failed:
            if self._plan.forced:
                raise GuardError(
                    f"{turn.codec_id} failed the guard: {guard.detail or guard.code}",
                    code=guard.code,
                    hint='Pass on_guard_fail="release", or --release-failed, to get the bytes anyway',
                    **guard.measured,
                )
            self._journal.refused(turn, candidate, guard.code, guard.detail)
            return False
        if limit is not None and len(candidate.data) > limit:
            self._journal.failed(turn, ReasonCode.BUDGET_EXCEEDED, f"{len(candidate.data)} bytes of at most {limit}")
            return False
        verdict = self._rivals.verdict(turn.lane, candidate)
        if verdict is not None and not verdict.stays:
            self._journal.refused(turn, candidate, verdict.code, verdict.detail)
            return False
        if verdict is not None:
            self._journal.note(verdict.code, verdict.detail, turn.lane.lane, turn.codec_id)
        self._journal.done(turn, candidate)
        return True


def _line(attempt: Attempt) -> str:
    return f"{attempt.lane}/{attempt.codec}: {attempt.outcome} {attempt.detail}".strip()
