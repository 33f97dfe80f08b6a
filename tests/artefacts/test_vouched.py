"""What ships is what `bundle.json` names; what cannot be used is done without and named, and closes what depends on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sample_set import Samples
from typer.testing import CliRunner

import router
from router import artefacts, inventory
from router.artefacts import bundle
from router.cli.main import app
from router.codecs.neural import weights
from router.detector.detector import Detector, default_detector
from router.detector.embeddings import backbone
from router.errors import ArtefactError
from router.images.read import read
from router.images.sample import Pixels
from router.prediction.savings import artefact as gain_artefact
from router.prediction.savings import model as gain_model
from router.quality.guard import artefact as guard_artefact
from router.quality.guard import calibration_for
from router.quality.search_model import artefact as prior_artefact
from router.quality.search_model import search_model_for

KINDS = ("models", "detectors", "backbones", "guards", "priors", "gains")
DAMAGES = ("cut", "empty", "missing", "other contents")


class Copy:
    """Artefacts in a folder of the test's own, in the place of those that ship."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._patch = monkeypatch
        monkeypatch.setattr("router.codecs.registry._instances", {})
        monkeypatch.setattr(weights, "_LOADED", {})

    def take(self, *kinds: str) -> Copy:
        """Copy these kinds, and use the copies from now on."""
        for kind in kinds:
            if kind == "bundle":
                shutil.copy(artefacts.BUNDLE, self.root / "bundle.json")
                places = {"router.artefacts.bundle.BUNDLE": self.root / "bundle.json"}
            else:
                shutil.copytree(artefacts.BUNDLE.parent / kind, self.root / kind)
                inventory._KINDS[kind] = (self.root / kind, inventory._KINDS[kind][1])
                places = {name: self.root / kind / below for name, below in _PLACES[kind].items()}
            for name, place in places.items():
                self._patch.setattr(name, place)
        return self

    def folder(self, kind: str) -> Path:
        """The first artefact of a kind."""
        return next(path for path in sorted((self.root / kind).iterdir()) if path.is_dir())

    def damage(self, kind: str, how: str) -> None:
        """Of every artefact of a kind; "other contents" are whole, under the same id."""
        for folder in (path for path in (self.root / kind).iterdir() if path.is_dir()):
            if how == "other contents":
                _OTHER[kind](folder)
                continue
            file = next(path for path in sorted(folder.iterdir()) if path.suffix == ".json" and path.stem != "foreign")
            data = file.read_bytes()
            if how == "missing":
                weights_ = [path for path in folder.iterdir() if path.suffix == ".safetensors"]
                (weights_[0] if weights_ else file).unlink()
            else:
                file.write_bytes(data[: len(data) // 2] if how == "cut" else b"")


def _other_guard(folder: Path) -> None:
    found = guard_artefact.read(folder)
    guard_artefact.write(folder, found.model_copy(update={"levels": tuple(level + 50 for level in found.levels)}))


def _other_prior(folder: Path) -> None:
    found = prior_artefact.read(folder)
    prior_artefact.write(folder, found.manifest, found.arrays | {"mean": found.arrays["mean"] + 1})


def _other_gain(folder: Path) -> None:
    manifest = gain_artefact.read_manifest(folder)
    arrays = gain_artefact.read_arrays(folder, manifest)
    gain_artefact.write(folder, manifest, arrays | {"offset": arrays["offset"] - 1})


def _other_detector(folder: Path) -> None:
    from router.detector import artefact

    manifest, arrays = artefact.read(folder)
    artefact.write(folder, manifest.model_copy(update={"alpha": 0.001}), arrays)


def _other_weights(folder: Path, card: str, field: str, weights_: str) -> None:
    import hashlib

    from safetensors.numpy import load, save

    arrays = load((folder / weights_).read_bytes())
    name = next(name for name, array in sorted(arrays.items()) if array.dtype.kind == "f")
    data = save(arrays | {name: arrays[name] * 0})
    (folder / weights_).write_bytes(data)
    content = json.loads((folder / card).read_text("utf-8"))
    (folder / card).write_text(json.dumps(content | {field: hashlib.sha256(data).hexdigest()}), "utf-8")


_OTHER: dict[str, Callable[[Path], None]] = {
    "guards": _other_guard,
    "priors": _other_prior,
    "gains": _other_gain,
    "detectors": _other_detector,
    "models": lambda folder: _other_weights(folder, weights.CARD_FILE, "sha256", weights.WEIGHTS_FILE),
    "backbones": lambda folder: _other_weights(folder, backbone.CARD_FILE, "weights_sha256", backbone.WEIGHTS_FILE),
}


_PLACES: dict[str, dict[str, str]] = {
    "models": {"router.codecs.neural.weights.MODELS": "", "router.codecs.neural.codec.MODELS": "", "router.artefacts.MODELS": ""},
    "detectors": {"router.detector.detector.DETECTORS": ""},
    "backbones": {"router.detector.embeddings.backbone.FOLDER": backbone.FOLDER.name},
    "guards": {"router.quality.guard.artefact.SHIPPED": ""},
    "priors": {"router.quality.search_model.shipped.SEARCH_MODELS": ""},
    "gains": {"router.prediction.savings.model.SAVINGS_MODELS": ""},
}


def _forget() -> None:
    """What this process has read already."""
    for one in (bundle.shipped_bundle, calibration_for, gain_model.shipped_for, default_detector, backbone.Backbone.load):
        one.cache_clear()


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copy]:
    monkeypatch.setattr(inventory, "_KINDS", dict(inventory._KINDS))
    _forget()
    yield Copy(tmp_path, monkeypatch)
    _forget()


@cache
def _photo(path: str) -> Pixels:
    return np.ascontiguousarray(cv2.resize(read(path).pixels, (96, 80), interpolation=cv2.INTER_AREA))


def _loads(kind: str) -> object:
    """As whoever encodes loads it."""
    if kind == "models":
        return router.compress(np.zeros((16, 16, 3), np.uint8), codec="ncr", settings={"rate": 30_000}, on_guard_fail="release")
    if kind == "guards":
        return calibration_for(weights.newest_shipped())
    if kind == "priors":
        return search_model_for(None, 1000)
    if kind == "gains":
        card = weights.list_models()[0]
        return gain_model.shipped_for(card.id, card.sha256)
    return Detector.load()


@pytest.mark.parametrize("kind", KINDS)
def test_other_contents_under_a_shipped_id_are_refused(copied: Copy, kind: str) -> None:
    copied.take(kind).damage(kind, "other contents")
    with pytest.raises(ArtefactError) as refused:
        _loads(kind)
    assert refused.value.code == "ARTEFACT_DAMAGED"
    assert "bundle.json" in refused.value.message


def test_an_id_that_the_bundle_does_not_list_is_not_refused_and_not_the_bundles(copied: Copy, samples: Samples) -> None:
    folder = copied.take("guards").folder("guards")
    found = guard_artefact.read(folder)
    own = guard_artefact.write(copied.root / "guards" / "mine", found.model_copy(update={"guard_id": "mine"}))
    shutil.rmtree(folder)
    assert calibration_for(found.model) == own
    record = router.compress(_photo(str(samples["photo_coffee"])), codec="ncr", quality=40, on_guard_fail="release").record
    assert record.guard is not None
    assert record.guard.calibration == "mine"
    assert record.bundle is None


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_artefact_costs_no_more_than_what_depends_on_it(copied: Copy, samples: Samples, kind: str, how: str) -> None:
    pixels = _photo(str(samples["photo_coffee"]))
    copied.take(kind).damage(kind, how)
    plain = router.compress(pixels, codec="avif", quality=50)
    assert plain.record.target is not None
    assert plain.record.target.outcome in ("within", "cheapest")
    assert ("ARTEFACT_DAMAGED" in {r.code for r in plain.record.reasons}) == (kind == "priors")
    assert (plain.record.bundle is None) == (kind == "priors")


@pytest.mark.parametrize(
    ("kind", "how", "lane"),
    [
        ("priors", "cut", "neural"),
        ("gains", "other contents", None),
        ("gains", "missing", None),
        ("guards", "other contents", "classical"),
        ("detectors", "empty", "classical"),
        ("backbones", "missing", "classical"),
        ("models", "other contents", "classical"),
        ("models", "cut", "classical"),
    ],
)
def test_balanced_goes_on_without_it_and_the_record_says_so(
    copied: Copy, samples: Samples, kind: str, how: str, lane: str | None
) -> None:
    source = np.ascontiguousarray(read(samples["photo_coffee"]).pixels[:160, :160])
    before = router.Router("balanced").compress(source, receiver="self", quality=50)
    assert before.record.bundle is not None
    _forget()
    copied.take(kind).damage(kind, how)
    after = router.Router("balanced").compress(source, receiver="self", quality=50)
    codes = {reason.code for reason in after.record.reasons}
    assert "ARTEFACT_DAMAGED" in codes
    assert after.record.bundle is None
    assert (
        after.record.lane in ("neural", "classical")
        if lane is None or before.record.lane != "neural"
        else after.record.lane == lane
    )
    assert len(after.data) < 2 * len(before.data)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id": 1}', None])
def test_without_the_bundle_nothing_is_vouched_for_and_pictures_are_coded(
    copied: Copy, samples: Samples, text: str | None
) -> None:
    copied.take("bundle")
    if text is None:  # an id that is not that of its hashes
        content = json.loads((copied.root / "bundle.json").read_text("utf-8"))
        content["guards"] = dict.fromkeys(content["guards"], "0" * 64)
        text = json.dumps(content)
    (copied.root / "bundle.json").write_text(text, "utf-8")
    with pytest.raises(ArtefactError):
        bundle.shipped_bundle()
    encoded = router.compress(_photo(str(samples["photo_coffee"])), codec="jpeg", quality=50)
    assert encoded.record.bundle is None
    assert [r.code for r in encoded.record.reasons].count("ARTEFACT_DAMAGED") == 1
    with pytest.raises(ArtefactError):
        router.compress(_photo(str(samples["photo_coffee"])), codec="ncr", quality=40)


def _verify(*options: str) -> Any:
    return CliRunner().invoke(app, ["models", "verify", *options])


@pytest.mark.parametrize("kind", KINDS)
def test_verify_names_whatever_is_not_intact(copied: Copy, kind: str) -> None:
    folder = copied.take(kind).folder(kind)
    intact = _verify()
    assert intact.exit_code == 0
    assert all(f"{other} " in intact.output for other in KINDS if other != "models")
    copied.damage(kind, "other contents")
    done = _verify("--json")
    assert done.exit_code != 0
    failed = [one for one in map(json.loads, done.stdout.splitlines()) if not one["ok"]]
    assert str(folder) in {one["input"] for one in failed}
    assert {one["error"]["code"] for one in failed} == {"ARTEFACT_DAMAGED"}


def test_verify_names_what_is_listed_and_not_there(copied: Copy) -> None:
    shutil.rmtree(copied.take("gains").folder("gains"))
    assert "missing" in _verify("--json").stdout
