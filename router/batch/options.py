"""How the images of a run are compressed: plain data that travels to workers, and a key that tells whether two runs are alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from router.files.named import is_folder
from router.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from router.batch.placing import Permit
    from router.batch.row import Row
    from router.batch.task import Task


class Job(Protocol):
    """What a run does with every image: plain data that can be pickled."""

    operation: ClassVar[str]

    def key(self) -> str:
        """Equal where the same sources become the same outputs."""
        ...

    def perform(self, task: Task, key: str, permit: Permit) -> Row:
        """Do it with one image, in whatever process; errors become the row."""
        ...


@dataclass(frozen=True)
class Options:
    """Arguments of `Router` and of its `compress`, the same for every image of a run. Pickled to workers.

    Attributes:
        policy: a shipped name, a file, or a mapping.
        detector: folder or id of a detector; the shipped one by default.
        limits: what may be decoded.
        arguments: of `Router.compress`.
    """

    operation: ClassVar[str] = "compress"

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
            "detector": _contents(self.detector),
            "limits": repr(self.limits),
            "arguments": {k: repr(v) for k, v in sorted((self.arguments or {}).items()) if v is not None},
            "bundle": shipped_bundle().id,
            "version": version("codec-router"),
        }
        return digest(parts)

    def perform(self, task: Task, key: str, permit: Permit) -> Row:
        """See `Job.perform`."""
        from router.batch.work import compress_one

        return compress_one(task, self, key, permit)


def digest(parts: Mapping[str, Any]) -> str:
    """16 hex digits over JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _contents(detector: str | None) -> Any:
    """What tells a detector from others: the id of one that ships, the files of a folder."""
    if detector is None or not is_folder(folder := Path(detector)):
        return detector
    return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(folder.iterdir()) if path.is_file()]
