"""The records of one image: what travels in the file, and what goes to the log."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from router.artefacts.bundle import shipped_bundle
from router.codecs.base import Lane
from router.detector.report import OodReport
from router.errors import ArtefactError
from router.images.sample import ImageSample, pixels_sha256
from router.policy.decision import FORCED_RULE, Decision, Reason
from router.quality.guard import WorstTile
from router.reasons import ReasonCode
from router.record import (
    DecisionRecord,
    RecordedGuard,
    RecordedPolicy,
    RecordedReason,
    RecordedRefusal,
    RecordedScores,
    RecordedTarget,
    RecordedTile,
    RunRecord,
)
from router.routing.attempt import Candidate
from router.routing.attempt_log import Refused, RoutingOutcome


@dataclass(frozen=True)
class RunFacts:
    """What only the log may know.

    Attributes:
        source: path or address of the source; None where it has none.
        host: name of the machine.
        started_at: ISO date and time, UTC.
        seconds: wall time by step.
        costs: what was known of the machine.
    """

    source: str | None
    host: str
    started_at: str
    seconds: dict[str, float]
    costs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorder:
    """Makes the records of one image, which was decided on and encoded."""

    sample: ImageSample
    decision: Decision
    outcome: RoutingOutcome
    report: OodReport | None
    run: RunFacts

    def record(self, candidate: Candidate | None, reasons: Sequence[Reason]) -> DecisionRecord:
        """The record of a released candidate; of the source's own bytes where that is None."""
        decision = self.decision
        policy = RecordedPolicy(name=decision.policy, sha256=decision.policy_sha256, rule=decision.rule)
        return DecisionRecord(
            software=_software(),
            policy=None if decision.forced else policy,
            reasons=tuple(RecordedReason(code=r.code.value, lane=r.lane, codec=r.codec, detail=r.detail[:160]) for r in reasons),
            scores=None if self.report is None else _scores(self.report),
            refused=tuple(map(_refusal, self.outcome.refused)),
            bundle=_bundle_id(decision, candidate, reasons),
            context=dict(decision.context_recorded),
            source_sha256=self.sample.source_sha256,
            **(self._source() if candidate is None else self._encoding(candidate)),
        ).fitted()

    def log(self, record: DecisionRecord, size: int) -> RunRecord:
        """What the log gets for an output of `size` bytes."""
        decision = self.decision
        return RunRecord(
            record=record,
            source=self.run.source,
            source_bytes=self.sample.source.size,
            output_bytes=size,
            seconds={name: round(value, 4) for name, value in self.run.seconds.items()},
            attempts=self.outcome.attempts,
            rules=({"rule": FORCED_RULE},) if decision.forced else tuple(trace.to_dict() for trace in decision.trace),
            inputs=dict(decision.inputs),
            costs=self.run.costs,
            host=self.run.host,
            started_at=self.run.started_at,
        )

    def _source(self) -> dict[str, Any]:
        return {"lane": Lane.PASSTHROUGH.value, "codec": self.sample.source.format, "pixels_sha256": None}

    def _encoding(self, candidate: Candidate) -> dict[str, Any]:
        codec, target = candidate.codec, self.decision.target
        recorded: dict[str, Any] = {
            "lane": codec.lane.value,
            "codec": codec.codec_id,
            "settings": {**{k: v for k, v in codec.get_config().items() if k != "id"}, **candidate.settings},
            "pixels_sha256": pixels_sha256(candidate.pixels),
            "guard": _guard(candidate),
        }
        if codec.lane in (Lane.CLASSICAL, Lane.NEURAL):
            recorded["target"] = RecordedTarget(
                metric=target.metric,
                value=target.value,
                achieved=_rounded(candidate.score),
                outcome=None if candidate.outcome is None else candidate.outcome.value,
            )
        return recorded


def without_bundle() -> list[Reason]:
    """Why the bundle cannot be named at all; nothing where it can be read."""
    try:
        shipped_bundle()
    except ArtefactError as error:
        return [Reason.done_without(error)]
    return []


def _guard(candidate: Candidate) -> RecordedGuard:
    guard = candidate.guard
    return RecordedGuard(
        level=guard.level.value,
        passed=guard.passed,
        code=guard.code.value,
        measured=guard.measured,
        arithmetic="fp32" if candidate.codec.lane is Lane.NEURAL else "exact",
        calibration=guard.calibration,
        quantile=guard.quantile,
        worst=_tile(guard.worst),
    )


def _scores(report: OodReport) -> RecordedScores:
    return RecordedScores(
        detector=report.detector_id,
        ood_score=round(report.ood_score, 4),
        p_value=round(report.p_value, 6),
        in_distribution=report.in_distribution,
    )


def _refusal(refused: Refused) -> RecordedRefusal:
    return RecordedRefusal(
        lane=refused.lane,
        codec=refused.codec,
        code=refused.code.value,
        bytes=refused.size,
        achieved=_rounded(refused.score),
        worst=_tile(refused.guard.worst),
    )


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _tile(worst: WorstTile | None) -> RecordedTile | None:
    return None if worst is None else RecordedTile(**vars(worst))


@functools.cache
def _software() -> str:
    try:
        return f"codec-router {version('codec-router')}"
    except PackageNotFoundError:
        return "codec-router"


def _bundle_id(decision: Decision, candidate: Candidate | None, reasons: Sequence[Reason]) -> str | None:
    """The shipped bundle's id, unless something that had a part in this is none of its own, or was to have and cannot be used."""
    if without_bundle() or any(reason.code in _UNUSABLE for reason in reasons):
        return None
    bundle = shipped_bundle()
    return bundle.id if bundle.holds((*decision.artefacts, *(candidate.artefacts if candidate else ()))) else None


_UNUSABLE = (ReasonCode.ARTEFACT_DAMAGED, ReasonCode.UNSUPPORTED_VERSION)
