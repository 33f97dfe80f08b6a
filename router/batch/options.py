"""How the images of a run are compressed: plain data that travels to workers, and a key that tells whether two runs are alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from router.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True)
class Options:
    """Arguments of `Router` and of its `compress`, the same for every image of a run. Pickled to workers.

    Attributes:
        policy: a shipped name, a file, or a mapping.
        detector: folder or id of a detector; the shipped one by default.
        limits: what may be decoded.
        arguments: of `Router.compress`.
    """

    policy: str | Mapping[str, Any] = "balanced"
    detector: str | None = None
    limits: Limits = DEFAULT_LIMITS
    arguments: Mapping[str, Any] | None = None

    def with_arguments(self, **arguments: Any) -> Options:
        """These options with more arguments of `compress`."""
        return replace(self, arguments={**(self.arguments or {}), **arguments})

    def key(self) -> str:
        """16 hex digits: equal where the same sources become the same outputs.

        Over the policy's content (not its name), detector, limits, arguments, the bundle of artefacts and the package's version.
        Raises PolicyError, ArtefactError.
        """
        from importlib.metadata import version

        from router.artefacts.bundle import shipped_bundle
        from router.policy.load import load

        parts = {
            "policy": load(self.policy).sha256,
            "detector": self.detector,
            "limits": repr(self.limits),
            "arguments": {k: repr(v) for k, v in sorted((self.arguments or {}).items()) if v is not None},
            "bundle": shipped_bundle().id,
            "version": version("codec-router"),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
