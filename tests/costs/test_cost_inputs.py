"""`cost.*` in policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cost_files import entry, known, model

import router
from router.policy.inputs import FAR_OUT
from router.prediction.costs import store
from router.prediction.costs.model import CODEC, GUARD, SCORE, CostLine
from router.prediction.costs.predict import EXPECTED_ENCODINGS

ALL = "cost.available && cost.neural_encode_ms < {0} && cost.neural_decode_ms < {0} && cost.classical_encode_ms < {0}"


def decide(pixels: np.ndarray, when: str) -> router.Decision:
    action = {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}
    rules = [{"name": "asked", "when": when, "then": action}]
    policy = {"schema_version": 1, "name": "costly", "rules": rules, "otherwise": action}
    return router.decide(pixels, policy=policy, receiver="self")


def inputs(pixels: np.ndarray) -> dict[str, Any]:
    return dict(decide(pixels, ALL.format("1e300")).inputs["cost"])


def test_nothing_is_known(photo: np.ndarray) -> None:
    decision = decide(photo, ALL.format("1e200"))
    assert decision.rule == "otherwise"
    assert decision.inputs["cost"]["available"] is False


def test_what_was_measured_is_what_rules_read(photo: np.ndarray) -> None:
    megapixels = photo.shape[0] * photo.shape[1] / 1e6
    store.save(
        model(
            entry(CODEC, "ncr", setup=CostLine(1.0, 0.0), encode=CostLine(0.0, 10.0), decode=CostLine(0.25, 20.0)),
            entry(CODEC, "avif", encode=CostLine(2.0, 0.0)),
            entry(SCORE, "ssimulacra2", reference=CostLine(0.5, 0.0), score=CostLine(0.125, 0.0)),
            entry(GUARD, "full", check=CostLine(0.75, 0.0)),
        )
    )
    found = inputs(photo)
    n = EXPECTED_ENCODINGS
    assert found["available"] is True
    assert found["neural_encode_ms"] == pytest.approx(1000 * (1 + 0.5 + 0.75 + n * (0.25 + 30 * megapixels + 0.125)))
    assert found["neural_decode_ms"] == pytest.approx(1000 * (0.25 + 20 * megapixels))
    assert found["classical_encode_ms"] == pytest.approx(1000 * (0.5 + n * 2.125))
    assert decide(photo, ALL.format("1e200")).rule == "asked"


def test_one_that_is_not_known_is_worse_than_any(photo: np.ndarray) -> None:
    known(avif=1.0)
    found = inputs(photo)
    assert found["neural_encode_ms"] == found["neural_decode_ms"] == FAR_OUT
    assert found["classical_encode_ms"] < FAR_OUT


def test_a_void_model_is_none(photo: np.ndarray) -> None:
    made = known(avif=1.0)
    store.save(replace(made, entries=tuple(replace(e, versions={"pillow": "0"}) for e in made.entries)))
    assert decide(photo, "cost.available").rule == "otherwise"
