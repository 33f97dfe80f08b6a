"""Write `router/bundle.json`: which models and detectors ship together. Run after either of them changed: `make bundle`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from router.codecs.neural.weights import list_models, verify_model

_ROOT = Path(__file__).resolve().parents[1] / "router"


def main() -> None:
    for card in list_models():
        verify_model(card)
    models = {card.id: card.sha256 for card in list_models()}
    detectors = {
        file.parent.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((_ROOT / "detectors").glob("*/detector.safetensors"))
    }
    parts = json.dumps([models, detectors], sort_keys=True).encode()
    bundle = {"id": f"cr-{hashlib.sha256(parts).hexdigest()[:12]}", "models": models, "detectors": detectors}
    (_ROOT / "bundle.json").write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")
    print(bundle["id"])


if __name__ == "__main__":
    main()
