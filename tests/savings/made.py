"""Images that are numbers: features, and log ratios that depend on some of them."""

from __future__ import annotations

import numpy as np

from router.prediction.savings.artefact import SCHEMA_VERSION, SavingsManifest
from router.prediction.savings.features import EMBEDDING, FEATURES_VERSION, names
from training.savings.measured import SavingsData
from training.savings.regression import CAP, WIDTH

TARGETS = (30.0, 50.0, 70.0)


def made(seed: int, images: int, noise: float = 0.1) -> SavingsData:
    """Ratios rise with the target and with the first feature; noise is larger where the second one is. Features depend on each
    other, as statistics of pictures do: three numbers are behind them all."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(0)
    behind = rng.normal(size=(images, 3))
    mixed = behind @ fixed.normal(size=(3, len(names()) - 2)) + 0.2 * rng.normal(size=(images, len(names()) - 2))
    crop = np.concatenate([behind[:, :2], mixed], axis=1)
    whole = crop + 0.05 * rng.normal(size=crop.shape)
    errors = noise * np.exp(0.7 * crop[:, 1:2]) * rng.normal(size=(images, len(TARGETS)))
    ratios = -0.3 + 0.01 * (np.array(TARGETS) - 30) + 0.3 * np.tanh(crop[:, :1]) + errors
    domain = np.where(np.arange(images) % 3 == 0, "odd", "natural")
    return SavingsData(domain, np.arange(images).astype(str), whole, crop, ratios, TARGETS)


def manifest(**changes: object) -> SavingsManifest:
    """As `training.savings.fit` writes it."""
    values = {
        "schema_version": SCHEMA_VERSION,
        "gain_id": "made",
        "model": "photo-x",
        "model_sha256": "0" * 64,
        "embedding": EMBEDDING,
        "features_version": FEATURES_VERSION,
        "targets": TARGETS,
        "coverage": 0.9,
        "cap": CAP,
        "width": WIDTH / len(names()),
        "provenance": {},
    }
    return SavingsManifest(**(values | changes))  # type: ignore[arg-type]
