"""Options that several commands share, and their parsing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.errors import UsageError
from router.images.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.policy.compiled import CompiledPolicy

Inputs = Annotated[list[Path], typer.Argument(help="Files or folders; folders are searched for images.", metavar="IN...")]
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
ContextOption = Annotated[
    list[str] | None, typer.Option("--context", "-c", help="KEY=VALUE for a context key that the policy declares; repeatable.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per input on standard output and nothing else.")]
NoLimitsOption = Annotated[bool, typer.Option("--no-limits", help="Lift the limits on pixels, sides and file size.")]
FirstFrameOption = Annotated[bool, typer.Option("--first-frame", help="Take the first frame of an animation.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing outputs.")]


def limits_from(no_limits: bool) -> Limits:
    """The default limits, or none."""
    return NO_LIMITS if no_limits else DEFAULT_LIMITS


def target_from(text: str | None) -> dict[str, Any] | None:
    """Parse METRIC=VALUE. Raises UsageError."""
    if text is None:
        return None
    metric, _, value = text.partition("=")
    try:
        return {"metric": metric, "value": float(value)}
    except ValueError:
        raise UsageError(f"--target {text!r} is not METRIC=VALUE", code=ReasonCode.BAD_ARGUMENT) from None


def context_from(policy: CompiledPolicy, pairs: list[str] | None) -> dict[str, Any] | None:
    """Parse KEY=VALUE pairs; the policy's declarations give the values their types. Raises UsageError."""
    from router.policy.context import parse_context

    context: dict[str, str] = {}
    for pair in pairs or []:
        key, separator, value = pair.partition("=")
        if not separator or not key or key in context:
            raise UsageError(f"--context {pair!r} is not KEY=VALUE, or repeats a key", code=ReasonCode.BAD_ARGUMENT)
        context[key] = value
    return parse_context(policy.policy, context) if context else None
