"""The guard's verdict on a point: the one place where evaluation calls it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from router.artefacts import GUARDS
from router.codecs.base import Codec
from router.images.sample import Pixels
from router.quality import guard
from router.quality.target import Target

_LEVEL = guard.GuardLevel.FULL
"""What policies ask for by default: the target, and local checks of neural results."""


@dataclass(frozen=True)
class Verdict:
    """Whether the guard would let it pass; `code` is its reason code."""

    passed: bool
    code: str


def verdict(codec: Codec, source: Pixels, decoded: Pixels, score: float) -> Verdict:
    """What the guard says of `decoded`, both (H, W, C) as the codec represents them, if `score` (SSIMULACRA2) was the target.

    Whether another target is reached is left to the caller, who matches scores anyway.
    """
    target = Target.quality(min(max(score, 0.0), 100.0))
    report = guard.check(
        source,
        decoded,
        lane=codec.lane,
        carries=codec.carries,
        level=_LEVEL,
        target=target,
        score=max(score, 0.0),
        model=getattr(codec, "model", None),
    )
    return Verdict(report.passed, str(report.code))


def fingerprint() -> str:
    """Changes with the guard's code and its calibrations."""
    code = Path(guard.__file__)
    files = sorted(code.parent.glob("*.py")) if code.name == "__init__.py" else [code]
    files += sorted(GUARDS.rglob("*.json"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
