"""Walking the lanes of a plan until one candidate passes the guard; every failure is kept as a reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from router.attempts import Candidate, Scorers, attempt
from router.codecs import registry
from router.codecs.base import Lane
from router.errors import CarryError, GuardError, InputError, LimitError, NoLaneError, RouterError
from router.images.sample import ImageSample
from router.plan import Plan
from router.policy.decision import LanePlan, Reason
from router.quality.guard import GuardLevel, GuardReport
from router.quality.guard.rivalry import objection
from router.reasons import ReasonCode
from router.record import RECORD_ROOM, Attempt


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
class Outcome:
    """What the walk found. `candidate` is None when the source itself is to be passed through."""

    candidate: Candidate | None
    reasons: tuple[Reason, ...]
    attempts: tuple[Attempt, ...]
    refused: tuple[Refused, ...] = ()


class Walk:
    """One image on its way through one plan."""

    def __init__(
        self, sample: ImageSample, plan: Plan, *, source_refusal: ReasonCode | None = None, metadata_stays: bool = False
    ) -> None:
        """One image and what may be done with it.

        Args:
            sample: as the codecs may see it.
            plan: the lanes, in order.
            source_refusal: why the source itself may not be released, None if it may.
            metadata_stays: the source file holds metadata that may not go out, hence no transcode of the whole file.
        """
        self._sample = sample
        self._plan = plan
        self._source_refusal = source_refusal
        self._metadata_stays = metadata_stays
        self._scorers = Scorers()
        self._reasons: list[Reason] = []
        self._attempts: list[Attempt] = []
        self._refused: list[Refused] = []
        self._rivals: dict[tuple[int, str], Candidate] = {}  # encoded to compare with; not encoded again in their own lane
        self._deadline: float | None = None  # each lane has the whole time, or nothing would be left to fall back to

    def run(self, *, release_failed: bool = False) -> Outcome:
        """Try lanes in order.

        Raises NoLaneError when none is left; for a forced codec its own error, or GuardError unless `release_failed`.
        InputError and LimitError end the walk at once: no lane can help a source that cannot be read.
        """
        for lane in self._plan.lanes:
            if lane.lane == Lane.PASSTHROUGH:
                if self._source_refusal is None:
                    return self._outcome(None)
                self._fail(lane.lane, None, self._source_refusal, "")
                continue
            self._deadline = self._new_deadline()
            found = [c for c in (self._try(lane, codec_id, release_failed) for codec_id in self._in_order(lane)) if c]
            if found:
                best = min(found, key=lambda c: len(c.data))
                self._reasons += [
                    Reason(ReasonCode.NOT_SMALLEST, f"{len(c.data)} bytes", lane.lane, c.codec.codec_id)
                    for c in found
                    if c is not best
                ]
                return self._outcome(best)
        raise NoLaneError(
            "no permitted lane could write this image: " + "; ".join(_line(a) for a in self._attempts),
            attempts=tuple(self._attempts),
            hint="Permit another lane or codec, or lower the target",
        )

    def _in_order(self, lane: LanePlan) -> Iterator[str]:
        """Codec ids of a lane; stops after the first success unless the lane compares all."""
        for codec_id in lane.codecs:
            before = len(self._attempts)
            yield codec_id
            if lane.choose == "first" and self._attempts[before:] and self._attempts[-1].outcome == "done":
                return

    def _try(self, lane: LanePlan, codec_id: str, release_failed: bool) -> Candidate | None:
        began = time.monotonic()
        try:
            if lane.lane == Lane.TRANSCODE and self._metadata_stays:
                raise CarryError(
                    f"{codec_id} keeps the whole file, metadata included",
                    code=ReasonCode.METADATA_NOT_STRIPPED,
                    hint='Pass metadata="keep", or --metadata keep, or permit a lane that encodes again',
                )
            candidate = self._rivals.get((id(lane), codec_id)) or self._attempt(lane, codec_id, self._deadline)
        except (InputError, LimitError):
            raise
        except RouterError as error:  # of a policy's lane also UsageError: a setting that the codec does not have
            if self._plan.forced:
                raise
            self._fail(lane.lane, codec_id, error.code, error.message, began)
            return None
        except Exception as error:  # a codec's bug must not lose the image while another lane can write it
            if self._plan.forced:
                raise
            self._fail(lane.lane, codec_id, ReasonCode.INTERNAL_ERROR, f"{type(error).__name__}: {error}"[:200], began)
            return None
        if not candidate.guard.passed and not release_failed:
            if self._plan.forced:
                raise GuardError(
                    f"{codec_id} failed the guard: {candidate.guard.detail or candidate.guard.code}",
                    code=candidate.guard.code,
                    hint='Pass on_guard_fail="release", or --release-failed, to get the bytes anyway',
                    **candidate.guard.measured,
                )
            self._refuse(lane, candidate, candidate.guard.code, candidate.guard.detail, began)
            return None
        limit = self._plan.max_bytes
        if limit is not None and len(candidate.data) > limit:
            self._fail(lane.lane, codec_id, ReasonCode.BUDGET_EXCEEDED, f"{len(candidate.data)} bytes of at most {limit}", began)
            return None
        if lane.lane == Lane.NEURAL and self._plan.level is GuardLevel.STRICT:
            better = self._objection(candidate)
            if better:
                self._refuse(lane, candidate, ReasonCode.GUARD_NO_GAIN, better, began)
                return None
        self._attempts.append(
            Attempt(
                lane=lane.lane,
                codec=codec_id,
                outcome="done",
                bytes=len(candidate.data),
                encodings=candidate.encodings,
                seconds=round(time.monotonic() - began, 4),
            )
        )
        return candidate

    def _attempt(self, lane: LanePlan, codec_id: str, deadline: float | None) -> Candidate:
        return attempt(
            registry.get(codec_id),
            self._sample,
            lane.settings.get(codec_id, {}),
            self._plan.target,
            self._plan.level,
            scorers=self._scorers,
            quantile=self._plan.quantile,
            max_steps=self._plan.max_steps,
            deadline=deadline,
            room=RECORD_ROOM + (len(self._sample.metadata.xmp or b"") if lane.lane != Lane.TRANSCODE else 0),
        )

    def _objection(self, neural: Candidate) -> str:
        """Why the plan's first classical codec that can write this image is the better choice; "" if it is not, or none can."""
        for lane in self._plan.lanes:
            for codec_id in lane.codecs if lane.lane == Lane.CLASSICAL else ():
                rival = self._rival(lane, codec_id)
                if rival is not None and rival.guard.passed:
                    return objection(self._plan.target, (len(neural.data), neural.guard), (len(rival.data), rival.guard))
        return ""

    def _rival(self, lane: LanePlan, codec_id: str) -> Candidate | None:
        """What this codec writes, kept for its own turn; None if it fails, which it says when that comes."""
        try:
            self._rivals[id(lane), codec_id] = self._attempt(lane, codec_id, self._new_deadline())
        except (InputError, LimitError):
            raise
        except Exception:
            return None
        return self._rivals[id(lane), codec_id]

    def _new_deadline(self) -> float | None:
        return None if self._plan.encode_ms is None else time.monotonic() + self._plan.encode_ms / 1000

    def _outcome(self, candidate: Candidate | None) -> Outcome:
        return Outcome(candidate, tuple(self._reasons), tuple(self._attempts), tuple(self._refused))

    def _refuse(self, lane: LanePlan, candidate: Candidate, code: ReasonCode, detail: str, began: float) -> None:
        codec_id = candidate.codec.codec_id
        self._refused.append(Refused(lane.lane, codec_id, len(candidate.data), candidate.score, code, candidate.guard))
        self._fail(lane.lane, codec_id, code, detail, began)

    def _fail(self, lane: str, codec_id: str | None, code: ReasonCode, detail: str, began: float | None = None) -> None:
        self._reasons.append(Reason(code, detail, lane, codec_id))
        seconds = 0.0 if began is None else round(time.monotonic() - began, 4)
        self._attempts.append(Attempt(lane=lane, codec=codec_id or "", outcome=code.value, detail=detail, seconds=seconds))


def _line(attempt_: Attempt) -> str:
    return f"{attempt_.lane}/{attempt_.codec}: {attempt_.outcome} {attempt_.detail}".strip()
