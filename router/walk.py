"""Walking the lanes of a plan until one candidate passes the guard; every failure is kept as a reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from router.attempts import Candidate, Scorers, attempt
from router.codecs import registry
from router.codecs.base import Lane
from router.costs.budget import Budget
from router.costs.predict import Picture, Prediction, predict
from router.costs.store import NONE, Costs
from router.errors import CarryError, CodecError, GuardError, InputError, LimitError, NoLaneError, RouterError
from router.images.sample import ImageSample
from router.plan import Plan
from router.policy.decision import LanePlan, Reason
from router.quality.guard import GuardLevel, GuardReport
from router.quality.guard.rivalry import Contender, objection
from router.reasons import ReasonCode
from router.record import RECORD_ROOM, Attempt

_OF_TIME = (ReasonCode.BUDGET_PREDICTED, ReasonCode.BUDGET_EXCEEDED)
"""Codes that an encoding fails with for want of time, and for nothing else."""


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


@dataclass(frozen=True)
class _Turn:
    """One codec's turn in a lane: when it began, what was left then, what it is expected to take.

    `reserve`: seconds that it should leave to the codecs of its lane that it is to be compared with. `overrun`: the time is over,
    and it gets its one encoding all the same.
    """

    lane: LanePlan
    codec_id: str
    began: float
    left: float | None = None
    prediction: Prediction | None = None
    reserve: float = 0.0
    overrun: bool = False


class Walk:
    """One image on its way through one plan."""

    def __init__(
        self,
        sample: ImageSample,
        plan: Plan,
        *,
        source_refusal: ReasonCode | None = None,
        metadata_stays: bool = False,
        started: float | None = None,
        costs: Costs = NONE,
    ) -> None:
        """One image and what may be done with it.

        Args:
            sample: as the codecs may see it.
            plan: the lanes, in order.
            source_refusal: why the source itself may not be released, None if it may.
            metadata_stays: the source file holds metadata that may not go out, hence no transcode of the whole file.
            started: the `time.monotonic()` value from which the plan's time counts; now by default.
            costs: what is known of this machine; without it a codec is held to the plan's time only between its encodings.
        """
        self._sample = sample
        self._plan = plan
        self._source_refusal = source_refusal
        self._metadata_stays = metadata_stays
        self._costs = costs
        seconds = None if plan.encode_ms is None else plan.encode_ms / 1000
        self._budget = Budget(time.monotonic() if started is None else started, seconds)
        self._scorers = Scorers()
        self._reasons: list[Reason] = []
        self._attempts: list[Attempt] = []
        self._refused: list[Refused] = []
        self._rivals: dict[tuple[int, str], Candidate] = {}  # encoded to compare with; not encoded again in their own lane
        self._late: list[tuple[LanePlan, str]] = []  # failed for want of time alone

    def run(self, *, release_failed: bool = False) -> Outcome:
        """Try lanes in order; where nothing could be written for want of time, as the plan says.

        Raises NoLaneError when none is left; for a forced codec its own error, or GuardError unless `release_failed`.
        InputError and LimitError end the walk at once: no lane can help a source that cannot be read.
        """
        for lane in self._plan.lanes:
            if lane.lane == Lane.PASSTHROUGH:
                if self._source_refusal is None:
                    return self._outcome(None)
                self._fail_lane(lane.lane, self._source_refusal)
                continue
            turns = (self._try(self._turn(lane, codec_id), release_failed) for codec_id in self._in_order(lane))
            found = [c for c in turns if c]
            if found:
                best = min(found, key=lambda c: len(c.data))
                self._reasons += [
                    Reason(ReasonCode.NOT_SMALLEST, f"{len(c.data)} bytes", lane.lane, c.codec.codec_id)
                    for c in found
                    if c is not best
                ]
                return self._outcome(best)
        overrun = self._overrun(release_failed)
        if overrun is not None:
            return self._outcome(overrun)
        raise NoLaneError(
            "no permitted lane could write this image: " + "; ".join(_line(a) for a in self._attempts),
            attempts=tuple(self._attempts),
            hint="Permit another lane or codec, lower the target, or give more time"
            if self._late
            else "Permit another lane or codec, or lower the target",
        )

    def _in_order(self, lane: LanePlan) -> Iterator[str]:
        """Codec ids of a lane; stops after the first success unless the lane compares all."""
        for codec_id in lane.codecs:
            before = len(self._attempts)
            yield codec_id
            if lane.choose == "first" and self._attempts[before:] and self._attempts[-1].outcome == "done":
                return

    def _overrun(self, release_failed: bool) -> Candidate | None:
        """What the last codec that can write the image makes of it although the time is over; None if none can, or may.

        The last in the policy's order is the one that it falls back to, and usually the fastest.
        """
        for lane, codec_id in reversed(self._late if self._plan.when_late == "encode" else []):
            candidate = self._try(self._turn(lane, codec_id, overrun=True), release_failed)
            if candidate is not None:
                detail = f"encode_ms {self._plan.encode_ms:g}; the last codec that can write the image"
                self._reasons.append(Reason(ReasonCode.BUDGET_OVERRUN, detail, lane.lane, codec_id))
                return candidate
        return None

    def _turn(self, lane: LanePlan, codec_id: str, *, overrun: bool = False) -> _Turn:
        known = (id(lane), codec_id) in self._rivals
        prediction = None if known else self._predict(lane, codec_id)
        if prediction is not None and lane.lane == Lane.NEURAL and self._plan.level is GuardLevel.STRICT:
            rival = next((self._predict(other, c) for other in self._plan.lanes for c in _classical(other)), None)
            prediction = prediction if rival is None else prediction.and_also(rival)
        left = self._budget.left
        return _Turn(lane, codec_id, time.monotonic(), left, prediction, self._reserve(lane, codec_id, prediction, left), overrun)

    def _reserve(self, lane: LanePlan, codec_id: str, prediction: Prediction | None, left: float | None) -> float:
        """In a lane that compares all its codecs: time for one encoding of each that follows, where that and its own fit."""
        if left is None or prediction is None or lane.choose == "first":
            return 0.0
        reserved = 0.0
        for later in lane.codecs[lane.codecs.index(codec_id) + 1 :]:
            rival = self._predict(lane, later)
            if rival is not None and prediction.first + reserved + rival.first <= left:
                reserved += rival.first
        return reserved

    def _predict(self, lane: LanePlan, codec_id: str) -> Prediction | None:
        try:
            codec = registry.get(codec_id)
            settings, plan = lane.settings.get(codec_id, {}), self._plan
            return predict(self._costs, codec, settings, Picture.of(self._sample), plan.target, plan.level, plan.max_steps)
        except RouterError:  # the attempt will say what is wrong with it
            return None

    def _try(self, turn: _Turn, release_failed: bool) -> Candidate | None:
        lane, codec_id = turn.lane, turn.codec_id
        try:
            if lane.lane == Lane.TRANSCODE and self._metadata_stays:
                raise CarryError(
                    f"{codec_id} keeps the whole file, metadata included",
                    code=ReasonCode.METADATA_NOT_STRIPPED,
                    hint='Pass metadata="keep", or --metadata keep, or permit a lane that encodes again',
                )
            candidate = self._rivals.get((id(lane), codec_id)) or self._encode(turn)
        except (InputError, LimitError):
            raise
        except RouterError as error:  # of a policy's lane also UsageError: a setting that the codec does not have
            if self._plan.forced:
                raise
            if error.code in _OF_TIME and not turn.overrun:
                self._late.append((lane, codec_id))
            self._fail(turn, error.code, error.message, error.details.get("log", ""))
            return None
        except Exception as error:  # a codec's bug must not lose the image while another lane can write it
            if self._plan.forced:
                raise
            self._fail(turn, ReasonCode.INTERNAL_ERROR, f"{type(error).__name__}: {error}"[:200])
            return None
        if not candidate.guard.passed and not release_failed:
            if self._plan.forced:
                raise GuardError(
                    f"{codec_id} failed the guard: {candidate.guard.detail or candidate.guard.code}",
                    code=candidate.guard.code,
                    hint='Pass on_guard_fail="release", or --release-failed, to get the bytes anyway',
                    **candidate.guard.measured,
                )
            self._refuse(turn, candidate, candidate.guard.code, candidate.guard.detail)
            return None
        limit = self._plan.max_bytes
        if limit is not None and len(candidate.data) > limit:
            self._fail(turn, ReasonCode.BUDGET_EXCEEDED, f"{len(candidate.data)} bytes of at most {limit}")
            return None
        if lane.lane == Lane.NEURAL and self._plan.level is GuardLevel.STRICT:
            better = self._objection(candidate)
            if better:
                self._refuse(turn, candidate, ReasonCode.GUARD_NO_GAIN, better)
                return None
        self._log(turn, "done", bytes=len(candidate.data), encodings=candidate.encodings)
        return candidate

    def _encode(self, turn: _Turn) -> Candidate:
        """The codec's result within the time that is left; in a turn that overruns, without regard to it.

        Raises what `attempt` raises; CodecError (BUDGET_PREDICTED) where even one encoding would take longer.
        """
        if turn.overrun:
            return self._encode_late(turn)
        steps, prediction, deadline = self._plan.max_steps, turn.prediction, self._budget.deadline()
        if turn.left is not None and prediction is not None:
            if prediction.first > turn.left:
                raise CodecError(
                    f"one encoding takes longer than what is left of encode_ms {self._plan.encode_ms:g}",
                    code=ReasonCode.BUDGET_PREDICTED,
                    # Of the clock, hence for the log alone: two runs that decide alike leave the same record.
                    log=f"{1000 * prediction.first:.0f} ms predicted for one encoding, {1000 * turn.left:.0f} ms left",
                )
            steps = min(steps, prediction.within(turn.left - turn.reserve))
            if steps > 1:  # the first encoding is let through by its prediction alone
                deadline = self._budget.deadline(prediction, turn.reserve)
        try:
            return self._attempt(turn, steps, deadline)
        except CodecError as error:
            if error.code is ReasonCode.TARGET_UNREACHABLE and steps < self._plan.max_steps:
                raise CodecError(
                    f"no time for more than {steps} of {self._plan.max_steps} encodings: {error.message}",
                    code=ReasonCode.BUDGET_EXCEEDED,
                ) from error
            raise

    def _encode_late(self, turn: _Turn) -> Candidate:
        """One encoding without search. If one does not reach the target, the search, with the whole time once more."""
        try:
            return self._attempt(turn, 1, None)
        except CodecError as error:
            knob = registry.get(turn.codec_id).knob
            fixed = knob is None or knob.name in turn.lane.settings.get(turn.codec_id, {})
            if error.code is not ReasonCode.TARGET_UNREACHABLE or fixed or self._plan.max_steps == 1:
                raise
        return self._attempt(turn, self._plan.max_steps, self._budget.renewed().deadline())

    def _attempt(self, turn: _Turn, max_steps: int, deadline: float | None) -> Candidate:
        lane = turn.lane
        return attempt(
            registry.get(turn.codec_id),
            self._sample,
            lane.settings.get(turn.codec_id, {}),
            self._plan.target,
            self._plan.level,
            scorers=self._scorers,
            quantile=self._plan.quantile,
            max_steps=max_steps,
            deadline=deadline,
            room=RECORD_ROOM + (len(self._sample.metadata.xmp or b"") if lane.lane != Lane.TRANSCODE else 0),
        )

    def _objection(self, neural: Candidate) -> str:
        """Why the plan's first classical codec that can write this image is the better choice; "" if it is not, or none can."""
        for lane in self._plan.lanes:
            for codec_id in _classical(lane):
                try:
                    rival = self._rival(lane, codec_id)
                except _NoTimeError:
                    return f"no time to compare it with {codec_id}"
                if rival is not None and rival.guard.passed:
                    return objection(self._plan.target, self._sample.pixels, _contender(neural), _contender(rival))
        return ""

    def _rival(self, lane: LanePlan, codec_id: str) -> Candidate | None:
        """What this codec writes, kept for its own turn; None if it fails, which it says when that comes.

        The comparison is what the level promises, so it goes before the time, unless the plan refuses what is late: then raises
        _NoTimeError.
        """
        turn = self._turn(lane, codec_id)
        try:
            try:
                found = self._encode(turn)
            except CodecError as error:
                if error.code not in _OF_TIME:
                    raise
                if self._plan.when_late == "refuse":
                    raise _NoTimeError from error
                found = self._encode_late(turn)
        except (InputError, LimitError, _NoTimeError):
            raise
        except Exception:
            return None
        self._rivals[id(lane), codec_id] = found
        return found

    def _outcome(self, candidate: Candidate | None) -> Outcome:
        return Outcome(candidate, tuple(self._reasons), tuple(self._attempts), tuple(self._refused))

    def _refuse(self, turn: _Turn, candidate: Candidate, code: ReasonCode, detail: str) -> None:
        self._refused.append(Refused(turn.lane.lane, turn.codec_id, len(candidate.data), candidate.score, code, candidate.guard))
        self._fail(turn, code, detail)

    def _fail(self, turn: _Turn, code: ReasonCode, detail: str, log: str = "") -> None:
        """`log`: in place of `detail` where only the log may know it."""
        self._reasons.append(Reason(code, detail, turn.lane.lane, turn.codec_id))
        self._log(turn, code.value, detail=log or detail)

    def _fail_lane(self, lane: str, code: ReasonCode) -> None:
        self._reasons.append(Reason(code, "", lane, None))
        self._attempts.append(Attempt(lane=lane, codec="", outcome=code.value))

    def _log(self, turn: _Turn, outcome: str, **found: Any) -> None:
        foreseen: dict[str, Any] = {}
        if turn.prediction is not None:
            only_one = turn.overrun or outcome == ReasonCode.BUDGET_PREDICTED
            seconds = turn.prediction.first if only_one else turn.prediction.seconds
            foreseen = {
                "predicted_seconds": round(seconds, 4),
                "predicted_encodings": 1.0 if only_one else turn.prediction.encodings,
                "predicted_band": (round(seconds * turn.prediction.band.low, 4), round(seconds * turn.prediction.band.high, 4)),
            }
        self._attempts.append(
            Attempt(
                lane=turn.lane.lane,
                codec=turn.codec_id,
                outcome=outcome,
                seconds=round(time.monotonic() - turn.began, 4),
                left_seconds=None if turn.left is None else round(turn.left, 4),
                **foreseen,
                **found,
            )
        )


class _NoTimeError(Exception):
    """A comparison that could not be made in time; never leaves this module."""


def _classical(lane: LanePlan) -> tuple[str, ...]:
    return lane.codecs if lane.lane == Lane.CLASSICAL else ()


def _line(attempt_: Attempt) -> str:
    return f"{attempt_.lane}/{attempt_.codec}: {attempt_.outcome} {attempt_.detail}".strip()


def _contender(candidate: Candidate) -> Contender:
    return Contender(len(candidate.data), candidate.guard, candidate.pixels)
