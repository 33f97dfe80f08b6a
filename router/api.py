"""The module-level functions: a shared `Router` per policy, so that models and policies are loaded once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.encoded import EncodedImage
from router.images.limits import DEFAULT_LIMITS, Limits
from router.policy.decision import Decision
from router.policy.load import CompiledPolicy
from router.router import DEFAULT_POLICY, Router

if TYPE_CHECKING:
    from router.detector.report import OodReport

Policy = str | Path | Mapping[str, Any] | CompiledPolicy


def compress(src: Any, policy: Policy = DEFAULT_POLICY, *, limits: Limits = DEFAULT_LIMITS, **options: Any) -> EncodedImage:
    """Encode one image by a policy; options, result and errors as in `Router.compress`."""
    return _router(policy, limits).compress(src, **options)


def decide(src: Any, policy: Policy = DEFAULT_POLICY, *, limits: Limits = DEFAULT_LIMITS, **options: Any) -> Decision:
    """What a policy says about an image, without encoding; options and errors as in `Router.decide`."""
    return _router(policy, limits).decide(src, **options)


def score(src: Any, *, heatmap: bool = False, first_frame: bool = False, limits: Limits = DEFAULT_LIMITS) -> OodReport:
    """How far an image lies from what the neural codec knows; see `Router.score`."""
    return _router(DEFAULT_POLICY, limits).score(src, heatmap=heatmap, first_frame=first_frame)


def _router(policy: Policy, limits: Limits) -> Router:
    if isinstance(policy, str) and "/" not in policy and not policy.endswith((".yaml", ".yml")):
        return _shipped(policy, limits)
    return Router(policy, limits=limits)  # files may change between calls


@functools.lru_cache(maxsize=32)
def _shipped(name: str, limits: Limits) -> Router:
    return Router(name, limits=limits)
