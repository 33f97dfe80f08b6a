"""Releasing a candidate: the record is built, written into the bytes, and the result never outgrows its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from router.codecs import registry
from router.codecs.base import Codec, Lane
from router.containers.xmp import holds_record, problem, without_record
from router.detector.report import OodReport
from router.encoded import EncodedImage
from router.errors import CarryError, NoLaneError, RouterError, own_words
from router.images.left_behind.extra_part import RECORD
from router.images.sample import ImageSample
from router.policy.decision import Decision, Reason
from router.quality.search import SearchOutcome
from router.reasons import ReasonCode
from router.record import DecisionRecord, RecordForm
from router.routing.attempt import Candidate, bare, embed_record, embed_short_record, with_source_xmp
from router.routing.attempt_log import RoutingOutcome
from router.routing.carried_metadata import carried_xmp, losses, shown_losses
from router.routing.preparation import MEDIA_TYPES, WIDELY_READ, Prepared
from router.routing.recording import Recorder, RunFacts, without_bundle
from router.routing.verification import verify
from router.routing.winner import source_is_better


def release(
    prepared: Prepared, decision: Decision, outcome: RoutingOutcome, report: OodReport | None, run: RunFacts
) -> EncodedImage:
    """Turn what came of the lanes into bytes with their record.

    What keeps the source's bytes (passthrough, transcode) is decoded whole before, as far as `verify` goes. A candidate that is
    not smaller than a source of the same class gives way to the source itself. `decision.record` says how much of the record
    travels in the file; a format without a place for a record is released without one, which the record in the log says.

    Raises InputError (DAMAGED_IMAGE) if the source was to be kept and cannot be decoded; NoLaneError where nothing may be lost,
    and neither the result nor the source can go out.
    """
    reasons = [*decision.reasons, *outcome.reasons]
    reasons += [reason for reason in without_bundle() if reason not in reasons]
    recorder = Recorder(prepared.as_read, decision, outcome, report, run)
    if outcome.candidate is None:
        return _source(prepared, recorder, reasons)
    return _candidate(prepared, recorder, outcome.candidate, reasons)


def _candidate(prepared: Prepared, recorder: Recorder, candidate: Candidate, reasons: list[Reason]) -> EncodedImage:
    sample, decision, codec = prepared.as_read, recorder.decision, candidate.codec
    of_candidate = [*reasons, *_of_candidate(sample, decision, candidate)]  # these hold only if it is what is released
    source_xmp = carried_xmp(sample, codec) if decision.metadata == "keep" else None
    record = recorder.record(candidate, of_candidate)
    data, failures = _with_evidence(candidate, record, source_xmp, decision.record, _bound(sample, decision))
    if failures:
        if decision.loses_nothing and source_xmp is not None and any(f.code is ReasonCode.CANNOT_CARRY_XMP for f in failures):
            if prepared.source_refusal is not None:
                raise NoLaneError(
                    f"the XMP finds no place in the result, and the source may not be kept: {prepared.source_refusal}",
                    attempts=recorder.outcome.attempts,
                    hint="Permit more bytes, or another codec",
                )
            return _source(prepared, recorder, [*reasons, *failures])
        record = recorder.record(candidate, [*of_candidate, *failures])
    if _outgrows(prepared, decision, candidate, len(data)):
        detail = f"{len(data)} bytes, source {sample.source.size}"
        larger = Reason(ReasonCode.NOT_SMALLER_THAN_SOURCE, detail, codec.lane.value, codec.codec_id)
        return _source(prepared, recorder, [*reasons, larger])
    return EncodedImage(data, codec.media_type, codec.suffix, record, recorder.log(record, len(data)))


def _source(prepared: Prepared, recorder: Recorder, reasons: list[Reason]) -> EncodedImage:
    """The source's own bytes."""
    sample = prepared.as_read
    assert sample.source.data is not None
    reasons = [*reasons, *_doubts(sample, recorder.decision, Lane.PASSTHROUGH)]
    if _claims_a_record(sample):
        reasons.append(Reason(ReasonCode.SOURCE_RECORD_STAYS, "what the file's own record says is not this decision"))
    media_type, suffix = MEDIA_TYPES[sample.source.format]
    record = recorder.record(None, reasons)
    data = sample.source.data
    return EncodedImage(data, media_type, suffix, record, recorder.log(record, len(data)))


def _of_candidate(sample: ImageSample, decision: Decision, candidate: Candidate) -> Iterator[Reason]:
    """What there is to say of a new encoding: doubts about what it keeps, what it leaves behind, a target that it overshot."""
    codec = candidate.codec
    if codec.lane is Lane.TRANSCODE:
        yield from _doubts(sample, decision, Lane.TRANSCODE)
    else:
        yield from (Reason(ReasonCode.PROFILE_UNUSABLE, f"left out: {why}") for why in sample.source.colour_faults)
        yield from _left_behind(sample, decision, codec)
    yield from _overshot(decision, candidate)


def _doubts(sample: ImageSample, decision: Decision, lane: Lane) -> list[Reason]:
    doubt = verify(sample, decision.level, lane)
    return [] if doubt is None else [doubt]


def _left_behind(sample: ImageSample, decision: Decision, codec: Codec) -> list[Reason]:
    if decision.metadata != "keep":
        return [Reason(ReasonCode.METADATA_LEFT_BEHIND, name) for name in shown_losses(sample)]
    unread = None if sample.metadata.xmp is None else problem(sample.metadata.xmp)
    reasons = [] if unread is None else [Reason(ReasonCode.SOURCE_XMP_DAMAGED, f"left out: {unread}")]
    return reasons + [Reason(ReasonCode.METADATA_LEFT_BEHIND, name) for name in losses(sample, codec)]


def _claims_a_record(sample: ImageSample) -> bool:
    xmp = sample.metadata.xmp
    return RECORD in sample.extra_parts or (xmp is not None and problem(xmp) is None and holds_record(xmp))


def _overshot(decision: Decision, candidate: Candidate) -> list[Reason]:
    """That the result is better than was asked for, and why; nothing where it is near enough, or nothing was searched."""
    target, codec = decision.target, candidate.codec
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
    """The candidate's bytes with a record of this form and source XMP; where that fails, with the XMP alone; else bare.

    And what failed.

    The bytes have passed the guard: no failure here may lose them. `bound`: the most that the result may have.
    """
    kept = without_record(source_xmp) if source_xmp is not None and holds_record(source_xmp) else source_xmp
    writers: list[tuple[ReasonCode | None, Callable[[], bytes]]] = []
    if form == "full":
        writers.append((ReasonCode.RECORD_NOT_CARRIED, lambda: embed_record(candidate, record.to_json(), source_xmp)))
    elif form == "short":
        writers.append((ReasonCode.RECORD_NOT_CARRIED, lambda: embed_short_record(candidate, record.to_short(), kept)))
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


def _bound(sample: ImageSample, decision: Decision) -> int | None:
    most = decision.budgets.max_bytes
    bounds = [] if most is None else [most]
    if decision.target.is_size:
        bounds.append(decision.target.max_bytes(sample.width, sample.height))
    return min(bounds, default=None)


def _outgrows(prepared: Prepared, decision: Decision, candidate: Candidate, size: int) -> bool:
    """Whether the source is the better output, and may go out."""
    source = prepared.as_read.source
    better = source_is_better(candidate.codec.lane, size, source.size, lossy=source.lossy)
    return better and not decision.forced and prepared.source_refusal is None and source.format in WIDELY_READ
