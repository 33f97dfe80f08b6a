"""Write `router/artefacts/bundle.json`: what ships together. Run after any of it changed: `make bundle`.

    python -m training.bundle [--partial] [--newest ID]

`--partial`: while artefacts are being made anew one after the other, those that do not go with the weights yet are left out: what
the bundle lists with other contents is refused, what it does not list is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from router.artefacts import BACKBONES, BUNDLE, DETECTORS, GUARDS, MODELS, SAVINGS_MODELS, SEARCH_MODELS
from router.artefacts.bundle import bundle_id
from router.codecs.neural.weights import list_models, newest_shipped, verify_model
from router.detector import artefact as detector
from router.detector.embeddings import backbone
from router.prediction.savings import artefact as gain
from router.quality.guard import artefact as guard
from router.quality.search_model import artefact as prior


class OfWeights(Protocol):
    """An artefact that was made with one neural model's weights."""

    @property
    def sha256(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def model_sha256(self) -> str | None: ...


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--partial", action="store_true")
    ap.add_argument("--newest", metavar="ID")
    args = ap.parse_args(arguments)
    partial = args.partial
    if args.newest not in (None, newest := newest_shipped()):
        sys.exit(f"the newest model is {newest} and not {args.newest}: the card's `released` decides")
    cards = [card for card in list_models() if card.folder.parent == MODELS]  # not what CODEC_ROUTER_MODELS adds
    for card in cards:
        verify_model(card)
    models = {card.id: card.sha256 for card in cards}
    parts = {
        "models": models,
        "detectors": {folder.name: detector.read(folder)[0].sha256 for folder in _folders(DETECTORS, detector.MANIFEST_FILE)},
        "guards": _of_weights(models, GUARDS, guard.FILE, guard.read, "training.guard.fit", partial),
        "priors": _of_weights(models, SEARCH_MODELS, prior.MANIFEST_FILE, prior.read, "training.search.fit --only ncr", partial),
        "gains": _of_weights(models, SAVINGS_MODELS, gain.MANIFEST_FILE, gain.read_manifest, "training.savings.fit", partial),
        "backbones": {folder.name: backbone.verified(folder)[1] for folder in _folders(BACKBONES, backbone.CARD_FILE)},
    }
    bundle = {"id": bundle_id(parts), **parts}
    BUNDLE.write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")
    print(bundle["id"])


def _of_weights(
    models: dict[str, str], root: Path, manifest: str, read: Callable[[Path], OfWeights], fit: str, partial: bool
) -> dict[str, str]:
    """Id -> SHA-256.

    Ends the program where one was made with other weights than those that ship, or a model has none; such are left out where
    `partial`.
    """
    found = {folder.name: read(folder) for folder in _folders(root, manifest)}
    if partial:
        return {name: one.sha256 for name, one in found.items() if models.get(one.model or "") == one.model_sha256}
    again = f"make bundle DATA=DIR, or python -m {fit}"
    for name, one in found.items():
        if one.model is None or models.get(one.model) != one.model_sha256:
            sys.exit(f"{root.name}/{name} was made with other weights of {one.model} than those that ship; again: {again}")
    if missing := models.keys() - {one.model for one in found.values()}:
        sys.exit(f"{root.name} holds nothing for {', '.join(sorted(missing))}: {again}")
    return {name: one.sha256 for name, one in found.items()}


def _folders(root: Path, manifest: str) -> list[Path]:
    return sorted(file.parent for file in root.glob(f"*/{manifest}"))


if __name__ == "__main__":
    main()
