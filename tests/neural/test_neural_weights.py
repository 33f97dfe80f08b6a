"""Model folders: listing, verifying, loading, damage."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.errors import ArtefactError, ModelError
from router.reasons import ReasonCode


@pytest.fixture
def copied(codec: NeuralCodec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped model under another id, in a folder that the environment names."""
    folder = tmp_path / "models" / "copy.one"
    shutil.copytree(weights.find_model(codec.model).folder, folder)
    card = json.loads((folder / weights.CARD_FILE).read_text("utf-8"))
    (folder / weights.CARD_FILE).write_text(json.dumps(card | {"id": "copy.one"}), "utf-8")
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path / "models"))
    return folder


def test_shipped_models_are_whole() -> None:
    cards = weights.list_models()
    assert weights.newest_shipped() in {c.id for c in cards}
    for card in cards:
        weights.verify_model(card)
        assert card.weights_file.stat().st_size == card.size <= 12_000_000
        assert card.rates >= 2
        assert card.licence
        assert card.training_data


def test_the_environment_adds_models_but_not_the_default(copied: Path, codec: NeuralCodec) -> None:
    assert "copy.one" in {c.id for c in weights.list_models()}
    assert NeuralCodec() == codec
    assert weights.load_model("copy.one").card.folder == copied


def test_one_flipped_byte_is_found(copied: Path) -> None:
    file = copied / weights.WEIGHTS_FILE
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    for act in (lambda: weights.verify_model(weights.find_model("copy.one")), lambda: weights.load_model("copy.one")):
        with pytest.raises(ArtefactError) as caught:
            act()
        assert caught.value.code is ReasonCode.ARTEFACT_DAMAGED


def test_weights_that_do_not_fit_the_card(copied: Path) -> None:
    card = json.loads((copied / weights.CARD_FILE).read_text("utf-8"))
    card["config"]["latents"] = 128
    (copied / weights.CARD_FILE).write_text(json.dumps(card), "utf-8")
    with pytest.raises(ArtefactError):
        weights.load_model("copy.one")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"config": {}}',
        '{"config": 3}',
    ],
)
def test_damaged_cards(copied: Path, text: str) -> None:
    (copied / weights.CARD_FILE).write_text(text, "utf-8")
    with pytest.raises(ArtefactError):
        weights.list_models()


@pytest.mark.parametrize("change", [{"sha256": 3}, {"rates": 8}, {"id": "other"}, {"config": {"rates": 1}}, {"size": "big"}])
def test_cards_with_wrong_fields(copied: Path, change: dict[str, object]) -> None:
    card = json.loads((copied / weights.CARD_FILE).read_text("utf-8"))
    (copied / weights.CARD_FILE).write_text(json.dumps(card | change), "utf-8")
    with pytest.raises(ArtefactError):
        weights.find_model("copy.one")


@pytest.mark.parametrize("model_id", ["nowhere", "", "..", "../models/copy.one", "a/b", "a\0b"])
def test_unknown_models(model_id: str) -> None:
    with pytest.raises(ModelError) as caught:
        weights.load_model(model_id)
    assert caught.value.code is ReasonCode.UNKNOWN_MODEL
    assert weights.ENVIRONMENT in caught.value.hint


def test_a_model_is_loaded_once(codec: NeuralCodec) -> None:
    loaded: list[weights.LoadedModel] = []
    threads = [threading.Thread(target=lambda: loaded.append(weights.load_model(codec.model))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 4
    assert all(m is loaded[0] for m in loaded)


def test_listing_and_verifying_need_no_torch() -> None:
    code = (
        "import sys; from router.codecs.neural import weights; [weights.verify_model(c) for c in weights.list_models()]; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
