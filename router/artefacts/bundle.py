"""The bundle: what ships together (codec weights, detector, calibrations ...), by contents, named by one id in every record.

An id that `bundle.json` lists stands for the contents whose hash stands there and for no others: whoever loads what ships asks
`vouch`, and a record names the bundle only where all that had a part in its result is the bundle's (`Bundle.holds`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from router.artefacts import BUNDLE
from router.errors import ArtefactError
from router.reasons import ReasonCode

_HINT = "Reinstall codec-router; after a new fit, make bundle"


class Used(NamedTuple):
    """An artefact that had a part in a result. `kind`: of `Bundle.parts`; `sha256`: of its contents, "" where not known."""

    kind: str
    id: str
    sha256: str


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
    backbones: dict[str, str] = field(default_factory=dict)
    """Backbone id -> SHA-256 of its weights."""

    def parts(self) -> Mapping[str, dict[str, str]]:
        """Id -> SHA-256, by kind."""
        return {name: part for name, part in vars(self).items() if name != "id"}

    def holds(self, used: Iterable[Used]) -> bool:
        """Whether all of it belongs to this bundle."""
        return all(self.parts().get(one.kind, {}).get(one.id, "") == one.sha256 != "" for one in used)


def bundle_id(parts: Mapping[str, Mapping[str, str]]) -> str:
    """The id of these hashes, by kind and artefact id."""
    return f"cr-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]}"


@cache
def shipped_bundle() -> Bundle:
    """The bundle of this installation. Raises ArtefactError (ARTEFACT_DAMAGED)."""
    try:
        document: dict[str, Any] = json.loads(BUNDLE.read_text(encoding="utf-8"))
        parts = {name: part for name, part in document.items() if name != "id"}
        if any(type(text) is not str for part in parts.values() for text in (*part, *part.values())):
            raise ValueError("a hash is none")
        if document["id"] != bundle_id(parts):
            raise ValueError("its id is not that of its hashes")
        return Bundle(id=document["id"], **parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtefactError("bundle.json cannot be read", code=ReasonCode.ARTEFACT_DAMAGED, hint=_HINT) from error


def vouch(kind: str, sha256: str, *names: str) -> None:
    """Check the contents of a shipped artefact against the bundle.

    `names`: its id, and that of its folder. One that the bundle does not list is none of its own, and not refused.

    Raises ArtefactError (ARTEFACT_DAMAGED) where the bundle lists other contents under a name, or cannot be read.
    """
    known = shipped_bundle().parts()[kind]
    for name in names:
        if known.get(name, sha256) != sha256:
            raise ArtefactError(
                f"{kind} {name}: the contents are not those that bundle.json names", code=ReasonCode.ARTEFACT_DAMAGED, hint=_HINT
            )
