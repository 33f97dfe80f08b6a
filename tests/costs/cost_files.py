"""Cost models with numbers of the test's choice, stored where the package looks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.codecs import registry
from router.prediction.costs import store
from router.prediction.costs.machine import this_machine, versions
from router.prediction.costs.model import CODEC, GUARD, PARTS, SCORE, Band, CostEntry, CostLine, CostModel
from router.prediction.costs.predict import configuration

NOTHING = CostLine(0.0, 0.0)
BAND = Band(0.8, 1.5)


def entry(kind: str, name: str, settings: Mapping[str, Any] | None = None, **parts: CostLine) -> CostEntry:
    """An entry that holds here; parts that are not named cost nothing."""
    return CostEntry(
        kind=kind,
        name=name,
        settings=configuration(registry.get(name), settings or {}) if kind == CODEC else {},
        parts={part: parts.get(part, NOTHING) for part in PARTS[kind]},
        band=BAND,
        samples=9,
        megapixels=1.0,
        versions=versions(kind, name),
    )


def model(*entries: CostEntry) -> CostModel:
    """These entries, and metrics and guard at no cost where no entry is about them."""
    given = {e.key for e in entries}
    free = [entry(SCORE, m) for m in ("ssimulacra2", "psnr", "ms-ssim")] + [entry(GUARD, g) for g in ("fast", "full")]
    return CostModel(this_machine(), "2026-01-01T00:00:00+00:00", 0.0, 1.0, (*entries, *(e for e in free if e.key not in given)))


def known(**seconds: float) -> CostModel:
    """Store a model in which an encoding with this codec (`-` written `_`) takes so many seconds, whatever the size."""
    made = model(*(entry(CODEC, name.replace("_", "-"), encode=CostLine(value, 0.0)) for name, value in seconds.items()))
    store.save(made)
    return made
