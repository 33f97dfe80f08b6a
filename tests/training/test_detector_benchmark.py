"""The benchmark of the detector: its statistics against other libraries, its shifts, its rivals, and one run from end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sample_set import Samples
from scipy.stats import spearmanr
from sklearn.metrics import roc_curve

from router.detector.detector import Detector
from router.evaluation.statistics import auroc
from router.images.arrays import from_pixels
from router.images.read import read
from training.detector.benchmark import __main__ as benchmark
from training.detector.benchmark import baselines, corruptions, cost, harm, measurements, methods, statistics, subjects, tables
from training.detector.benchmark.alarms import calibration_sizes
from training.detector.benchmark.data import FAR, NEAR, PHOTOGRAPH, BenchmarkImage, pictures_in
from training.detector.benchmark.shifts import all_shifts, plain

PHOTOGRAPHS = ("photo_astronaut", "photo_rocket", "portrait_hopper", "photo_coffee", "photo_cat")


def test_fpr_at_95_tpr_is_that_of_the_roc_curve() -> None:
    rng = np.random.default_rng(3)
    inside, outside = rng.normal(0, 1, 200), rng.normal(2, 1, 50)
    found = statistics.fpr95(inside, outside)
    # in scikit-learn's terms photographs are the positives: low scores, 95 % of them accepted
    fpr, tpr, _ = roc_curve(np.r_[np.ones(200), np.zeros(50)], -np.r_[inside, outside])
    assert found.value == pytest.approx(fpr[np.argmax(tpr >= 0.95)])
    assert found.low <= found.value <= found.high
    assert statistics.fpr95(inside, outside + 100).high == pytest.approx(0.0713, abs=1e-4)


def test_spearman_is_that_of_scipy_and_wider_over_groups_than_over_images() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([f"g{i}" for i in range(8)], 20)
    level = np.repeat(rng.normal(0, 3, 8), 20)
    x, y = level + rng.normal(0, 1, 160), level + np.repeat(rng.normal(0, 2, 8), 20) + rng.normal(0, 1, 160)
    single, grouped = statistics.spearman(x, y), statistics.spearman(x, y, groups)
    assert single.value == grouped.value == pytest.approx(spearmanr(x, y).statistic)
    assert single.low < single.value < single.high
    assert grouped.high - grouped.low > single.high - single.low


def test_a_difference_of_means_pairs_the_resamples() -> None:
    rng = np.random.default_rng(1)
    inside, outside = rng.normal(0, 1, 50), rng.normal(1, 1, 20)
    better = auroc(inside, outside + 0.5)
    ahead = tables.difference(better, auroc(inside, outside))
    assert ahead.low > 0
    assert ahead.high - ahead.low < better.high - better.low
    assert statistics.mean_of([better, better]).value == pytest.approx(better.value)


def test_the_size_of_a_calibration_is_read_off_its_p_values() -> None:
    p_values = np.array([k / 151 for k in (1, 2, 151)] + [k / 120 for k in (8, 15, 30)])
    assert calibration_sizes(["a"] * 3 + ["b"] * 3, p_values) == {"a": 150, "b": 119}


def test_every_shift_is_the_same_again_and_of_the_stated_shape(samples: Samples) -> None:
    photograph = from_pixels(plain(read(samples["photo_cat"]))[:150, :201])
    foreign, others = ([plain(read(samples[name]))] for name in ("chart_rates", "photo_rocket"))
    every = all_shifts(foreign, others)
    assert len({shift.name for shift in every}) == len(every) == 8 * 3 + 3 + 6 + 2
    assert {shift.name for shift in every} - {shift.name for shift in all_shifts([], others)} == {
        "2x2 mosaic with foreign images"
    }
    sizes = {"upscaled x2": (300, 402, 3), "inside a page": (224, 321, 3), "2x2 mosaic of photographs": (150, 200, 3)}
    sizes["2x2 mosaic with foreign images"] = (150, 200, 3)
    for shift in every:
        made = shift.apply(photograph, "00")
        assert made.pixels.shape == sizes.get(shift.name, (150, 201, 3)), shift.name
        assert made.pixels_sha256 == shift.apply(photograph, "00").pixels_sha256, shift.name
        assert not np.array_equal(made.pixels, photograph.pixels), shift.name


def test_shifts_take_gray_photographs(samples: Samples) -> None:
    gray = from_pixels(plain(read(samples["gray_camera"]))[:100, :120])
    for shift in all_shifts([plain(gray)], [plain(gray)]):
        assert shift.apply(gray, "00").channels in (1, 3), shift.name


@pytest.mark.parametrize(("name", "factor"), [("gaussian_noise", 0.08), ("gaussian_noise", 0.18)])
def test_noise_has_the_stated_strength(name: str, factor: float) -> None:
    mid = np.full((200, 200, 3), 128, np.uint8)
    severity = corruptions.SEVERITIES[corruptions.PARAMETERS[name].index(factor)]
    noisy = corruptions.corrupt(mid, name, severity, np.random.default_rng(0))
    assert noisy.std() / 255 == pytest.approx(factor, rel=0.05)


def test_corruptions_keep_what_they_say_they_keep(samples: Samples) -> None:
    pixels, rng = plain(read(samples["photo_coffee"]))[100:300, 200:400], np.random.default_rng(0)
    impulses = corruptions.corrupt(pixels, "impulse_noise", 5, rng)
    assert np.mean(impulses != pixels) == pytest.approx(0.27, abs=0.03)
    flat = corruptions.corrupt(pixels, "contrast", 3, rng)
    assert flat.mean() == pytest.approx(pixels.mean(), abs=0.5)
    assert flat.std(axis=(0, 1)) == pytest.approx(0.2 * pixels.std(axis=(0, 1)), rel=0.02)
    for blur in ("defocus_blur", "motion_blur"):
        blurred = corruptions.corrupt(pixels, blur, 3, rng)
        assert blurred.mean() == pytest.approx(pixels.mean(), rel=0.05)
        assert np.abs(np.diff(blurred.astype(int), axis=1)).mean() < 0.7 * np.abs(np.diff(pixels.astype(int), axis=1)).mean()
    bright = corruptions.corrupt(pixels, "brightness", 1, rng)
    assert bright.max(axis=2).astype(int) == pytest.approx(np.minimum(255, pixels.max(axis=2) + 25.5), abs=0.51)


def _slopes(pixels: np.ndarray) -> np.ndarray:
    """Mean step of luma over 1 to 16 px along rows and columns, as features without a network."""
    luma = pixels.mean(axis=2)
    steps = [(luma[:, d:] - luma[:, :-d], luma[d:] - luma[:-d]) for d in (1, 2, 4, 8, 16)]
    return np.log1p([np.abs(step).mean() for pair in steps for step in pair])


@pytest.fixture(scope="module")
def crops(samples: Samples) -> np.ndarray:
    """(80, 96, 96, 3) crops of photographs."""
    rng = np.random.default_rng(0)
    out = []
    for name in PHOTOGRAPHS[:4]:
        pixels = plain(read(samples[name]))
        for _ in range(20):
            y, x = rng.integers(0, pixels.shape[0] - 96), rng.integers(0, pixels.shape[1] - 96)
            out.append(pixels[y : y + 96, x : x + 96])
    return np.stack(out)


@pytest.mark.parametrize("with_head", [True, False])
def test_rivals_rank_an_outlier_above_photographs(crops: np.ndarray, samples: Samples, with_head: bool) -> None:
    features = np.stack([_slopes(crop) for crop in crops])
    rng = np.random.default_rng(1)
    head = (rng.normal(0, 1, (5, 10)).astype(np.float32), np.zeros(5, np.float32)) if with_head else None
    noise = np.stack([_slopes(rng.integers(0, 2, (96, 96, 3)) * 255) for _ in range(5)])
    judges = baselines.fit_rivals(features[::2], head)
    assert len(judges) == 4
    for name, judge in judges.items():
        assert judge(noise).min() > np.quantile(judge(features[1::2]), 0.9), name


def test_the_one_class_mahalanobis_is_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    fitted, seen = rng.normal(0, 2, (50, 4)), rng.normal(0, 3, (6, 4))
    centred = seen - fitted.mean(axis=0)
    distance = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(fitted.T)), centred)
    assert baselines.mahalanobis(fitted)(seen) * 2 * 49 == pytest.approx(distance, rel=1e-6)


def test_complexity_is_low_for_drawings_and_highest_for_noise(samples: Samples) -> None:
    measure = measurements.complexity().measure
    noise = from_pixels(np.random.default_rng(0).integers(0, 256, (99, 99), dtype=np.uint8))
    images = read(samples["map_districts"]), read(samples["photo_coffee"]), noise
    entropy, gradient = zip(*(measure(image) for image in images), strict=True)
    assert entropy[0] < methods.IMGPROXY_LINE < entropy[1] < entropy[2] <= 8
    assert gradient[0] < gradient[2]
    assert measure(from_pixels(np.full((40, 40), 7, np.uint8))) == pytest.approx([0, 0])


def test_bits_under_the_codecs_prior_rise_with_what_cannot_be_predicted(samples: Samples) -> None:
    bits = measurements.neural_bits().measure
    photograph = plain(read(samples["photo_coffee"]))[100:196, 200:328]
    noise = np.random.default_rng(0).integers(0, 256, photograph.shape, dtype=np.uint8)
    flat, natural, random = (float(bits(from_pixels(p))[0]) for p in (np.full_like(photograph, 90), photograph, noise))
    assert 0 <= flat < natural < random
    deep = from_pixels(photograph.astype(np.uint16) * 257)
    assert bits(deep)[0] == natural


def test_rival_p_values_are_conformal_against_the_calibrating_photographs() -> None:
    both = methods._calibrated(lambda v: v[:, 0], methods.ScoreCalibration(np.arange(19.0)))
    scores, p_values = both(np.array([[-1.0], [9.0], [50.0]]))
    assert scores.tolist() == [-1, 9, 50]
    assert p_values == pytest.approx([1, 11 / 20, 1 / 20])


@pytest.fixture(scope="module")
def data(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in small: quarters of photographs, two far domains, a near one, one file that is damaged and one domain unread."""
    root = tmp_path_factory.mktemp("data")
    for folder in ("train/a", "dev/natural", "dev/chart_plot", "dev/map", "dev/texture", "dev/dicom"):
        (root / folder).mkdir(parents=True)
    for name in PHOTOGRAPHS[2:]:
        pixels = plain(read(samples[name]))
        height, width = (side // 2 for side in pixels.shape[:2])
        for i in range(4):
            quarter = pixels[i // 2 * height :, i % 2 * width :][: min(height, 160), : min(width, 160)]
            Image.fromarray(quarter).save(root / ("train/a" if i < 3 else "dev/natural") / f"{name}__{i}.png")
    rng = np.random.default_rng(0)
    for domain, sample in (("chart_plot", "chart_rates"), ("map", "map_districts"), ("texture", "texture_brick")):
        pixels = plain(read(samples[sample]))
        for i in range(3):
            y, x = (int(rng.integers(0, side - 130)) for side in pixels.shape[:2])
            Image.fromarray(pixels[y : y + 130, x : x + 130].squeeze()).save(root / "dev" / domain / f"{i}.png")
    (root / "dev/chart_plot/broken.png").write_bytes((root / "dev/chart_plot/0.png").read_bytes()[:60])
    (root / "dev/dicom/0.dcm").write_bytes(b"DICM")
    return root


def test_pictures_know_their_group_source_and_name(data: Path) -> None:
    found = {p.name: p for p in pictures_in(data / "dev")}
    assert found["map/0.png"].group == FAR
    assert found["texture/0.png"].group == NEAR
    photograph = found["natural/photo_cat__3.png"]
    assert (photograph.group, photograph.source) == (PHOTOGRAPH, "natural/photo_cat")
    assert len(pictures_in(data / "dev", limit=2)) == 2 * 4


def test_sixteen_bits_reach_the_detector(samples: Samples) -> None:
    path = samples["depth16_phantom"]
    assert BenchmarkImage(path, path.name, "x", FAR, "x").load().bits == 16


def test_every_history_is_given_to_every_photograph(data: Path) -> None:
    photographs = [p for p in pictures_in(data / "dev", limit=1) if p.group == PHOTOGRAPH]
    made = subjects.under_each_history(photographs)
    assert [s.variant.removeprefix(subjects.HISTORY) for s in made] == list(subjects.histories.MIX)
    assert len({s.key for s in made}) == len(made)
    assert [s.load().pixels_sha256 for s in made] == [s.load().pixels_sha256 for s in made]


def test_small_domains_are_pooled_apart(data: Path) -> None:
    pictures = [p for p in pictures_in(data / "dev") if p.group != PHOTOGRAPH]
    scored = methods.Scored(subjects.as_is(pictures), {}, {}, {}, [])
    rows = tables.rows_of(scored, smallest=4)
    assert {name: (group, len(members)) for name, (group, members) in rows.items()} == {
        "chart_plot": (FAR, 4),
        "under 4 images: map": (FAR, 3),
        "under 4 images: texture": (NEAR, 3),
    }


def test_a_canvas_of_tiles_is_full_of_photographs(samples: Samples) -> None:
    photographs = [plain(read(samples[name])) for name in ("photo_cat", "gray_camera", "photo_rocket")]
    canvas = cost.tiled(photographs, 400, 700)
    assert canvas.shape == (400, 700, 3)
    middle = photographs[0].shape[0] // 2, photographs[0].shape[1] // 2
    if min(photographs[0].shape[:2]) >= 320:
        assert np.array_equal(canvas[160, 160], photographs[0][middle])
    assert (canvas[:320, :320].std(), canvas[:320, 320:640].std()) > (5, 5)


def test_cost_is_a_share_of_one_avif(samples: Samples) -> None:
    photographs = [plain(read(samples["photo_cat"]))]
    found = cost.cost(Detector.load(), photographs, sizes={"tiny": (64, 96)}, repeats=1)["sizes"]["tiny"]
    assert found["share"] == found["score_ms"] / found["avif_ms"] > 0


@pytest.mark.slow
def test_a_run_from_end_to_end_and_again_from_its_cache(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [p.name for p in pictures_in(data / "dev") if "broken" not in p.name]
    with (tmp_path / "harm.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(harm.COLUMNS)
        for i, name in enumerate(names):
            far = name.startswith(("chart", "map"))
            writer.writerow([name, name.split("/")[0], 0.5 * far + 0.01 * i, -0.1, name.startswith("chart")])
    arguments = ["--data", str(data), "--split", "dev", "--features", "whole", "--draws", "1", "--smallest-domain", "3"]
    arguments += [
        "--only",
        "tables",
        "alarms",
        "shifts",
        "harm",
        "--shift-limit",
        "1",
        "--shifts",
        "caption",
        "jpeg",
        "--cache",
        str(tmp_path / "cache"),
    ]
    arguments += ["--disadvantage", str(tmp_path / "harm.csv"), "--json", str(tmp_path / "out.json")]
    arguments += ["--scores", str(tmp_path / "scores.csv"), "--figure", str(tmp_path / "out.svg")]
    benchmark.main(arguments)
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "out.json").read_text())

    assert list(result["tables"]) == ["detector", "Mahalanobis", "Mahalanobis++", "KNN", *list(result["tables"])[4:]]
    assert set(result["tables"]) >= {"codec bits", "codec bits, reversed", "complexity: entropy", "complexity: gradient"}
    for table in result["tables"].values():
        assert {name: row["images"] for name, row in table["rows"].items()} == {"chart_plot": 3, "map": 3, "texture": 3}
        for row in [*table["rows"].values(), *table["means"].values()]:
            for figure in ("auroc", "fpr95"):
                assert row[figure]["low"] <= row[figure]["value"] <= row[figure]["high"]
    bits = (result["tables"][name]["rows"]["map"]["auroc"]["value"] for name in ("codec bits", "codec bits, reversed"))
    assert sum(bits) == pytest.approx(1)

    conditions = {row["condition"] for row in result["false_alarms"] if row["source"] == "all"}
    assert conditions >= {"as is", "mix", *(f"history: {name}" for name in subjects.histories.MIX)}
    assert [len(row["alphas"]) for row in result["false_alarms"]] == [3] * len(result["false_alarms"])
    assert [row["shift"] for row in result["shifts"]] == [*(f"jpeg quality {q}" for q in (75, 50, 30)), "caption"]
    assert all(set(row["auroc"]) >= {"detector", "KNN"} for row in result["shifts"])

    assert result["harm"]["images"] == len(names)
    assert [row["domain"] for row in result["harm"]["domains"] if row["harmful"]] == ["chart_plot"]
    pooled = next(r for r in result["harm"]["correlation"] if (r["selection"], r["method"]) == ("all domains", "detector"))
    assert -1 <= pooled["spearman"]["low"] <= pooled["spearman"]["value"] <= pooled["spearman"]["high"] <= 1
    assert "to let through: map." in printed
    assert any("broken.png" in note for note in result["notes"])
    assert any("dicom" in note for note in result["notes"])
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert set(scores["variant"]) >= {"as is", "mix", "caption"}
    assert "<svg" in (tmp_path / "out.svg").read_text()

    def kept() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("output.pkl")}

    before = kept()
    benchmark.main(arguments)
    assert kept() == before, "something was measured again"
    assert capsys.readouterr().out == printed


def test_harm_is_read_from_the_report_of_an_evaluation(tmp_path: Path) -> None:
    images = pd.DataFrame({"domain": ["x", "x", "y"], "image": ["1.png", "sub/2.png", "1.png"]})
    gaps = images.assign(disadvantage=[-0.2, np.inf, 0.1], disadvantage_ms_ssim=[-0.1, np.inf, 0.3])
    families = [gaps.assign(target=target, family=family) for target in (50.0, 70.0) for family in ("avif", "webp")]
    pd.concat(families).to_parquet(tmp_path / "matched.parquet")
    images.iloc[[0, 2]].assign(target=70.0, harmed=[False, True]).to_csv(tmp_path / "harm.csv", index=False)
    table = harm.read_disadvantage(tmp_path)
    assert table["path"].tolist() == ["x/1.png", "x/sub/2.png", "y/1.png"]
    assert table["disadvantage_ssimulacra2"].tolist() == [-0.2, np.inf, 0.1]
    assert table["disadvantage_msssim"].tolist() == [-0.1, np.inf, 0.3]
    assert table["harmful"].isna().tolist() == [False, True, False]
    assert table["harmful"].dropna().tolist() == [False, True]
    with pytest.raises(ValueError, match="no images at SSIMULACRA2 90"):
        harm.read_disadvantage(tmp_path, 90)


def test_a_table_of_harm_must_be_whole(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["a", "b"], "domain": "x", **dict.fromkeys(harm.MEASURES, 0.1), "harmful": [True, False]})
    table.to_parquet(tmp_path / "t.parquet")
    assert harm.read_disadvantage(tmp_path / "t.parquet").equals(table.assign(harmful=table["harmful"].astype("boolean")))
    table.drop(columns="harmful").to_csv(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="no column harmful"):
        harm.read_disadvantage(tmp_path / "t.csv")
    pd.concat([table, table]).to_csv(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="several rows"):
        harm.read_disadvantage(tmp_path / "t.csv")


def test_wrong_arguments_are_a_usage_error(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        benchmark.main(["--data", str(data), "--split", "eval"])
    assert caught.value.code == 2
    assert "eval is not a folder" in capsys.readouterr().err
