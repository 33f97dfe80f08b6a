"""Write `router/bundle.json`: which models and detectors ship together. Run after either of them changed: `make bundle`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from router.codecs.neural.weights import SHIPPED, list_models, verify_model
from router.detector import artefact

_ROOT = Path(__file__).resolve().parents[1] / "router"


def main() -> None:
    cards = [card for card in list_models() if card.folder.parent == SHIPPED]  # not what CODEC_ROUTER_MODELS adds
    for card in cards:
        verify_model(card)
    models = {card.id: card.sha256 for card in cards}
    folders = sorted(file.parent for file in (_ROOT / "detectors").glob(f"*/{artefact.MANIFEST_FILE}"))
    detectors = {folder.name: artefact.read(folder)[0].sha256 for folder in folders}
    parts = json.dumps([models, detectors], sort_keys=True).encode()
    bundle = {"id": f"cr-{hashlib.sha256(parts).hexdigest()[:12]}", "models": models, "detectors": detectors}
    (_ROOT / "bundle.json").write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")
    print(bundle["id"])


if __name__ == "__main__":
    main()
