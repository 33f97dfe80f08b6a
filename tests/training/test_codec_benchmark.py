"""The codec's benchmark: what a run writes, what a second run need not do; and the law of learning curves."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

from router.images.read import read
from training.codec import curve
from training.codec.benchmark.__main__ import main
from training.codec.benchmark.points import BenchmarkPoint
from training.codec.benchmark.report import compare, summary, table

RATES, SETTINGS = 3, 3
CROPS = {"photo_cat": (40, 60), "photo_coffee": (150, 100)}


def test_a_summary_counts_what_it_leaves_out() -> None:
    found = summary({"a": -10.0, "b": 20.0, "c": float("nan"), "d": 5.0})
    assert (found["mean"], found["median"], found["images"], found["no_overlap"]) == (5.0, 5.0, 3, 1)
    assert -10 <= found["low"] < 5 < found["high"] <= 20
    assert found["per_image"] == {"a": -10.0, "b": 20.0, "c": None, "d": 5.0}
    assert summary({"a": float("nan")})["mean"] is None


def test_a_rate_index_that_buys_nothing_is_named() -> None:
    def point(setting: int, size: int, score: float) -> BenchmarkPoint:
        return BenchmarkPoint("s", "i.png", "m", setting, size, size / 1000, {"ssimulacra2": score, "butteraugli": 100 - score})

    found = compare([point(0, 100, 10), point(1, 120, 30), point(2, 119, 50), point(3, 200, 49)], ["m"])
    offenders = found["models"]["m"]["not_rising"]
    assert [(o["from"], o["to"]) for o in offenders["bytes"]] == [(1, 2)]
    assert [(o["from"], o["to"]) for o in offenders["ssimulacra2"]] == [(2, 3)]
    assert [(o["from"], o["to"]) for o in offenders["butteraugli"]] == [(2, 3)]
    assert "bytes does not rise with the rate index: i.png 1>2" in table("s", found)


@pytest.fixture(scope="module")
def photographs(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crops of photographs, and an image that the benchmark has to pass over."""
    folder = tmp_path_factory.mktemp("sets") / "small_kodak"
    folder.mkdir()
    for name, (x, y) in CROPS.items():
        Image.fromarray(read(samples[name]).pixels[y : y + 128, x : x + 128, :3]).save(folder / f"{name}.png")
    Image.new("RGBA", (128, 128), (255, 0, 0, 128)).save(folder / "transparent.png")
    return folder


def _points(out: Path) -> list[dict[str, str]]:
    with (out / "points.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _run(photographs: Path, out: Path, *more: str) -> dict[str, Any]:
    settings = ["--rates", str(RATES), "--rival-settings", str(SETTINGS)]
    main(["--data", str(photographs), "--out", str(out), *settings, *more])
    return json.loads((out / "results.json").read_text())


@pytest.fixture(scope="module")
def finished(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all it can write, without Butteraugli wherever it runs."""
    out = tmp_path_factory.mktemp("out")
    curve_of_vtm = [[0.05, 20.0], [0.5, 28.0], [2.0, 36.0], [6.0, 45.0]]
    (out / "published.json").write_text(json.dumps({"vtm": {"psnr": curve_of_vtm}, "another": {"psnr": curve_of_vtm}}))
    more = ["--figures", str(out / "figures"), "--pictures", "--published", str(out / "published.json")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        results = _run(photographs, out, "--rivals", "avif", "webp", *more)
    assert results["run"] == {"points": 2 * (RATES + 3 * SETTINGS), "encoded": 2 * (RATES + 3 * SETTINGS), "from_cache": 0}
    return out


def test_a_run_writes_points_results_figures_and_pictures(finished: Path) -> None:
    rows = _points(finished)
    results = json.loads((finished / "results.json").read_text())
    (model,) = results["models"]
    assert {row["codec"] for row in rows} == {model, "avif-444", "avif-420", "webp"}
    assert {row["image"] for row in rows} == {f"{name}.png" for name in CROPS}
    assert all(float(row["bpp"]) == pytest.approx(int(row["bytes"]) * 8 / 128**2, abs=1e-5) for row in rows)
    assert all(row[metric] for row in rows for metric in ("ssimulacra2", "ms_ssim", "psnr"))
    small = results["sets"]["small_kodak"]
    assert small["refused"] == {"transparent.png": "transparency"}
    assert small["models"][model]["top"]["ssimulacra2"] > small["models"][model]["lowest"]["ssimulacra2"]
    rates = small["models"][model]["bd_rate"]
    assert set(rates) == {"avif", "avif-444", "webp"}
    for by_metric in rates.values():
        assert set(by_metric) == {"ssimulacra2", "ms_ssim", "psnr"}
        assert all(set(found["per_image"]) == {f"{name}.png" for name in CROPS} for found in by_metric.values())
    assert small["models"][model]["published"]["vtm"]["psnr"] is not None
    figures = {file.name: file.read_text() for file in (finished / "figures").iterdir()}
    assert set(figures) == {f"rd-small_kodak-{metric}.svg" for metric in ("ssimulacra2", "ms_ssim", "psnr")}
    assert all(model in figure and "AVIF" in figure and len(figure) < 150_000 for figure in figures.values())
    assert [name for name, figure in figures.items() if "VTM" in figure] == ["rd-small_kodak-psnr.svg"]
    compared = sum(rates["avif"][m]["images"] for m in ("ssimulacra2", "psnr"))
    assert len(list((finished / "pictures").glob("*.png"))) == compared > 0


def test_butteraugli_is_reported_as_missing(finished: Path) -> None:
    assert json.loads((finished / "results.json").read_text())["butteraugli"].startswith("not installed")
    assert {row["butteraugli"] for row in _points(finished)} == {""}


def test_a_second_run_encodes_only_what_is_new(
    finished: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    out = tmp_path / "again"
    (out / "cache").mkdir(parents=True)
    for file in (finished / "cache").iterdir():
        (out / "cache" / file.name).write_bytes(file.read_bytes())
    again = _run(photographs, out, "--rivals", "avif", "webp")
    assert again["run"]["encoded"] == 0
    assert (out / "points.csv").read_text() == (finished / "points.csv").read_text()
    assert _run(photographs, out, "--rivals", "avif", "webp", "jpeg")["run"]["encoded"] == 2 * 2 * SETTINGS


def test_two_sets_of_one_name_are_refused(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "small_kodak").mkdir()
    with pytest.raises(SystemExit) as caught:
        main(["--data", str(photographs), str(tmp_path / "small_kodak"), "--out", str(tmp_path)])
    assert caught.value.code == 2


def _write_curve(folder: Path, points: int, *, noise: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with (folder / "curve.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "seconds", "split", "loss", "bpp", "mse", "ssimulacra2_distance", "ssimulacra2"])
        for step in range(1000, 1000 * points + 1, 1000):
            loss = 1.2 + 0.9 * (step / 1000) ** -0.6 + noise * rng.standard_normal()
            rows.writerow([step, 2 * step, "train", loss + 0.3, 1, 1, 1, ""])
            rows.writerow([step, 2 * step, "held-out", loss, 1, 1, 1, 60])
    return folder


def test_the_fit_finds_a_known_law(tmp_path: Path) -> None:
    law = curve.fit(curve.read_run(_write_curve(tmp_path, 8)).held)
    assert (law.a, law.b * 8**0.6, law.c) == pytest.approx((1.2, 0.9, 0.6), rel=1e-3)
    assert law.predict(80_000)[0] == pytest.approx(1.2 + 0.9 * 80**-0.6, abs=1e-3)


def test_noise_widens_the_interval_and_the_truth_lies_in_it(tmp_path: Path) -> None:
    truth = 1.2 + 0.9 * 24**-0.6
    loss, width = curve.fit(curve.read_run(_write_curve(tmp_path, 12, noise=0.005)).held).predict(24_000)
    assert width > 0.002
    assert abs(loss - truth) < width


def test_the_curve_command_draws_and_is_silent_about_what_it_cannot_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few, more = _write_curve(tmp_path / "few", 3), _write_curve(tmp_path / "more", 9)
    (more / "settings.json").write_text(json.dumps({"steps": None, "resume": False, "decay_from": 0.5, "minutes": 300}))
    curve.main([str(few), str(more), "-o", str(tmp_path / "out" / "curve.svg")])
    printed = capsys.readouterr().out
    assert "3 held-out points; a law of three parameters needs at least 4" in printed
    assert "5 of 9 points lie in the decay" in printed
    assert printed.count("10 x = ") == 2
    assert "more, held out" in (tmp_path / "out" / "curve.svg").read_text()
    with pytest.raises(SystemExit):
        curve.main([str(tmp_path / "none"), "-o", str(tmp_path / "curve.svg")])
