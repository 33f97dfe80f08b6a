"""The estimate in policies: shared with the detector, unavailable without a model, and what `balanced` does with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy.facts_for_policies import Facts as Known
from sample_set import Samples
from savings.made import TARGETS, made, manifest

from router.codecs import registry
from router.codecs.neural.weights import find_model
from router.detector.detector import default_detector
from router.detector.embeddings.scene import Scene
from router.detector.patches import extract_patches
from router.errors import ArtefactError
from router.evaluation.comparison.decisions import _KNOWN
from router.images.read import read
from router.policy.engine import decide
from router.policy.inputs import inputs_of, unavailable
from router.policy.load import load
from router.policy.receiver import Receiver
from router.prediction.savings import artefact, estimate
from router.prediction.savings import model as models
from router.prediction.savings.features import FACTS, names, vector
from router.prediction.savings.scene import scene_statistics
from router.quality.target import Target
from router.routing.router import Router
from training.savings.regression import fit

ASKS = {
    "schema_version": 1,
    "name": "asks",
    "rules": [
        {
            "name": "gain",
            "when": "ood.p_value >= 0.0 && gain.available && gain.low <= gain.bytes_saved && gain.bytes_saved <= gain.high",
            "then": {"lanes": [{"lane": "classical", "codecs": ["avif"]}]},
        }
    ],
    "otherwise": {"lanes": [{"lane": "classical", "codecs": ["jpeg"]}]},
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gain model of the installed weights, made of numbers, in place of what ships."""
    card = find_model(registry.get("ncr").get_config()["model"])
    artefact.write(tmp_path / "made", manifest(model=card.id, model_sha256=card.sha256), fit(made(1, 40)).arrays)
    monkeypatch.setattr(models, "SAVINGS_MODELS", tmp_path)
    models.shipped_for.cache_clear()
    yield tmp_path / "made"
    models.shipped_for.cache_clear()


def test_a_policy_reads_the_estimate(samples: Samples, shipped: Path) -> None:
    decision = Router(ASKS).decide(samples["photo_cat"], quality=50)
    assert decision.rule == "gain"
    told = decision.inputs["gain"]
    assert told["low"] <= told["bytes_saved"] <= told["high"] < 1


@pytest.mark.parametrize("target", [{"metric": "psnr", "value": 40.0}, {"metric": "ssimulacra2", "value": TARGETS[-1] + 1}])
def test_it_says_nothing_about_targets_that_it_was_not_fitted_on(samples: Samples, shipped: Path, target: dict) -> None:  # type: ignore[type-arg]
    assert Router(ASKS).decide(samples["photo_cat"], target=target).rule == "otherwise"


def test_without_a_model_of_these_weights_it_is_unavailable(
    samples: Samples, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefact.write(shipped, manifest(model_sha256="f" * 64), fit(made(1, 40)).arrays)
    assert estimate.default_model() is None
    image = read(samples["photo_cat"])
    assert estimate.gain_facts(image, Target.quality(50)) == unavailable("gain")


def test_a_damaged_model_is_done_without_and_named(samples: Samples, shipped: Path) -> None:
    (shipped / artefact.ARRAYS_FILE).write_bytes(b"")
    with pytest.raises(ArtefactError):
        estimate.default_model()
    decision = Router(ASKS).decide(samples["photo_cat"], quality=50)
    assert decision.rule == "otherwise"  # as without a model
    (reason,) = (r for r in decision.reasons if r.code == "ARTEFACT_DAMAGED")
    assert reason.detail.endswith("done without it")


def test_images_that_are_too_small_have_no_estimate(samples: Samples, shipped: Path) -> None:
    small = read(samples["photo_cat"])
    small = small.replace_pixels(small.pixels[:20, :20])
    assert estimate.gain_facts(small, Target.quality(50)) == unavailable("gain")


@pytest.mark.parametrize("name", ["photo_cat", "gray_coins"])
def test_the_detector_and_the_estimate_share_their_work(samples: Samples, name: str) -> None:
    sample = read(samples[name])
    report = default_detector().score(sample)
    kept, alone = scene_statistics(sample, report), scene_statistics(sample)
    assert kept is not None
    assert kept[0] is report.features[Scene.id]
    assert alone is not None
    assert (kept[0] == alone[0]).all()
    assert kept[1] == alone[1]


def test_a_gray_image_lacks_colour_alone(samples: Samples) -> None:
    sample = read(samples["gray_coins"])
    seen = extract_patches(sample)
    found = vector(Scene().embed(seen).whole, seen.gray, sample)
    missing = [name for name, value in zip(names(), found, strict=True) if value != value]
    assert missing
    assert all("colour." in name or "palette." in name for name in missing)
    assert found[len(names()) - len(FACTS) + FACTS.index("gray")] == 1


@pytest.mark.parametrize(("saved", "rule"), [(0.2, "photograph"), (0.1, "doubtful"), (-0.3, "no-gain")])
def test_balanced_asks_for_a_gain(saved: float, rule: str) -> None:
    facts = Known(gain={"available": True, "bytes_saved": saved, "low": saved - 0.1, "high": saved + 0.1})
    decision = decide(load("balanced"), facts, Receiver.parse("self"), neural_model=lambda codec: "m1")
    assert decision.rule == rule
    assert (decision.lane == "neural") == (rule != "no-gain")
    assert (decision.lanes[0].must_save is None) == (rule != "doubtful")


def test_what_the_report_supposes_is_a_whole_group() -> None:
    for group, values in _KNOWN.items():
        assert {entry.name for entry in inputs_of(group)} == set(values)
