from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detector_images import pixels_of, sample_of
from PIL import Image
from sample_set import Samples

from router.detector.artefact import read
from router.detector.detector import Detector
from training.detector import evaluate, fit
from training.detector.histories import MIX, draw, generator

PHOTOGRAPHS = ("photo_astronaut", "photo_rocket", "portrait_hopper", "photo_coffee")


@pytest.fixture(scope="module")
def data(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in small: quarters of photographs to fit on and to calibrate with, two domains to tell apart."""
    root = tmp_path_factory.mktemp("data")
    for folder in ("train/a", "dev/natural", "dev/noise", "dev/satellite_aerial"):
        (root / folder).mkdir(parents=True)
    for name in PHOTOGRAPHS:
        with Image.open(samples[name]) as photograph:
            width, height = photograph.size
            for i, (x, y) in enumerate(((0, 0), (width // 2, 0), (0, height // 2), (width // 2, height // 2))):
                quarter = photograph.convert("RGB").crop((x, y, x + width // 2, y + height // 2))
                quarter.save(root / ("train/a" if i < 3 else "dev/natural") / f"{name}__{i}.png")
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)).save(root / f"dev/noise/{i}.png")
    Image.fromarray(pixels_of(samples["photo_cat"])).save(root / "dev/satellite_aerial/0.png")
    return root


@pytest.fixture(scope="module")
def fitted(data: Path) -> Path:
    out = data / "fitted-1"
    fit.main(["--data", str(data), "--out", str(out)])
    return out


def test_one_command_gives_a_detector_that_loads_and_scores(fitted: Path, samples: Samples) -> None:
    detector = Detector.load(fitted, alpha=0.3)
    assert detector.id == "fitted-1"
    assert len(detector.gray.calibration) == len(PHOTOGRAPHS)
    manifest, _ = read(fitted)
    assert manifest.provenance["fitted_on"] == {"a": 3 * len(PHOTOGRAPHS)}
    noise = detector.score(sample_of(pixels_of(samples["noise_uniform"])))
    assert not noise.in_distribution
    assert noise.ood_score > detector.score(sample_of(pixels_of(samples["photo_astronaut"]))).ood_score


def test_an_empty_corpus_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fit.main(["--data", str(tmp_path), "--out", str(tmp_path / "x")])
    assert caught.value.code == 2
    assert "at least 10 images" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_fitting_again_gives_the_same_detector(fitted: Path, data: Path, tmp_path: Path) -> None:
    fit.main(["--data", str(data), "--out", str(tmp_path / "fitted-1")])
    assert Detector.load(tmp_path / "fitted-1").sha256 == Detector.load(fitted).sha256


def test_evaluation_reports_domains_groups_and_false_alarms(
    fitted: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "MEGAPIXELS", ((64, 64),))  # latency is not what this test is about
    arguments = ["--data", str(data), "--split", "dev", "--detector", str(fitted), "--json", str(tmp_path / "out.json")]
    evaluate.main(arguments)
    result = evaluate.json.loads((tmp_path / "out.json").read_text())
    assert result["groups"]["far"]["images"] == 3
    assert result["groups"]["far"]["auroc"] == 1
    assert result["groups"]["near"]["images"] == 1
    assert result["domains"].keys() == {"(domains under 12)"}
    assert result["natural"]["images"] == len(PHOTOGRAPHS)
    assert "AUROC" in capsys.readouterr().out


def test_gray_and_colour_versions_get_the_same_past(samples: Samples) -> None:
    with Image.open(samples["photo_cat"]) as photograph:
        for number in range(12):
            colour, name = draw(photograph.convert("RGB"), generator(5, "a.png", number))
            gray, same = draw(photograph.convert("L"), generator(5, "a.png", number))
            assert (name, colour.size) == (same, gray.size)
            assert min(colour.size) >= 128


def test_every_history_is_drawn_as_often_as_stated() -> None:
    blank = Image.new("L", (200, 200))
    names = [draw(blank, generator(0, "x", i))[1] for i in range(600)]
    for name, share in MIX.items():
        assert names.count(name) / 600 == pytest.approx(share, abs=0.06)


def test_wilson_interval_against_published_values() -> None:
    """Newcombe, Statistics in Medicine 17, 1998, table I: 81/263, 15/148, 0/20."""
    assert evaluate.wilson(81, 263) == pytest.approx([0.2553, 0.3662], abs=1e-4)
    assert evaluate.wilson(15, 148) == pytest.approx([0.0624, 0.1605], abs=1e-4)
    assert evaluate.wilson(0, 20) == pytest.approx([0.0, 0.1611], abs=1e-4)
