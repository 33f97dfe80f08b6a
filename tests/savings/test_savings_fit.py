"""Fitting the gain model: what is measured, and the figures that it is judged by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation.pieces import crop
from hypothesis import given
from hypothesis import strategies as st
from savings.made import made

from router.codecs import registry
from router.codecs.neural.weights import find_model
from router.evaluation.measure.folder import MeasuredImage as Done
from router.prediction.savings.features import names
from router.prediction.savings.model import read
from training.savings.fit import write
from training.savings.measured import measure
from training.savings.report import errors, rule

ratios = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=60)


def test_images_are_measured_once(samples: object, tmp_path: Path) -> None:
    crop(tmp_path / "dev" / "natural", "photo_cat", 96)
    crop(tmp_path / "dev" / "graphic", "map_districts", 96)
    encoded: list[int] = []

    def tell(done: Done) -> None:
        encoded.append(done.encoded)

    first = measure(tmp_path / "dev", tmp_path / "cache", targets=(50.0, 70.0), side=64, tell=tell)
    assert sorted(first.domain) == ["graphic", "natural"]
    assert first.whole.shape == first.crop.shape == (2, len(names()))
    assert first.ratios.shape == (2, 2)
    assert not np.isnan(first.ratios).any()
    assert not np.array_equal(first.whole, first.crop)
    assert sum(encoded) > 0
    encoded.clear()
    again = measure(tmp_path / "dev", tmp_path / "cache", targets=(50.0, 70.0), side=64, tell=tell)
    assert sum(encoded) == 0
    np.testing.assert_array_equal(again.ratios, first.ratios)
    assert first.rows(first.domain == "natural").image.tolist() == ["photo_cat.png"]


def test_the_artefact_names_the_installed_weights(tmp_path: Path) -> None:
    lines = write(tmp_path / "gain-x", made(1, 60))
    model = read(tmp_path / "gain-x")
    card = find_model(registry.get("ncr").get_config()["model"])
    assert (model.id, model.model, model.model_sha256) == ("gain-x", card.id, card.sha256)
    assert model.sha256 in lines[0]
    found = model.manifest.provenance["held_out"]["photographs"]["50"]
    assert found["images"] == 40
    assert found["r2"] > 0.2
    assert 0.7 <= found["coverage"] <= 1
    assert model.manifest.provenance["images"] == {"natural": 40, "odd": 20}


@given(ratios)
def test_no_rule_beats_perfect_knowledge(pairs: list[tuple[float, float]]) -> None:
    y, said = (np.array(column) for column in zip(*pairs, strict=True))
    found = rule(y, said)
    assert found["bytes_perfect"] <= min(found["bytes_by_rule"], found["bytes_always_neural"]) + 1e-12
    assert 0 <= found.get("auc", 0.5) <= 1


@given(ratios)
def test_perfect_estimates_lose_nothing(pairs: list[tuple[float, float]]) -> None:
    y = np.array([a for a, _ in pairs])
    found = rule(y, y)
    assert found["bytes_by_rule"] == pytest.approx(found["bytes_perfect"])
    assert errors(y, y)["mae"] == 0


def test_the_area_under_the_curve_counts_pairs() -> None:
    y, said = np.array([-0.2, -0.1, 0.1, 0.3]), np.array([-0.3, 0.2, 0.1, 0.4])
    assert rule(y, said)["auc"] == pytest.approx(3 / 4)
