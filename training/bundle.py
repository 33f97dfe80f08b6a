"""Write `router/artefacts/bundle.json`: what ships together. Run after any of it changed: `make bundle`."""

from __future__ import annotations

import hashlib
import json
import sys

from router.artefacts import BUNDLE, DETECTORS
from router.codecs.neural.weights import SHIPPED, list_models, verify_model
from router.detector import artefact
from router.quality.guard import artefact as guard


def main() -> None:
    cards = [card for card in list_models() if card.folder.parent == SHIPPED]  # not what CODEC_ROUTER_MODELS adds
    for card in cards:
        verify_model(card)
    models = {card.id: card.sha256 for card in cards}
    folders = sorted(file.parent for file in DETECTORS.glob(f"*/{artefact.MANIFEST_FILE}"))
    detectors = {folder.name: artefact.read(folder)[0].sha256 for folder in folders}
    guards = _guards(models)
    parts = json.dumps([models, detectors, guards], sort_keys=True).encode()
    bundle_id = f"cr-{hashlib.sha256(parts).hexdigest()[:12]}"
    bundle = {"id": bundle_id, "models": models, "detectors": detectors, "guards": guards}
    BUNDLE.write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")
    print(bundle["id"])


def _guards(models: dict[str, str]) -> dict[str, str]:
    """Guard id -> SHA-256. Ends the program where one was calibrated on other weights than those that ship."""
    found = [guard.read(file.parent) for file in sorted(guard.SHIPPED.glob(f"*/{guard.FILE}"))]
    for calibration in found:
        if models.get(calibration.model) != calibration.model_sha256:
            sys.exit(
                f"guard {calibration.guard_id} was calibrated on other weights of {calibration.model} than those that ship;"
                f" fit it again: make bundle DATA=DIR, or python -m training.guard.fit"
            )
    if missing := models.keys() - {calibration.model for calibration in found}:
        sys.exit(
            f"no guard is calibrated for {', '.join(sorted(missing))}: make bundle DATA=DIR, or python -m training.guard.fit"
        )
    return {calibration.guard_id: calibration.sha256 for calibration in found}


if __name__ == "__main__":
    main()
