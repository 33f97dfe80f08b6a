"""Releasing a candidate: the record is built, written into the bytes, and the result never outgrows its source."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from router.artefacts.bundle import shipped_bundle
from router.codecs import registry
from router.codecs.base import Codec, Lane
from router.containers.xmp import holds_record, problem, without_record
from router.detector.report import OodReport
from router.errors import ArtefactError, CarryError, NoLaneError, RouterError, own_words
from router.images.left_behind.passenger import RECORD
from router.images.sample import ImageSample, pixels_sha256
from router.policy.decision import Reason
from router.quality.guard import WorstTile
from router.quality.search import Outcome as SearchOutcome
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
    RecordForm,
    RunRecord,
)
from router.routing.attempt import Candidate, bare, seal, seal_short, with_source_xmp
from router.routing.attempt_log import Outcome
from router.routing.carried_metadata import carried_xmp, losses, shown_losses
from router.routing.encoded import EncodedImage
from router.routing.passthrough import MEDIA_TYPES, WIDELY_READ
from router.routing.plan import FORCED_RULE, Plan
from router.routing.verification import verify


@dataclass(frozen=True)
class Run:
    """What only the log may know."""

    source: str | None
    host: str
    started_at: str
    seconds: dict[str, float]
    costs: dict[str, Any] = field(default_factory=dict)


def release(
    sample: ImageSample, plan: Plan, outcome: Outcome, report: OodReport | None, run: Run, *, source_refusal: ReasonCode | None
) -> EncodedImage:
    """Turn the outcome of a walk into bytes with their record; `sample` as it was read.

    What keeps the source's bytes (passthrough, transcode) is decoded whole before, as far as `verify` goes. A candidate that is
    not smaller than a source of the same class gives way to the source itself. `plan.record` says how much of the record travels
    in the file; a format without a place for a record is released without one, which the record in the log says.

    Raises InputError (DAMAGED_IMAGE) if the source was to be kept and cannot be decoded.
    """
    reasons = [*plan.reasons, *outcome.reasons]
    reasons += [reason for reason in _without_bundle() if reason not in reasons]
    candidate = outcome.candidate
    if candidate is not None:
        of_candidate = [*reasons]  # these hold only if it is what is released
        if candidate.codec.lane is Lane.TRANSCODE:
            of_candidate += _doubts(sample, plan, Lane.TRANSCODE)
        else:
            of_candidate += [Reason(ReasonCode.PROFILE_UNUSABLE, f"left out: {why}") for why in sample.source.colour_faults]
        of_candidate += _left_behind(sample, plan, candidate.codec)
        source_xmp = carried_xmp(sample, candidate.codec) if plan.metadata == "keep" else None
        of_candidate += _overshot(plan, candidate)
        record = _record(sample, plan, outcome, candidate, of_candidate, report)
        data, failures = _with_evidence(candidate, record, source_xmp, plan.record, _bound(sample, plan))
        if failures:
            if plan.keep_all and source_xmp is not None and any(f.code is ReasonCode.CANNOT_CARRY_XMP for f in failures):
                return _kept_source(sample, plan, outcome, report, run, [*reasons, *failures], source_refusal)
            record = _record(sample, plan, outcome, candidate, [*of_candidate, *failures], report)
        if not _outgrows(sample, plan, candidate, len(data), source_refusal=source_refusal):
            codec = candidate.codec
            return EncodedImage(
                data, codec.media_type, codec.suffix, record, _run_record(sample, plan, outcome, run, record, len(data))
            )
        reasons.append(
            Reason(
                ReasonCode.NOT_SMALLER_THAN_SOURCE,
                f"{len(data)} bytes, source {sample.source.size}",
                candidate.codec.lane.value,
                candidate.codec.codec_id,
            )
        )
    return _passed_through(sample, plan, outcome, report, run, reasons)


def _kept_source(
    sample: ImageSample,
    plan: Plan,
    outcome: Outcome,
    report: OodReport | None,
    run: Run,
    reasons: list[Reason],
    source_refusal: ReasonCode | None,
) -> EncodedImage:
    """The source itself, where the plan loses nothing and the XMP found no place. Raises NoLaneError if it may not go out."""
    if source_refusal is not None:
        raise NoLaneError(
            f"the XMP finds no place in the result, and the source may not be kept: {source_refusal}",
            attempts=outcome.attempts,
            hint="Permit more bytes, or another codec",
        )
    return _passed_through(sample, plan, outcome, report, run, reasons)


def _passed_through(
    sample: ImageSample, plan: Plan, outcome: Outcome, report: OodReport | None, run: Run, reasons: list[Reason]
) -> EncodedImage:
    assert sample.source.data is not None
    reasons += _doubts(sample, plan, Lane.PASSTHROUGH)
    if _claims_a_record(sample):
        reasons.append(Reason(ReasonCode.SOURCE_RECORD_STAYS, "what the file's own record says is not this decision"))
    media_type, suffix = MEDIA_TYPES[sample.source.format]
    record = _record(sample, plan, outcome, None, reasons, report)
    return EncodedImage(
        sample.source.data,
        media_type,
        suffix,
        record,
        _run_record(sample, plan, outcome, run, record, len(sample.source.data)),
    )


def _doubts(sample: ImageSample, plan: Plan, lane: Lane) -> list[Reason]:
    doubt = verify(sample, plan.level, lane)
    return [] if doubt is None else [doubt]


def _left_behind(sample: ImageSample, plan: Plan, codec: Codec) -> list[Reason]:
    """What a new encoding loses of the file, and the reasons that say so."""
    if codec.lane is Lane.TRANSCODE:
        return []
    if plan.metadata != "keep":
        return [Reason(ReasonCode.METADATA_LEFT_BEHIND, name) for name in shown_losses(sample)]
    unread = None if sample.metadata.xmp is None else problem(sample.metadata.xmp)
    reasons = [] if unread is None else [Reason(ReasonCode.SOURCE_XMP_DAMAGED, f"left out: {unread}")]
    return reasons + [Reason(ReasonCode.METADATA_LEFT_BEHIND, name) for name in losses(sample, codec)]


def _claims_a_record(sample: ImageSample) -> bool:
    xmp = sample.metadata.xmp
    return RECORD in sample.passengers or (xmp is not None and problem(xmp) is None and holds_record(xmp))


def _overshot(plan: Plan, candidate: Candidate) -> list[Reason]:
    """That the result is better than was asked for, and why; nothing where it is near enough, or nothing was searched."""
    target, codec = plan.target, candidate.codec
    over = None if candidate.score is None else candidate.score - target.value
    if candidate.outcome is None or over is None or over <= target.tolerance:
        return []
    why = (
        "the codec has no cheaper setting that reaches the target"
        if candidate.outcome is SearchOutcome.CHEAPEST
        else f"the search was cut short at encoding {candidate.encodings}"
    )
    detail = f"{target.metric} {candidate.score:.4g}, {over:.2g} above the target: {why}"
    return [Reason(ReasonCode.TARGET_OVERSHOT, detail, codec.lane.value, codec.codec_id)]


def _with_evidence(
    candidate: Candidate, record: DecisionRecord, source_xmp: bytes | None, form: RecordForm, bound: int | None
) -> tuple[bytes, list[Reason]]:
    """The candidate's bytes with a record of this form and source XMP; where that fails, with the XMP alone; else bare. And what
    failed.

    The bytes have passed the guard: no failure here may lose them. `bound`: the most that the result may have.
    """
    kept = without_record(source_xmp) if source_xmp is not None and holds_record(source_xmp) else source_xmp
    writers: list[tuple[ReasonCode | None, Callable[[], bytes]]] = []
    if form == "full":
        writers.append((ReasonCode.RECORD_NOT_CARRIED, lambda: seal(candidate, record.to_json(), source_xmp)))
    elif form == "short":
        writers.append((ReasonCode.RECORD_NOT_CARRIED, lambda: seal_short(candidate, record.to_short(), kept)))
    if kept is not None:
        writers.append((ReasonCode.CANNOT_CARRY_XMP, lambda: with_source_xmp(candidate, kept)))
    elif form == "none":
        writers.append((None, lambda: bare(candidate)))
    failures: list[Reason] = []
    for code, write in writers:
        data, failure = _tried(write, candidate)
        if failure is None and (bound is None or len(data) <= bound):
            return data, failures
        if code is not None:
            failures.append(Reason(code, failure or f"no room within {bound} bytes"))
    return candidate.data, failures


def _tried(write: Callable[[], bytes], candidate: Candidate) -> tuple[bytes, str | None]:
    """What was written, or why nothing was."""
    ours = registry.is_ours(candidate.codec)
    try:
        return write(), None
    except CarryError as error:
        return b"", own_words(error, ours=ours)
    except RouterError as error:
        return b"", f"{error.code}: {own_words(error, ours=ours)}"
    except Exception as error:  # of somebody's codec
        return b"", f"{ReasonCode.INTERNAL_ERROR}: {type(error).__name__}"


def _bound(sample: ImageSample, plan: Plan) -> int | None:
    bounds = [plan.max_bytes] if plan.max_bytes is not None else []
    if plan.target.is_size:
        bounds.append(plan.target.max_bytes(sample.width, sample.height))
    return min(bounds, default=None)


def _outgrows(sample: ImageSample, plan: Plan, candidate: Candidate, size: int, *, source_refusal: ReasonCode | None) -> bool:
    """Whether the source is the better output: not larger, and at least as faithful in the class that was asked for."""
    if plan.forced or sample.source.size is None or size < sample.source.size:
        return False
    # A lossless copy of a lossy source is meant to be larger: somebody asked for a format, not for fewer bytes.
    if candidate.codec.lane is Lane.LOSSLESS and sample.source.lossy is not False:
        return False
    return source_refusal is None and sample.source.format in WIDELY_READ


def _record(
    sample: ImageSample,
    plan: Plan,
    outcome: Outcome,
    candidate: Candidate | None,
    reasons: list[Reason],
    report: OodReport | None,
) -> DecisionRecord:
    decision = plan.decision
    recorded: dict[str, Any] = {}
    if candidate is None:
        recorded["lane"], recorded["codec"] = Lane.PASSTHROUGH.value, sample.source.format
        recorded["pixels_sha256"] = None
    else:
        codec, guard = candidate.codec, candidate.guard
        recorded["lane"], recorded["codec"] = codec.lane.value, codec.codec_id
        recorded["settings"] = {**{k: v for k, v in codec.get_config().items() if k != "id"}, **candidate.settings}
        recorded["pixels_sha256"] = pixels_sha256(candidate.pixels)
        recorded["guard"] = RecordedGuard(
            level=guard.level.value,
            passed=guard.passed,
            code=guard.code.value,
            measured=guard.measured,
            arithmetic="fp32" if codec.lane is Lane.NEURAL else "exact",
            calibration=guard.calibration,
            quantile=guard.quantile,
            worst=_tile(guard.worst),
        )
        if codec.lane in (Lane.CLASSICAL, Lane.NEURAL):
            achieved = None if candidate.score is None else round(candidate.score, 4)
            recorded["target"] = RecordedTarget(
                metric=plan.target.metric,
                value=plan.target.value,
                achieved=achieved,
                outcome=None if candidate.outcome is None else candidate.outcome.value,
            )
    return DecisionRecord(
        software=_software(),
        policy=None
        if decision is None
        else RecordedPolicy(name=decision.policy, sha256=decision.policy_sha256, rule=decision.rule),
        reasons=tuple(RecordedReason(code=r.code.value, lane=r.lane, codec=r.codec, detail=r.detail[:160]) for r in reasons),
        scores=None
        if report is None
        else RecordedScores(
            detector=report.detector_id,
            ood_score=round(report.ood_score, 4),
            p_value=round(report.p_value, 6),
            in_distribution=report.in_distribution,
        ),
        refused=tuple(
            RecordedRefusal(
                lane=r.lane,
                codec=r.codec,
                code=r.code.value,
                bytes=r.size,
                achieved=None if r.score is None else round(r.score, 4),
                worst=_tile(r.guard.worst),
            )
            for r in outcome.refused
        ),
        bundle=_bundle_id(plan, candidate, reasons),
        context={} if decision is None else dict(decision.context_recorded),
        source_sha256=sample.source_sha256,
        **recorded,
    ).fitted()


def _tile(worst: WorstTile | None) -> RecordedTile | None:
    return None if worst is None else RecordedTile(**vars(worst))


def _run_record(sample: ImageSample, plan: Plan, outcome: Outcome, run: Run, record: DecisionRecord, size: int) -> RunRecord:
    decision = plan.decision
    return RunRecord(
        record=record,
        source=run.source,
        source_bytes=sample.source.size,
        output_bytes=size,
        seconds={k: round(v, 4) for k, v in run.seconds.items()},
        attempts=outcome.attempts,
        rules=({"rule": FORCED_RULE},) if decision is None else tuple(t.to_dict() for t in decision.trace),
        inputs={} if decision is None else dict(decision.inputs),
        costs=run.costs,
        host=run.host,
        started_at=run.started_at,
    )


@functools.cache
def _software() -> str:
    try:
        return f"codec-router {version('codec-router')}"
    except PackageNotFoundError:
        return "codec-router"


def _bundle_id(plan: Plan, candidate: Candidate | None, reasons: list[Reason]) -> str | None:
    """The shipped bundle's id, unless something that had a part in this is none of its own, or was to have and cannot be used."""
    used = (*(plan.decision.artefacts if plan.decision else ()), *(candidate.artefacts if candidate else ()))
    if _without_bundle() or any(reason.code in _UNUSABLE for reason in reasons):
        return None
    bundle = shipped_bundle()
    return bundle.id if bundle.holds(used) else None


_UNUSABLE = (ReasonCode.ARTEFACT_DAMAGED, ReasonCode.UNSUPPORTED_VERSION)


def _without_bundle() -> list[Reason]:
    """Why the bundle cannot be named at all; nothing where it can be read."""
    try:
        shipped_bundle()
    except ArtefactError as error:
        return [Reason.done_without(error)]
    return []
