"""Everything that ships as data, and whether it is whole and the bundle's: what `codec-router models verify` goes through."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from router.artefacts import BACKBONES, BUNDLE, DETECTORS, GUARDS, MODELS, SAVINGS_MODELS, SEARCH_MODELS
from router.artefacts.bundle import shipped_bundle, vouch
from router.errors import ArtefactError
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Item:
    """One artefact: its kind as in `Bundle.parts` (or "bundle"), its id, where it lies, and what verifies it.

    `verify` returns the SHA-256 of the contents; it raises ArtefactError where they cannot be used or are not the bundle's.
    """

    kind: str
    id: str
    folder: Path
    verify: Callable[[], str]


def shipped() -> Iterator[Item]:
    """The bundle itself, then all artefacts that ship or that the bundle lists, by kind and id. Nothing is opened yet."""
    yield Item("bundle", BUNDLE.name, BUNDLE, lambda: shipped_bundle().id)
    for kind, (root, read) in _KINDS.items():
        names = {folder.name for folder in root.iterdir() if folder.is_dir()} if root.is_dir() else set()
        for name in sorted(names | _listed(kind)):
            yield Item(kind, name, root / name, functools.partial(_verified, kind, root / name, read))


def _verified(kind: str, folder: Path, read: Callable[[Path], str]) -> str:
    if not folder.is_dir():
        raise ArtefactError(
            f"{kind} {folder.name}: missing, though bundle.json lists it",
            code=ReasonCode.ARTEFACT_DAMAGED,
            hint="Reinstall codec-router",
        )
    sha256 = read(folder)
    vouch(kind, sha256, folder.name)
    return sha256


def _listed(kind: str) -> set[str]:
    try:
        return set(shipped_bundle().parts()[kind])
    except ArtefactError:  # the item of the bundle says so
        return set()


def _model(folder: Path) -> str:
    from router.codecs.neural.weights import ModelCard, verify_model

    card = ModelCard.read(folder)
    verify_model(card)
    return card.sha256


def _detector(folder: Path) -> str:
    from router.detector.artefact import read

    return read(folder)[0].sha256


def _backbone(folder: Path) -> str:
    from router.detector.embeddings.backbone import verified

    return verified(folder)[1]


def _guard(folder: Path) -> str:
    from router.quality.guard.artefact import shipped as read

    return read(folder).sha256


def _search_model(folder: Path) -> str:
    from router.quality.search_model.artefact import read

    return read(folder).sha256


def _gain(folder: Path) -> str:
    from router.prediction.savings.model import read

    return read(folder).sha256


_KINDS: dict[str, tuple[Path, Callable[[Path], str]]] = {
    "models": (MODELS, _model),
    "detectors": (DETECTORS, _detector),
    "backbones": (BACKBONES, _backbone),
    "guards": (GUARDS, _guard),
    "priors": (SEARCH_MODELS, _search_model),
    "gains": (SAVINGS_MODELS, _gain),
}
