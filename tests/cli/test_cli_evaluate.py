"""`codec-router evaluate`: from folders to tables, again from what was measured before."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import Cli
from evaluation.pieces import crop
from sample_set import Samples

from training.results.evaluation import main as evaluation_tables

OPTIONS = ("--codecs", "jpeg,webp,avif,lossless", "--targets", "50,70", "--policy", "archival", "--jobs", "1")


@pytest.fixture
def domains(samples: Samples, tmp_path: Path) -> Path:
    root = tmp_path / "images"
    crop(root / "photo", "photo_cat")
    crop(root / "graphic", "map_districts")
    shutil.copy(samples["palette_badge"], root / "graphic")
    return root


def test_report(cli: Cli, domains: Path, tmp_path: Path) -> None:
    done = cli("evaluate", domains, "-o", tmp_path / "report", *OPTIONS)
    assert done.code == 0, done.err
    assert "always-avif" in done.out
    assert "archival" in done.out
    report = tmp_path / "report"
    points = pd.read_parquet(report / "points.parquet")
    assert set(points["domain"]) == {"photo", "graphic"}
    matched = pd.read_parquet(report / "matched.parquet")
    assert set(matched["target"]) == {50.0, 70.0}
    assert len(matched) == len(pd.read_csv(report / "matched.csv"))
    results = json.loads((report / "results.json").read_text())
    assert results["run"]["images"] == {"graphic": 2, "photo": 1}
    assert results["run"]["encoded_now"] == len(points)
    assert results["targets"]["70"]["all"]["policies"]["archival"]["lanes"] == {"lossless": 3}
    assert results["harm"]["version"] == 1
    assert set(results["bd_rates"]["ssimulacra2"]) == {"all", "graphic", "photo"}
    assert results["detector"]["detectors"] == []  # neither a policy nor the neural codec asks it
    assert set(pd.read_csv(report / "rivals.csv")["rival"]) == {"always-jpeg", "always-webp", "always-avif"}
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        evaluation_tables([str(report), "--policy", "archival", "--photographs", "photo"])
    router, photo = (results["targets"]["50"][domain]["policies"]["archival"] for domain in ("all", "photo"))
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in written.getvalue().splitlines() if line}
    assert rows["**router, `archival`**"][:2] == [
        f"{router['against_avif']:.3f}",
        f"{router['bytes'] / router['oracle']['bytes']:.3f}",
    ]
    assert rows["photographs alone: router"][0] == rows["photo"][1] == f"{photo['against_avif']:.3f}"
    assert rows["graphic"][0] == "2"


def test_a_second_policy_measures_nothing(cli: Cli, domains: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    cli("evaluate", domains, "-o", report, *OPTIONS)
    first = pd.read_parquet(report / "points.parquet")
    assert cli("evaluate", domains, "-o", report, *OPTIONS, "--policy", "medical").code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(report / "points.parquet"), first)
    results = json.loads((report / "results.json").read_text())
    assert results["run"]["encoded_now"] == 0
    assert set(results["targets"]["50"]["all"]["policies"]) == {"archival", "medical"}


def test_quick_is_a_declared_subset(cli: Cli, domains: Path, samples: Samples, tmp_path: Path) -> None:
    for i in range(7):
        crop(domains / f"many-{i}", "palette_badge", 40).rename(domains / "photo" / f"{i}.png")
    assert cli("evaluate", domains, "-o", tmp_path / "report", "--quick", "--codecs", "jpeg,png", *OPTIONS[2:]).code == 0
    run = json.loads((tmp_path / "report" / "results.json").read_text())["run"]
    assert run["quick"] is True
    assert run["max_side"] == 512
    assert run["images"] == {"graphic": 2, "photo": 6}


def test_a_name_that_is_no_utf8(cli: Cli, domains: Path, tmp_path: Path) -> None:
    crop(tmp_path, "palette_badge", 40).rename(domains / "photo" / os.fsdecode(b"caf\xe9.png"))
    (domains / "photo" / os.fsdecode(b"bad\xff.png")).write_bytes(b"no image")
    done = cli("evaluate", domains, "-o", tmp_path / "report", *OPTIONS)
    assert done.code == 6
    assert r"bad\xff.png" in done.err
    assert r"caf\xe9.png" in set(pd.read_parquet(tmp_path / "report" / "routed.parquet")["image"])
    assert r"bad\xff.png" in (tmp_path / "report" / "index.html").read_text()


def test_butteraugli_is_asked_for(cli: Cli, domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    missing = cli("evaluate", domains, "-o", tmp_path / "report", *OPTIONS, "--butteraugli")
    assert missing.code != 0
    assert "libjxl-devtools" in missing.err
    assert not (tmp_path / "report").exists()
    (tmp_path / "bin" / "butteraugli_main").write_text("#!/bin/false")  # nothing goes to the neural lane, so it is not run
    (tmp_path / "bin" / "butteraugli_main").chmod(0o755)
    done = cli("evaluate", domains, "-o", tmp_path / "report", *OPTIONS, "--butteraugli")
    assert done.code == 0, done.err
    harm = json.loads((tmp_path / "report" / "results.json").read_text())["harm"]
    assert harm["butteraugli"]["version"] == 2
    assert harm["butteraugli"]["policies"]["archival"]["all"]["neural_images"] == 0
    assert "Butteraugli as a second judge" in (tmp_path / "report" / "index.html").read_text()


def test_one_bad_image_does_not_stop_the_others(cli: Cli, domains: Path, tmp_path: Path) -> None:
    (domains / "photo" / "bad.png").write_bytes(b"no image")
    done = cli("evaluate", domains, "-o", tmp_path / "report", *OPTIONS)
    assert done.code == 6
    assert "photo/bad.png" in done.err
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    assert [failed[1:3] for failed in results["run"]["failed"]] == [["bad.png", "NOT_AN_IMAGE"]]
    assert results["run"]["images"] == {"graphic": 2, "photo": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        ("--targets", "a"),
        ("--targets", "150"),
        ("--codecs", "heic"),
        ("--policy", "none-such"),
        ("--jobs", "0"),
        ("--jobs", "-2"),
    ],
)
def test_wrong_options(cli: Cli, domains: Path, tmp_path: Path, wrong: tuple[str, str]) -> None:
    assert cli("evaluate", domains, "-o", tmp_path / "report", *wrong).code == 2
    assert not (tmp_path / "report").exists()


def test_a_folder_without_images(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("evaluate", tmp_path / "empty", "-o", tmp_path / "report").code == 3


def test_start_up_stays_light() -> None:
    code = (
        "import sys\nsys.argv = ['codec-router', 'evaluate', '--help']\nfrom router.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'pandas', 'pyarrow', 'scipy', 'joblib', 'cv2') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"
