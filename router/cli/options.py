"""Options that several commands share, and their parsing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from router.cli.address_paths import as_path
from router.errors import UsageError
from router.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.detector.detector import Detector
    from router.policy.compiled import CompiledPolicy
    from router.policy.receiver import Receiver
    from router.quality.target import Target

Inputs = Annotated[
    list[Path],
    typer.Argument(
        help="Files, addresses (s3://...) or folders; folders are searched for images. - is standard input.",
        metavar="IN...",
        parser=as_path,
    ),
]
SomeInputs = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Files, addresses (s3://...) or folders; folders are searched for images. - is one image from standard input.",
        metavar="IN...",
        parser=as_path,
        show_default=False,
    ),
]
FilesFromOption = Annotated[
    Path | None,
    typer.Option("--files-from", metavar="FILE", help="Take inputs from this list too, a path a line; - is standard input."),
]
NullOption = Annotated[bool, typer.Option("--null", "-0", help="Paths in --files-from end with NUL, as `find -print0` has them.")]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Worker processes for many inputs; all CPUs by default.", show_default=False),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="What takes longer fails; the others go on.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-failed", help="Try again what failed in an earlier run into the same folder.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="A run's whole table; its first 30 rows by default.")]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics", metavar="[HOST:]PORT", help="Serve figures of the run for Prometheus; on loopback unless a host is named."
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
OutputOrPipeOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Output file for one input (the format's suffix is added unless it is there), else a folder. - is standard output.",
    ),
]
OutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Output file for one input (the format's suffix is added unless it is there), else a folder.",
    ),
]
PolicyOption = Annotated[str, typer.Option("--policy", "-p", help="Shipped policy name, or a YAML file.")]
QualityOption = Annotated[
    float | None, typer.Option("--quality", "-q", help="SSIMULACRA2 target: 90 visually lossless, 70 high, 50 medium.")
]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="Another target, METRIC=VALUE: psnr, ms-ssim, bpp, max_bytes, ssimulacra2.")
]
ReceiverOption = Annotated[
    str | None, typer.Option("--receiver", help="'self', or the receiver's HTTP Accept value. The neural lane needs one.")
]
ReceiverModelOption = Annotated[
    list[str] | None,
    typer.Option("--receiver-model", help="Id of a neural model that this receiver holds; repeatable, with an Accept value."),
]
ContextOption = Annotated[
    list[str] | None, typer.Option("--context", "-c", help="KEY=VALUE for a context key that the policy declares; repeatable.")
]
DetectorOption = Annotated[
    str | None, typer.Option("--detector", help="Folder or id of a detector, see `fit`; the shipped one by default.")
]
RecordOption = Annotated[
    str | None,
    typer.Option(
        "--record",
        help="Decision record in the file: full (1.3 kB), short (at most 160 bytes) or none; the policy's choice by default.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per input on standard output and nothing else.")]
NoLimitsOption = Annotated[bool, typer.Option("--no-limits", help="Lift the limits on pixels, sides, file size and memory.")]
FirstFrameOption = Annotated[bool, typer.Option("--first-frame", help="Take the first frame of an animation.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing outputs (never an input).")]
ForceAgainOption = Annotated[
    bool, typer.Option("--force", "-f", help="Overwrite existing outputs (never an input), and do again what is done.")
]


def detector_from(name: str | None) -> Detector | None:
    """The detector of --detector, loaded and verified now: one that was asked for must not be missing silently.

    Raises UsageError, ArtefactError.
    """
    from router.detector.detector import Detector

    return None if name is None else Detector.load(name)


def files_of(policy: str | None, detector: str | None) -> Iterator[Path]:
    """The files that --policy and --detector read."""
    from router.files.named import is_folder
    from router.policy.load import policy_file

    if policy is not None:
        yield policy_file(policy)
    if detector is not None and is_folder(folder := Path(detector)):
        yield from folder.iterdir()


def limits_from(no_limits: bool) -> Limits:
    """The default limits, or none."""
    return NO_LIMITS if no_limits else DEFAULT_LIMITS


def target_from(quality: float | None, text: str | None) -> Target | None:
    """The target of --quality or of --target METRIC=VALUE, None for neither. Raises UsageError."""
    from router.quality.target import Target

    if quality is not None and text is not None:
        raise UsageError("--quality and --target exclude each other", code=ReasonCode.BAD_ARGUMENT)
    if text is None:
        return None if quality is None else Target.quality(quality)
    metric, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise UsageError(
            f"--target {text!r} is not METRIC=VALUE", code=ReasonCode.BAD_ARGUMENT, hint="For example --target psnr=40"
        ) from None
    return Target.parse({"metric": metric.strip(), "value": number})


def receiver_from(text: str | None, models: list[str] | None) -> Receiver:
    """What --receiver and --receiver-model say. Raises UsageError."""
    from router.policy.receiver import Receiver

    if not models:
        return Receiver.parse(text)
    if text is None or text == "self":
        raise UsageError(
            "--receiver-model goes with an Accept value in --receiver",
            code=ReasonCode.BAD_ARGUMENT,
            hint="For example --receiver 'image/x-ncr, image/*'",
        )
    return Receiver.parse({"accept": text, "models": models})


def context_from(policy: CompiledPolicy, pairs: list[str] | None) -> dict[str, Any] | None:
    """Parse KEY=VALUE pairs; the policy's declarations give the values their types. Raises UsageError."""
    from router.policy.context import parse_context

    context: dict[str, str] = {}
    for pair in pairs or []:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise UsageError(f"--context {pair!r} is not KEY=VALUE", code=ReasonCode.BAD_ARGUMENT)
        if key in context:
            raise UsageError(f"--context names {key!r} twice", code=ReasonCode.BAD_ARGUMENT)
        context[key] = value
    return parse_context(policy.policy, context) if context else None


def metadata_from(text: str | None) -> str | None:
    """The checked --metadata. Raises UsageError."""
    from router.policy.decision import MetadataChoice

    if text is not None and text not in get_args(MetadataChoice):
        choices = ", ".join(get_args(MetadataChoice))
        raise UsageError(f"--metadata is one of {choices}, not {text!r}", code=ReasonCode.BAD_ARGUMENT)
    return text


def record_from(text: str | None) -> str | None:
    """The checked --record. Raises UsageError."""
    from router.record import RecordForm

    if text is not None and text not in get_args(RecordForm):
        choices = ", ".join(get_args(RecordForm))
        raise UsageError(f"--record is one of {choices}, not {text!r}", code=ReasonCode.BAD_ARGUMENT)
    return text
