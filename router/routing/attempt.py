"""One attempt: encode an image with one codec to a target, decode it, let the guard look."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from router.artefacts.bundle import Used
from router.codecs import registry
from router.codecs.base import Codec, Knob, Lane
from router.codecs.options import checked
from router.errors import (
    CarryError,
    CodecError,
    CodecUnavailableError,
    GuardError,
    LimitError,
    ModelError,
    StreamError,
    own_words,
)
from router.images.colour import as_shown
from router.images.sample import ImageSample, Pixels
from router.limits import NO_LIMITS
from router.process.forks import pause
from router.quality.guard import DEFAULT_QUANTILE, GuardLevel, GuardReport, calibration_for, check, looks_at_tiles
from router.quality.metrics import Scorer, scorer
from router.quality.search import SearchOutcome, search
from router.quality.search_model import SearchState
from router.quality.target import MAX_STEPS, MetricName, Target
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Candidate:
    """A finished encoding that has not been released. `guard.passed` may be False.

    `outcome`: how well the search for the target ended; None where nothing was searched. `artefacts`: what had a part in it.
    """

    codec: Codec
    data: bytes = field(repr=False)
    pixels: Pixels = field(repr=False)
    settings: Mapping[str, Any]
    score: float | None
    guard: GuardReport
    encodings: int
    profile: bytes | None = field(repr=False, default=None)
    """That `pixels` are to be seen through."""
    outcome: SearchOutcome | None = None
    artefacts: tuple[Used, ...] = ()


class Scorers:
    """Scorers of one image, built once per metric and representation: the work on the reference is shared by all codecs.

    `search_state`: what its encodings have taught so far, shared likewise.
    """

    def __init__(self) -> None:
        self.search_state = SearchState()
        self._known: dict[tuple[str, bytes | None], list[tuple[Pixels, Scorer]]] = {}

    def get(self, metric: MetricName, pixels: Pixels, profile: bytes | None) -> Scorer:
        """The scorer of `metric` against `pixels`, which like its candidates are seen through `profile`."""
        known = self._known.setdefault((metric, profile), [])
        for reference, scored in known:
            if reference is pixels:
                return scored
        shown = as_shown(profile)
        score = scorer(metric, shown(pixels))
        known.append((pixels, lambda candidate: score(shown(candidate))))
        return known[-1][1]


@dataclass(frozen=True)
class EncodingBounds:
    """What one codec's encoding of an image may take.

    Attributes:
        max_steps: encodings that a search may try.
        deadline: the `time.monotonic()` value after which no further encoding starts; None for no end.
        reserve: bytes that will be added later (the record). A search for a size leaves them free unless they are more than
            half of it, or the size cannot be reached so.
        memory: bytes of memory that all of it may take; None for no limit.
    """

    max_steps: int = MAX_STEPS
    deadline: float | None = None
    reserve: int = 0
    memory: int | None = None


@dataclass(frozen=True)
class _Encoded:
    """An encoding that the guard has not seen; see `Candidate`."""

    data: bytes
    pixels: Pixels
    settings: Mapping[str, Any]
    score: float | None
    encodings: int
    outcome: SearchOutcome | None = None


@dataclass(frozen=True)
class EncodingTask:
    """What is to be encoded, and how well.

    Attributes:
        codec: the codec.
        sample: the image.
        settings: of the codec; those that name its knob switch the search off.
        target: quality or size to reach.
        level: what the guard looks at.
        quantile: how rare a picture must be for the guard to refuse it.
    """

    codec: Codec
    sample: ImageSample
    settings: Mapping[str, Any]
    target: Target
    level: GuardLevel
    quantile: float = DEFAULT_QUANTILE

    @property
    def size_limit(self) -> int | None:
        """Bytes that the target allows; None for a target of quality."""
        return self.target.max_bytes(self.sample.width, self.sample.height) if self.target.is_size else None


def encode_to_target(task: EncodingTask, scorers: Scorers, bounds: EncodingBounds = EncodingBounds()) -> Candidate:
    """Encode and let the guard look.

    Raises UsageError (BAD_SETTING), CarryError, CodecUnavailableError, CodecError (MEMORY_LIMIT before anything is decoded,
    OUT_OF_MEMORY, TARGET_UNREACHABLE, BUDGET_EXCEEDED, ENCODE_FAILED), GuardError (GUARD_DECODE_FAILED) if the codec cannot read
    its own output, ArtefactError if the guard's calibration is damaged, InputError if the source's pixels turn out to be damaged.
    """
    task = _prepared(task, bounds)
    codec, profile = task.codec, task.sample.metadata.icc
    if codec.knob is None or codec.knob.name in task.settings:
        encoded = _encode_once(task, scorers)
    else:
        encoded = _encode_by_search(task, codec.knob, scorers, bounds)
    if task.size_limit is not None and len(encoded.data) > task.size_limit:
        code = ReasonCode.TARGET_UNREACHABLE
        raise CodecError(f"{len(encoded.data)} bytes are more than the target of {task.size_limit}", code=code)
    pause()
    guard = _guarded(task, encoded, scorers)
    return Candidate(
        codec,
        encoded.data,
        encoded.pixels,
        encoded.settings,
        encoded.score,
        guard,
        encoded.encodings,
        profile,
        encoded.outcome,
        _artefacts(codec, guard, None if encoded.outcome is None else scorers.search_state.used),
    )


def _prepared(task: EncodingTask, bounds: EncodingBounds) -> EncodingTask:
    """The task with the image as its codec takes it, after everything that can be refused before the first encoding."""
    codec = task.codec
    settings = _checked_settings(codec, task.sample, task.settings)
    check_memory(codec, task.sample, settings, bounds.memory)
    prepared = codec.prepare(task.sample)
    refusal = codec.refusal(prepared)
    if refusal is not None:
        raise refusal
    if looks_at_tiles(codec.lane, task.level):
        calibration_for(codec.get_config().get("model"))  # nothing passes a guard that cannot look
    if bounds.deadline is not None and time.monotonic() > bounds.deadline:
        raise CodecError("the time for encoding is over", code=ReasonCode.BUDGET_EXCEEDED)
    _ = prepared.pixels  # damage in the source is the source's error, not that of the codec that would meet it first
    return dataclasses.replace(task, sample=prepared, settings=settings)


def _guarded(task: EncodingTask, encoded: _Encoded, scorers: Scorers) -> GuardReport:
    source, pixels, profile = task.sample.pixels, encoded.pixels, task.sample.metadata.icc
    return check(
        source,
        pixels,
        lane=task.codec.lane,
        carries=task.codec.carries,
        level=task.level,
        target=task.target,
        score=encoded.score,
        quantile=task.quantile,
        model=task.codec.get_config().get("model"),
        perceptual=None if pixels.dtype != np.uint8 else lambda: scorers.get("ssimulacra2", source, profile)(pixels),
        shown=as_shown(profile),
    )


def _checked_settings(codec: Codec, sample: ImageSample, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that this image is coded with. Raises CodecUnavailableError, UsageError."""
    hint = codec.unavailable()
    if hint is not None:
        raise CodecUnavailableError(f"{codec.codec_id} is not installed", code=ReasonCode.MISSING_EXTRA, hint=hint)
    if codec.options is not None:
        checked(codec.codec_id, codec.accepted(), settings)  # not left to the codec: one that ignores a name would do so silently
    return codec.settled(sample, settings)


def _encode_once(task: EncodingTask, scorers: Scorers) -> _Encoded:
    """One encoding with fixed settings."""
    codec, sample, target = task.codec, task.sample, task.target
    data = codec.encode(sample, task.settings)
    pixels = _decode_own(codec, data)
    score: float | None = None
    # A fixed setting under a light guard is chosen for speed: nobody would look at the score.
    if codec.lane in (Lane.CLASSICAL, Lane.NEURAL) and task.level.scores and not target.is_size:
        score = scorers.get(target.metric, sample.pixels, sample.metadata.icc)(pixels)
    return _Encoded(data, pixels, dict(task.settings), score, 1)


def _encode_by_search(task: EncodingTask, knob: Knob, scorers: Scorers, bounds: EncodingBounds) -> _Encoded:
    """The encoding that a search over the knob finds for the target."""
    codec, sample, settings, target = task.codec, task.sample, task.settings, task.target
    encode = codec.session(sample)
    find = functools.partial(
        search,
        lambda value: encode({**settings, knob.name: value}),
        functools.partial(_decode_own, codec),
        knob,
        target,
        score=None if target.is_size else scorers.get(target.metric, sample.pixels, sample.metadata.icc),
        max_steps=bounds.max_steps,
        deadline=bounds.deadline,
        predictor=scorers.search_state.predictor(codec, settings, sample.pixels, _overhead(sample)),
    )
    limit = task.size_limit
    if limit is None or limit < 2 * bounds.reserve:
        result = find(byte_limit=limit)
    else:
        try:
            result = find(byte_limit=limit - bounds.reserve)
        except CodecError as error:
            if error.code is not ReasonCode.TARGET_UNREACHABLE:
                raise
            result = find(byte_limit=limit)
    trial = result.trial
    return _Encoded(trial.data, trial.pixels, {**settings, knob.name: trial.knob}, trial.score, result.steps, result.outcome)


def _decode_own(codec: Codec, data: bytes) -> Pixels:
    """Decode what the codec has just written. Raises ModelError, CodecError (OUT_OF_MEMORY), GuardError (GUARD_DECODE_FAILED)."""
    pause()
    try:
        return codec.decode(data, NO_LIMITS).pixels  # our own bytes: the source has passed the limits already
    except ModelError:
        raise
    except LimitError as error:  # there are none: memory ran out
        raise out_of_memory(codec) from error
    except StreamError as error:  # for instance metadata of the source that this format's readers choke on
        raise GuardError(
            f"{codec.codec_id} cannot read what it wrote: {own_words(error, ours=registry.is_ours(codec))}",
            code=ReasonCode.GUARD_DECODE_FAILED,
            foreign=error.told,
            hint="Choose another codec, or strip the metadata",
        ) from error


def _artefacts(codec: Codec, guard: GuardReport, search_model: Used | None) -> tuple[Used, ...]:
    used = [] if search_model is None else [search_model]
    if guard.calibration is not None:
        used.append(Used("guards", guard.calibration, guard.calibration_sha256))
    weights = codec.weights()
    if weights is not None:
        used.append(Used("models", *weights))
    return tuple(used)


def check_memory(codec: Codec, sample: ImageSample, settings: Mapping[str, Any], limit: int | None) -> None:
    """Raise CodecError (MEMORY_LIMIT) if `codec` takes more than `limit` bytes for this image. Nothing is decoded for it."""
    needed = codec.memory(sample, settings)
    if limit is not None and needed > limit:
        raise CodecError(
            f"{codec.codec_id} takes about {needed / 1e9:.1f} GB for {sample.width}x{sample.height} pixels, "
            f"the limit is {limit / 1e9:.1f} GB",
            code=ReasonCode.MEMORY_LIMIT,
            hint="Pass limits=Limits(memory=BYTES), or --no-limits, if there is more; or permit another codec",
            bytes=needed,
            limit=limit,
        )


def out_of_memory(codec: Codec) -> CodecError:
    """For a codec to which memory was not enough."""
    return CodecError(
        f"memory ran out while {codec.codec_id} was at work",
        code=ReasonCode.OUT_OF_MEMORY,
        hint="Give the process more memory, or lower Limits.memory so that a codec that takes less is chosen",
    )


def _overhead(sample: ImageSample) -> int:
    return sum(len(block or b"") for block in (sample.metadata.icc, sample.metadata.exif))


def embed_record(candidate: Candidate, record: bytes, source_xmp: bytes | None) -> bytes:
    """The candidate's bytes with the record and the source's XMP inside, and the same image.

    Raises CarryError (RECORD_NOT_CARRIED) if the format has no place for it, CodecError if the image changed.
    """
    codec = candidate.codec
    if not codec.carries.xmp:
        raise CarryError(f"{codec.codec_id} has no place for a record", code=ReasonCode.RECORD_NOT_CARRIED)
    return _unchanged(candidate, codec.with_record(candidate.data, record, source_xmp))


def embed_short_record(candidate: Candidate, record: bytes, source_xmp: bytes | None) -> bytes:
    """As `embed_record`, with the short record."""
    return _unchanged(candidate, candidate.codec.with_short_record(candidate.data, record, source_xmp))


def bare(candidate: Candidate) -> bytes:
    """The candidate's bytes without the reserve that its codec left for XMP, and the same image.

    Raises CodecError, StreamError.
    """
    data = candidate.codec.without_xmp(candidate.data)
    return data if data == candidate.data else _unchanged(candidate, data)


def with_source_xmp(candidate: Candidate, xmp: bytes) -> bytes:
    """The candidate's bytes with the source's XMP only, and the same image. Raises CarryError, CodecError."""
    return _unchanged(candidate, candidate.codec.with_xmp(candidate.data, xmp))


def _unchanged(candidate: Candidate, data: bytes) -> bytes:
    # What is released must be what was guarded.
    if not candidate.codec.same_image(candidate.data, data, candidate.pixels):
        raise CodecError(f"writing metadata into {candidate.codec.codec_id} changed the image", code=ReasonCode.INTERNAL_ERROR)
    return data
