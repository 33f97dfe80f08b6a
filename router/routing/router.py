"""Router: the one class that takes an image through policy, lanes and guard to released bytes with their record."""

from __future__ import annotations

import pickle
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from router.artefacts.bundle import Used
from router.codecs import registry
from router.codecs.base import Lane
from router.encoded import EncodedImage
from router.errors import CodecUnavailableError, NoLaneError, RouterError, UsageError
from router.files.addresses import shown
from router.images.sample import ImageSample
from router.limits import DEFAULT_LIMITS, Limits
from router.policy.decision import Decision, MetadataChoice, Reason
from router.policy.engine import Resolver, decide
from router.policy.load import CompiledPolicy, load
from router.policy.receiver import Receiver, ReceiverSource
from router.policy.schema import guard_spec
from router.prediction.costs.predict import ImageShape
from router.prediction.costs.store import load as stored_costs
from router.process.forks import Lock, step
from router.quality.guard import GuardLevel
from router.quality.target import Number, Target
from router.reasons import ReasonCode
from router.record import RecordForm
from router.routing.facts import Facts
from router.routing.fallback import Fallback
from router.routing.forced import forced_decision, with_choices
from router.routing.preparation import prepare
from router.routing.recording import RunFacts
from router.routing.release import release
from router.sinks import Sink, deliver

if TYPE_CHECKING:
    from router.detector.detector import Detector
    from router.detector.report import OodReport
    from router.images.read import ImageSource

DEFAULT_POLICY = "balanced"


class Router:
    """Compresses images by one policy. Reusable and thread-safe; policy, detector and models are loaded once."""

    def __init__(
        self,
        policy: str | Path | Mapping[str, Any] | CompiledPolicy = DEFAULT_POLICY,
        *,
        detector: Detector | str | Path | None = None,
        log: Sink | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Load the policy now, everything else when it is first needed.

        Args:
            policy: shipped name, file, mapping, or a loaded policy.
            detector: a Detector, or the folder of one; the shipped detector by default.
            log: called with the RunRecord of every output. What it raises comes out of `compress` as an OutputNotWritableError,
                with the image in its `encoded`.
            limits: what may be decoded, and how much memory one image may take.

        Raises:
            PolicyError: the policy is missing or invalid, with file, line and field.
        """
        self.policy = policy if isinstance(policy, CompiledPolicy) else load(policy)
        self.limits = limits
        self._detector = self._given_detector = detector
        self._log = log
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """As it was made: what a pickle becomes compiles its policy and loads its detector anew, here or in another process.

        Raises UsageError (BAD_ARGUMENT) if the log cannot be pickled.
        """
        try:
            pickle.dumps(self._log)
        except Exception as error:  # whatever the caller's object raises
            raise UsageError(
                f"a router with this log cannot be pickled: {error}",
                code=ReasonCode.BAD_ARGUMENT,
                hint="Log to router.sinks.JsonLines or a function of a module, or make the router in the other process",
            ) from error
        return {**vars(self), "_detector": self._given_detector}

    @step()
    def compress(
        self,
        src: ImageSource | ImageSample,
        *,
        codec: str | None = None,
        quality: Number | None = None,
        target: Target | Mapping[str, Any] | None = None,
        receiver: ReceiverSource = None,
        context: Mapping[str, Any] | None = None,
        metadata: MetadataChoice | None = None,
        record: RecordForm | None = None,
        settings: Mapping[str, Any] | None = None,
        first_frame: bool = False,
        on_guard_fail: Literal["raise", "release"] = "raise",
    ) -> EncodedImage:
        """Encode one image by the policy, or with `codec` if the caller forces one.

        Args:
            src: path, address (`s3://...`), bytes, binary file object, `PIL.Image`, or ndarray (H, W) or (H, W, C) of uint8 or
                uint16.
            codec: codec id; the policy is then not asked, and the guard still runs.
            quality: SSIMULACRA2 target, 0 to 100. At most one of `quality` and `target`.
            target: {"metric": "ssimulacra2" | "psnr" | "ms-ssim" | "bpp" | "max_bytes", "value": number}.
            receiver: "self", an HTTP Accept value, {"accept": ..., "models": [...]}, or None for unknown. The neural lane
                needs a receiver that is known to decode it.
            context: values for the keys that the policy declares.
            metadata: "keep", "icc" or "strip"; by default what the policy says.
            record: how much of the decision record travels in the file: "full" (about 1.3 kB), "short" (at most 160 bytes) or
                "none"; by default what the policy says, full for a forced codec, and none where metadata is stripped. The
                result's `record` and the log are always full.
            settings: encoder settings for a forced codec; naming its quality knob switches the search off.
            first_frame: take the first frame of an animation instead of refusing it.
            on_guard_fail: for a forced codec, "release" gives the bytes back with the failed guard in the record.

        Raises:
            InputError, LimitError: the source cannot or may not be read. A file whose picture cannot be decoded here goes to the
                policy all the same, which may keep it.
            UsageError: an argument is wrong.
            NoLaneError: every permitted lane failed; `attempts` tells why.
            GuardError, CodecError: a forced codec failed.
            OutputNotWritableError: the log failed; the image is in the error's `encoded`.
        """
        started_at, began = datetime.now(UTC).isoformat(timespec="milliseconds"), time.perf_counter()
        clock = time.monotonic()
        wanted = Target.given(quality, target)
        _check_arguments(metadata, record, settings, on_guard_fail, forced=codec is not None)
        sample = self._read(src, first_frame, undecodable=True)
        read = time.perf_counter()
        report: OodReport | None = None
        accepts: Callable[[str], bool]
        if codec is not None:
            decision, accepts = forced_decision(codec, wanted or self.policy.default_target, settings), _accepts_all
        else:
            parsed = Receiver.parse(receiver)
            decision, report = self._decide(sample, wanted, parsed, context)
            accepts = parsed.accepts
        decision = with_choices(decision, metadata, record)
        decided = time.perf_counter()
        costs = stored_costs()
        prepared = prepare(sample, decision, accepts)
        released_failed = on_guard_fail == "release"
        outcome = Fallback(
            prepared, decision, started=clock, costs=costs, memory=self.limits.memory, release_failed=released_failed
        ).run()
        seconds = {"read": read - began, "decide": decided - read, "encode": time.perf_counter() - decided}
        run = RunFacts(
            shown(src) if isinstance(src, str | PathLike) else None, platform.node(), started_at, seconds, costs.to_dict()
        )
        encoded = release(prepared, decision, outcome, report, run)
        if self._log is not None:
            deliver(self._log, encoded)
        return encoded

    @step()
    def decide(
        self,
        src: ImageSource | ImageSample,
        *,
        quality: Number | None = None,
        target: Target | Mapping[str, Any] | None = None,
        receiver: ReceiverSource = None,
        context: Mapping[str, Any] | None = None,
        first_frame: bool = False,
    ) -> Decision:
        """What the policy says, without encoding. Arguments and errors as in `compress`."""
        sample = self._read(src, first_frame, undecodable=True)
        return self._decide(sample, Target.given(quality, target), Receiver.parse(receiver), context)[0]

    @step()
    def score(self, src: ImageSource | ImageSample, *, heatmap: bool = False, first_frame: bool = False) -> OodReport:
        """The detector's report on one image. Raises InputError, LimitError, ArtefactError."""
        return self._loaded_detector().score(self._read(src, first_frame), heatmap=heatmap)

    def _read(self, src: ImageSource | ImageSample, first_frame: bool, *, undecodable: bool = False) -> ImageSample:
        from router.images.profile import with_usable_profile
        from router.images.read import read

        if isinstance(src, ImageSample):
            return with_usable_profile(src)
        return read(src, limits=self.limits, first_frame=first_frame, undecodable=undecodable)

    def _loaded_detector(self) -> Detector:
        from router.detector.detector import Detector, default_detector

        with self._lock:
            if self._detector is None:
                self._detector = default_detector()
            elif not isinstance(self._detector, Detector):
                self._detector = Detector.load(self._detector)
            return self._detector

    def _decide(
        self, sample: ImageSample, target: Target | None, receiver: Receiver, context: Mapping[str, Any] | None
    ) -> tuple[Decision, OodReport | None]:
        facts = self._facts(sample, target or self.policy.default_target)
        try:
            decision = self._decision(facts.resolve, receiver, target, context)
        except NoLaneError:
            if sample.undecodable is None:
                _ = sample.pixels  # where the picture is damaged, that is the reason, and not that nothing may be made of it
            raise
        if sample.undecodable is not None and all(lane.lane != Lane.PASSTHROUGH for lane in decision.lanes):
            raise sample.undecodable  # nothing that the policy permits can do without pixels
        without = tuple(dict.fromkeys(Reason.done_without(error) for error in facts.problems))
        return replace(decision, reasons=(*decision.reasons, *without), artefacts=tuple(facts.used)), facts.ood_report

    def _decision(
        self, resolve: Resolver, receiver: Receiver, target: Target | None, context: Mapping[str, Any] | None = None
    ) -> Decision:
        return decide(
            self.policy,
            resolve,
            receiver,
            target=target,
            context=context,
            codec_media=_media_type,
            codec_lane=_lane,
            neural_model=_model_id,
        )

    def _facts(self, sample: ImageSample, target: Target) -> Facts:
        """What rules may read about `sample`, if it is to be coded for `target`; nothing is computed yet."""

        def gain(report: OodReport | None) -> tuple[Mapping[str, Any], Used | None]:
            from router.prediction.savings.estimate import gain_used

            return gain_used(sample, target, report)

        def cost() -> Mapping[str, Any]:
            from router.prediction.costs.inputs import cost_inputs

            level = GuardLevel(guard_spec(self.policy.policy.defaults.guard).level)
            return cost_inputs(stored_costs(), ImageShape.of(sample), target, level)

        return Facts(sample, alpha=self.policy.policy.defaults.alpha, score=lambda: self._score(sample), gain=gain, cost=cost)

    def _score(self, sample: ImageSample) -> OodReport:
        return self._loaded_detector().score(sample)


def _accepts_all(media_type: str) -> bool:
    return True


def _media_type(codec_id: str) -> str | None:
    try:
        return registry.get_class(codec_id).media_type
    except CodecUnavailableError:
        return None


def _lane(codec_id: str) -> Lane | None:
    try:
        return registry.get_class(codec_id).lane
    except CodecUnavailableError:
        return None


def _model_id(codec_id: str) -> str | None:
    try:
        model: str | None = registry.get(codec_id).get_config().get("model")
    except RouterError:  # damaged or missing: no lane that names it can succeed, but the others can
        return None
    return model


def _check_arguments(metadata: Any, record: Any, settings: Any, on_guard_fail: Any, *, forced: bool) -> None:
    """Raise UsageError (BAD_ARGUMENT) for values that are none, and for those that do not go together."""
    _check_choice("metadata", metadata, ("keep", "icc", "strip", None))
    _check_choice("record", record, ("full", "short", "none", None))
    if metadata == "strip" and record in ("full", "short"):
        raise UsageError(
            f'metadata "strip" leaves nothing in the file, record "{record}" would',
            code=ReasonCode.BAD_ARGUMENT,
            hint='Choose metadata "icc", which keeps the colour profile only, or leave out the record',
        )
    _check_choice("on_guard_fail", on_guard_fail, ("raise", "release"))
    if not isinstance(settings, Mapping | None):
        raise UsageError(f"settings are a mapping of names to values, not {settings!r}", code=ReasonCode.BAD_ARGUMENT)
    if not forced and (settings is not None or on_guard_fail == "release"):
        which = "settings go" if settings is not None else 'on_guard_fail="release" goes'
        raise UsageError(f"{which} with a forced codec", code=ReasonCode.BAD_ARGUMENT, hint="Pass codec=... too")


def _check_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(repr(a) for a in allowed if a is not None)
        raise UsageError(f"{name} is one of {choices}, not {value!r}", code=ReasonCode.BAD_ARGUMENT)
