"""The bundle: codec weights, detector and calibrations that belong together, named by one id in every record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from router.artefacts import BUNDLE
from router.errors import ArtefactError
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Bundle:
    """Identity of the shipped artefacts; `id` changes whenever one of the hashes does."""

    id: str
    models: dict[str, str]
    """Model id -> SHA-256 of its weights."""
    detectors: dict[str, str]
    """Detector id -> SHA-256 of its content, calibration included."""
    guards: dict[str, str]
    """Guard id -> SHA-256 of its calibration."""
    priors: dict[str, str]
    """Search prior id -> SHA-256 of its content."""
    gains: dict[str, str]
    """Gain model id -> SHA-256 of its content."""

    def holds(self, *, model: str | None, detector: str | None, guard: str | None) -> bool:
        """Whether what was used, by id, belongs to this bundle; None for what was not used."""
        used = ((model, self.models), (detector, self.detectors), (guard, self.guards))
        return all(name is None or name in known for name, known in used)


@cache
def shipped_bundle() -> Bundle:
    """The bundle of this installation. Raises ArtefactError (ARTEFACT_DAMAGED)."""
    try:
        document = json.loads(BUNDLE.read_text(encoding="utf-8"))
        return Bundle(**{part: document[part] for part in ("id", "models", "detectors", "guards", "priors", "gains")})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactError("bundle.json cannot be read", code=ReasonCode.ARTEFACT_DAMAGED) from error
