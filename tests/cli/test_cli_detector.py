from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli
from PIL import Image
from sample_set import Samples

import router
from router.detector.artefact import read
from router.detector.detector import Detector, default_detector
from router.detector.drift import last_p_values
from router.sinks import JsonLines

PHOTOGRAPHS = ("photo_astronaut", "photo_cat", "photo_coffee", "photo_rocket", "portrait_hopper", "texture_brick")


@pytest.fixture(scope="module")
def photographs(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small collection: crops of 280 px, near enough to 25 tiles to be enlarged to them."""
    root = tmp_path_factory.mktemp("collection")
    rng = np.random.default_rng(0)
    for name in PHOTOGRAPHS:
        with Image.open(samples[name]) as photograph:
            for i in range(10):
                x, y = (int(rng.integers(0, max(1, side - 280))) for side in photograph.size)
                photograph.convert("RGB").crop((x, y, x + 280, y + 280)).save(root / f"{name}-{i}.png")
    return root


@pytest.fixture(scope="module")
def others(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs turned round: other scenes, for calibration."""
    root = tmp_path_factory.mktemp("others")
    for i, path in enumerate(sorted(photographs.iterdir())[::7]):
        with Image.open(path) as photograph:
            photograph.rotate(180).save(root / f"{i}.png")
    return root


@pytest.mark.slow
def test_fit_gives_a_detector_for_ones_own_images(
    photographs: Path, others: Path, samples: Samples, tmp_path: Path, cli: Cli
) -> None:
    where = ("-o", tmp_path / "mine", "--cache", tmp_path / "cache")
    arguments = ("fit", photographs, "--held-out", others, *where, "--alpha", 0.3, "--views", 1, "--as-they-are")
    done = cli(*arguments, "--json")
    assert done.code == 0, done.err
    assert done.json[0]["detector"] == "mine"
    assert done.json[0]["photographs"]["to_fit"] == 60
    manifest, _ = read(tmp_path / "mine")
    assert manifest.sha256 == done.json[0]["sha256"]
    assert manifest.provenance["calibrated_on"] == {others.name: 9}
    mine = Detector.load(tmp_path / "mine")
    assert mine.alpha == 0.3

    scored = cli("score", samples["photo_cat"], samples["chart_rates"], "--detector", tmp_path / "mine", "--json").json
    assert [d["detector_id"] for d in scored] == ["mine", "mine"]
    assert scored[0]["ood_score"] < scored[1]["ood_score"]
    assert not scored[1]["in_distribution"]

    assert cli(*arguments).code == 4  # it exists
    again = cli(*arguments, "--json", "--force")  # from the cache
    assert again.json[0]["sha256"] == done.json[0]["sha256"]


def test_too_few_images_are_refused_with_the_number_needed(photographs: Path, others: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("fit", others, "-o", tmp_path / "mine")
    assert done.code == 2
    assert "looking at" in done.err.splitlines()[0]
    assert "9 images of" in done.err
    assert "(60 needed)" in done.err
    assert "99 or more photographs" in done.err
    done = cli("fit", photographs, "--held-out", others, "-o", tmp_path / "mine", "--alpha", 0.05)
    assert done.code == 2
    assert "(39 needed at alpha 0.05)" in done.err
    told = cli("fit", others, "-o", tmp_path / "mine", "--json").json[0]["error"]["details"]
    assert told["images"] == told["colour"] + told["gray"] == 9
    assert (told["to_fit_needed"], told["to_calibrate_needed"]) == (60, 39)
    assert cli("fit", tmp_path / "nowhere", "-o", tmp_path / "mine").code == 3
    assert not (tmp_path / "mine").exists()


def test_a_detector_folder_decides_and_compresses(samples: Samples, tmp_path: Path, cli: Cli) -> None:
    shipped = Path(router.__file__).parent / "artefacts" / "detectors" / default_detector().id
    decided = cli("decide", samples["photo_cat"], "--receiver", "self", "--detector", shipped, "--json")
    assert decided.code == 0
    assert cli("decide", samples["photo_cat"], "--receiver", "self", "--detector", tmp_path, "--json").code == 1
    assert cli("score", samples["photo_cat"], "--detector", "nonesuch").code == 2


def test_the_log_of_a_router_is_read_back(samples: Samples, tmp_path: Path, cli: Cli) -> None:
    log = tmp_path / "log.jsonl"
    encode = router.Router("balanced", log=JsonLines(log))
    kept = [encode.compress(samples["photo_cat"], quality=40, receiver="self").record for _ in range(3)]
    encode.compress(samples["photo_cat"], codec="png")  # no score
    scores = [r.scores.p_value for r in kept if r.scores is not None]
    lines = log.read_text().splitlines()
    assert last_p_values(lines, default_detector().id, 10) == scores
    assert last_p_values(lines, default_detector().id, 2) == scores[-2:]
    assert last_p_values(lines, "another", 10) == []
    log.write_text("\n".join(lines[:1] * 60))
    done = cli("drift", log, "--json")
    document = json.loads(done.out)
    assert done.code == 0
    assert document["images"] == 60
    assert document["drifted"]
    assert cli("drift", log, "--last", 5).code == 2
