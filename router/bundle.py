"""The bundle: codec weights, detector and calibrations that belong together, named by one id in every record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from router.errors import ArtefactError
from router.reasons import ReasonCode

_FILE = Path(__file__).with_name("bundle.json")


@dataclass(frozen=True)
class Bundle:
    """Identity of the shipped artefacts; `id` changes whenever one of the hashes does."""

    id: str
    models: dict[str, str]
    """Model id -> SHA-256 of its weights."""
    detectors: dict[str, str]
    """Detector id -> SHA-256 of its content, calibration included."""

    def holds(self, *, model: str | None, detector: str | None) -> bool:
        """Whether what was used, by id, belongs to this bundle; None for what was not used."""
        return (model is None or model in self.models) and (detector is None or detector in self.detectors)


@cache
def shipped_bundle() -> Bundle:
    """The bundle of this installation. Raises ArtefactError (ARTEFACT_DAMAGED)."""
    try:
        document = json.loads(_FILE.read_text(encoding="utf-8"))
        return Bundle(id=document["id"], models=document["models"], detectors=document["detectors"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactError("bundle.json cannot be read", code=ReasonCode.ARTEFACT_DAMAGED) from error
