"""`codec-router score`, `decide`, `inspect` and `models`: what they print for people and for machines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import Cli
from images.image_builders import photo, png
from PIL import Image
from sample_set import Samples

from router.codecs.neural.weights import CARD_FILE, ENVIRONMENT, WEIGHTS_FILE, list_models


def test_score(cli: Cli, samples: Samples) -> None:
    paths = [samples["photo_cat"], samples["noise_uniform"]]
    done = cli("score", *paths, "--json")
    assert done.code == 0
    known, unknown = done.json
    assert known["in_distribution"] is True
    assert unknown["in_distribution"] is False
    assert unknown["ood_score"] > known["ood_score"]
    table = cli("score", *paths).out
    assert "yes" in table
    assert "no" in table


def test_a_heatmap_is_a_png(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    call = ("score", samples["photo_cat"], "--heatmap", tmp_path / "map", "--json")
    (document,) = cli(*call).json
    assert document["heatmap"] == str(tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as image:
        assert image.mode == "RGB"
        with Image.open(samples["photo_cat"]) as source:
            assert image.size == source.size
    again = cli(*call)
    assert again.code == 4
    assert again.json[0]["error"]["code"] == "OUTPUT_EXISTS"
    assert cli(*call, "--force").code == 0


def test_a_heatmap_is_of_one_image_however_small(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    assert cli("score", samples["photo_cat"], samples["photo_coffee"], "--heatmap", tmp_path / "map.png").code == 2
    assert not (tmp_path / "map.png").exists()
    (tmp_path / "small.png").write_bytes(png(photo(8, 8)))
    assert cli("score", tmp_path / "small.png", "--heatmap", tmp_path / "map.png").code == 0
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (8, 8)


def test_reports_take_two_files_of_one_name(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(samples["palette_badge"], tmp_path / name / "x.png")
    for command in ("score", "decide"):
        done = cli(command, tmp_path / "one" / "x.png", tmp_path / "two", "--json")
        assert done.code == 0
        assert [d["input"] for d in done.json] == [str(tmp_path / n / "x.png") for n in ("one", "two")]


@pytest.mark.parametrize("command", ["score", "decide", "inspect"])
def test_failures_are_json_too(cli: Cli, tmp_path: Path, command: str) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    for name, code in (("bad.png", 5 if command == "inspect" else 3), ("none.png", 3)):
        done = cli(command, tmp_path / name, "--json")
        assert (done.code, done.err) == (code, "")
        assert [(d["input"], d["ok"]) for d in done.json] == [(str(tmp_path / name), False)]
        plain = cli(command, tmp_path / name)
        assert (plain.code, plain.out) == (code, "")
        assert name in plain.err


@pytest.mark.parametrize("command", ["score", "decide"])
def test_some_of_several(cli: Cli, folder: Path, command: str) -> None:
    (folder / "bad.png").write_bytes(b"no image")
    done = cli(command, folder, "--json")
    assert done.code == 6
    assert [d["ok"] for d in done.json] == [True, True, False, True]


def test_decide(cli: Cli, samples: Samples) -> None:
    (document,) = cli("decide", samples["photo_cat"], "--receiver", "self", "--json").json
    assert document["decision"]["lanes"][0]["lane"] == "neural"
    (document,) = cli("decide", samples["photo_cat"], "--receiver", "self", "-c", "allow_neural=false", "--json").json
    assert document["decision"]["lanes"][0]["lane"] == "classical"
    shown = cli("decide", samples["photo_cat"], "--receiver", "self").out
    assert "rule photograph: matched" in shown
    assert "neural (ncr)" in shown


def test_consent_by_accept_value_and_model(cli: Cli, samples: Samples) -> None:
    model = list_models()[0].id
    call = ("decide", samples["photo_cat"], "--receiver", "image/x-ncr, image/png", "--json")
    assert cli(*call).json[0]["decision"]["lanes"][0]["lane"] != "neural"
    assert cli(*call, "--receiver-model", "other").json[0]["decision"]["lanes"][0]["lane"] != "neural"
    assert cli(*call, "--receiver-model", model).json[0]["decision"]["lanes"][0]["lane"] == "neural"


def test_decide_shares_the_usage_errors(cli: Cli, samples: Samples) -> None:
    for options in (("--quality", "200"), ("--policy", "none"), ("--context", "x=1"), ("--receiver", "image/")):
        done = cli("decide", samples["photo_cat"], *options, "--json")
        assert done.code == 2
        assert done.json[0]["ok"] is False


def test_inspect(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    (written,) = cli("compress", samples["chart_rates"], "-o", tmp_path / "a", "--codec", "png", "--json").json
    (read,) = cli("inspect", tmp_path / "a.png", "--json").json
    assert read["record"] == written["record"]
    assert json.loads(cli("inspect", tmp_path / "a.png").out) == written["record"]
    done = cli("inspect", samples["chart_rates"], "--json")
    assert done.code == 5
    assert done.json[0]["error"]["code"] == "NO_RECORD"


def test_models(cli: Cli) -> None:
    for command in ("list", "verify"):
        done = cli("models", command, "--json")
        assert done.code == 0
        assert [d["id"] for d in done.json] == [card.id for card in list_models()]
        assert all(d["ok"] for d in done.json)
        assert list_models()[0].id in cli("models", command).out


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that CODEC_ROUTER_MODELS lists, with the card of the shipped model and other weights."""
    card = list_models()[0]
    model = tmp_path / "models" / card.id
    model.mkdir(parents=True)
    (model / CARD_FILE).write_text(card.to_json())
    (model / WEIGHTS_FILE).write_bytes(b"other weights")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "models"))
    return model


def test_a_damaged_model_is_found(cli: Cli, damaged: Path) -> None:
    done = cli("models", "verify", "--json")
    assert done.code == 6  # the shipped one is intact
    good, bad = done.json
    assert good["ok"]
    assert bad["input"] == str(damaged)
    assert bad["error"]["code"] == "ARTEFACT_DAMAGED"
    plain = cli("models", "verify")
    assert "intact" in plain.out
    assert str(damaged) in plain.err


@pytest.mark.parametrize("card", ["{", "[]", '{"id": "x"}'])
def test_a_damaged_card_does_not_hide_the_other_models(cli: Cli, damaged: Path, card: str) -> None:
    (damaged / CARD_FILE).write_text(card)
    for command in ("list", "verify"):
        done = cli("models", command, "--json")
        assert done.code == 6
        assert [d["ok"] for d in done.json] == [True, False]
        assert done.json[1]["error"]["code"] == "ARTEFACT_DAMAGED"
        assert list_models_id(cli) in cli("models", command).out


def list_models_id(cli: Cli) -> str:
    """Id of the first model that can be read."""
    return str(next(d["id"] for d in cli("models", "list", "--json").json if d["ok"]))
