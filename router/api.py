"""The module-level functions: a shared `Router` per policy, so that models and policies are loaded once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from router.encoded import EncodedImage
from router.limits import DEFAULT_LIMITS, Limits
from router.policy.decision import Decision
from router.policy.load import CompiledPolicy
from router.routing.router import DEFAULT_POLICY, Router

if TYPE_CHECKING:
    from router.detector.report import OodReport
    from router.images.read import ImageSource
    from router.images.sample import ImageSample
    from router.policy.decision import MetadataChoice
    from router.policy.receiver import ReceiverSource
    from router.quality.target import Number, Target
    from router.record import RecordForm

Policy = str | Path | Mapping[str, Any] | CompiledPolicy
"""A shipped name, a YAML file, a mapping with a policy file's fields, or a loaded policy."""


def compress(
    src: ImageSource | ImageSample,
    policy: Policy = DEFAULT_POLICY,
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
    limits: Limits = DEFAULT_LIMITS,
) -> EncodedImage:
    """Encode one image by a policy; arguments, result and errors as in `Router.compress`."""
    return _router(policy, limits).compress(
        src,
        codec=codec,
        quality=quality,
        target=target,
        receiver=receiver,
        context=context,
        metadata=metadata,
        record=record,
        settings=settings,
        first_frame=first_frame,
        on_guard_fail=on_guard_fail,
    )


def save(
    src: ImageSource | ImageSample,
    path: str | PathLike[str],
    policy: Policy = DEFAULT_POLICY,
    *,
    overwrite: bool = False,
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
    limits: Limits = DEFAULT_LIMITS,
) -> Path | Any:
    """Encode one image and write it to `path`, with the suffix added unless it is there.

    Returns the path written, a Path; of an address (`s3://...`) its text.

    Arguments and errors as in `Router.compress` and `EncodedImage.save`.
    """
    return compress(
        src,
        policy,
        codec=codec,
        quality=quality,
        target=target,
        receiver=receiver,
        context=context,
        metadata=metadata,
        record=record,
        settings=settings,
        first_frame=first_frame,
        on_guard_fail=on_guard_fail,
        limits=limits,
    ).save(path, overwrite=overwrite)


def decide(
    src: ImageSource | ImageSample,
    policy: Policy = DEFAULT_POLICY,
    *,
    quality: Number | None = None,
    target: Target | Mapping[str, Any] | None = None,
    receiver: ReceiverSource = None,
    context: Mapping[str, Any] | None = None,
    first_frame: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Decision:
    """What a policy says about an image, without encoding; arguments and errors as in `Router.decide`."""
    return _router(policy, limits).decide(
        src, quality=quality, target=target, receiver=receiver, context=context, first_frame=first_frame
    )


def score(src: ImageSource, *, heatmap: bool = False, first_frame: bool = False, limits: Limits = DEFAULT_LIMITS) -> OodReport:
    """How far an image lies from what the neural codec knows; see `Router.score`."""
    return _router(DEFAULT_POLICY, limits).score(src, heatmap=heatmap, first_frame=first_frame)


def _router(policy: Policy, limits: Limits) -> Router:
    if isinstance(policy, str) and "/" not in policy and not policy.endswith((".yaml", ".yml")):
        return _shipped(policy, limits)
    return Router(policy, limits=limits)  # files may change between calls


@functools.lru_cache(maxsize=32)
def _shipped(name: str, limits: Limits) -> Router:
    return Router(name, limits=limits)
