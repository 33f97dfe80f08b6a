"""`codec-router tune`: from a report to a policy, or to a refusal that says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Cli
from evaluation.pieces import crop

from router.evaluation import harm
from router.evaluation.comparison.matched import COLUMNS as MATCHED
from router.evaluation.comparison.routing import COLUMNS as ROUTED
from router.policy.load import load

OPEN = json.dumps([["neural", "first", ["ncr"], None], ["classical", "first", ["avif", "webp", "jpeg"], None]])
CLOSED = json.dumps(
    [
        ["classical", "first", ["avif", "webp", "jpeg"], None],
        ["lossless", "first", ["webp-lossless", "png"], None],
    ]
)
SIZES = {"ncr": 700.0, "avif": 1000.0, "avif420": 1000.0, "webp": 1300.0, "jpeg": 1500.0, "png": 9000.0, "webp-lossless": 8000.0}


def report(folder: Path, images: int, harmed: int, policy: str = "balanced", seed: int = 0) -> Path:
    """A report of made-up images: every second one belongs to a domain that the detector does not know."""
    rng = np.random.default_rng(seed)
    compiled, targets = load(policy), [50.0, 70.0]
    routed, matched, harmful = [], [], []
    for number in range(images):
        foreign = number % 2 == 1
        for target in targets:
            key = {"domain": "foreign" if foreign else "natural", "image": f"{number}.png", "target": target}
            p_value = rng.uniform(0, 0.02) if foreign else rng.uniform(0.02, 1)
            routed.append(
                dict.fromkeys(ROUTED)
                | key
                | {"policy": compiled.name, "lane": "classical", "bytes": 1000.0, "source_bytes": 20_000, "guard_quantile": 0.6}
                | {"p_value": p_value, "gain": 0.3, "lanes_open": OPEN, "lanes_closed": CLOSED}
            )
            matched += [
                dict.fromkeys(MATCHED) | key | {"family": name, "bytes": size, "guard_passed": True}
                for name, size in SIZES.items()
            ]
            harmful.append(key | {"bytes": 700.0, "compared": True, "harmed": foreign or number < 2 * harmed})
    folder.mkdir(parents=True)
    pd.DataFrame(routed).to_parquet(folder / "routed.parquet", index=False)
    pd.DataFrame(matched).to_parquet(folder / "matched.parquet", index=False)
    pd.DataFrame(harmful).to_csv(folder / "harm.csv", index=False)
    policies = {compiled.name: {"sha256": compiled.sha256}}
    results = {"run": {"targets": targets, "policies": policies}, "harm": {"version": harm.VERSION}}
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def test_a_policy_is_written_that_loads_and_its_curve_beside_it(cli: Cli, tmp_path: Path) -> None:
    one, other = report(tmp_path / "one", 300, 2), report(tmp_path / "other", 300, 2, seed=1)
    done = cli("tune", one, "-o", tmp_path / "mine.yaml", "--test", other)
    assert done.code == 0, done.err
    policy = load(tmp_path / "mine.yaml")
    assert policy.name == "mine"
    assert policy.policy.defaults.alpha <= 0.05  # below it nothing but what is known: more of it saves more bytes
    assert "2 of 300" in (tmp_path / "mine.yaml").read_text()
    curve = pd.read_csv(tmp_path / "mine-curve.csv")
    assert curve["chosen"].sum() == 1
    assert curve.loc[curve["chosen"], "certified"].all()
    assert curve.loc[curve["chosen"], "upper_limit"].item() <= 0.05
    assert curve.loc[curve["chosen"], "bytes"].item() == curve.loc[curve["certified"] & (curve["neural"] > 0), "bytes"].min()
    assert "other" in done.out
    assert "holds" in done.out


def test_the_same_report_gives_the_same_bytes(cli: Cli, tmp_path: Path) -> None:
    folder = report(tmp_path / "one", 200, 0)
    for name in ("a", "b"):
        assert cli("tune", folder, "-o", tmp_path / name / "mine.yaml").code == 0
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_two_reports_are_put_together(cli: Cli, tmp_path: Path) -> None:
    one, two = report(tmp_path / "one", 200, 1), report(tmp_path / "two", 200, 1, seed=1)
    assert cli("tune", one, two, "-o", tmp_path / "mine.yaml").code == 2  # the same names: the same images
    for name in ("routed", "matched"):
        table = pd.read_parquet(two / f"{name}.parquet")
        table.assign(domain="two-" + table["domain"]).to_parquet(two / f"{name}.parquet")
    harmful = pd.read_csv(two / "harm.csv")
    harmful.assign(domain="two-" + harmful["domain"]).to_csv(two / "harm.csv", index=False)
    assert cli("tune", one, two, "-o", tmp_path / "mine.yaml").code == 0
    assert "2 of 400" in (tmp_path / "mine.yaml").read_text()


def test_a_domain_left_out_is_tested_on(cli: Cli, tmp_path: Path) -> None:
    folder = report(tmp_path / "one", 400, 2)
    done = cli("tune", folder, "-o", tmp_path / "mine.yaml", "--leave-out", "foreign")
    assert done.code == 0, done.err
    assert "2 of 200" in (tmp_path / "mine.yaml").read_text()
    assert "left out" in done.out
    each = cli("tune", folder, "-o", tmp_path / "each.yaml", "--leave-out", "each", "--force")
    assert each.code == 0, each.err
    assert "foreign" in each.out
    assert cli("tune", folder, "-o", tmp_path / "x.yaml", "--leave-out", "nothing").code == 2


def test_per_neural_image_is_harder_to_support(cli: Cli, tmp_path: Path) -> None:
    folder = report(tmp_path / "one", 300, 4)
    assert cli("tune", folder, "-o", tmp_path / "a.yaml").code == 0
    assert cli("tune", folder, "-o", tmp_path / "b.yaml", "--per", "neural").code == 4


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--epsilon", "0"], 2),
        (["--per", "tile"], 2),
        (["--targets", "fifty"], 2),
        (["--targets", "40"], 2),
        (["--base", "web"], 2),
        (["--base", "nothing"], 2),
    ],
)
def test_wrong_options_are_usage_errors(cli: Cli, tmp_path: Path, options: list[str], code: int) -> None:
    folder = report(tmp_path / "one", 100, 0)
    assert cli("tune", folder, "-o", tmp_path / "mine.yaml", *options).code == code
    assert not (tmp_path / "mine.yaml").exists()


@pytest.mark.parametrize("name", ["Mine.yaml", "mine.txt", "mine"])
def test_a_name_that_policies_cannot_have_is_refused(cli: Cli, tmp_path: Path, name: str) -> None:
    assert cli("tune", report(tmp_path / "one", 100, 0), "-o", tmp_path / name).code == 2


def test_nothing_is_overwritten_unasked(cli: Cli, tmp_path: Path) -> None:
    folder = report(tmp_path / "one", 200, 0)
    (tmp_path / "mine.yaml").write_text("kept")
    assert cli("tune", folder, "-o", tmp_path / "mine.yaml").code == 4
    assert (tmp_path / "mine.yaml").read_text() == "kept"
    assert cli("tune", folder, "-o", tmp_path / "mine.yaml", "--force").code == 0


def test_a_folder_without_a_report_is_named(cli: Cli, tmp_path: Path) -> None:
    done = cli("tune", tmp_path, "-o", tmp_path / "mine.yaml")
    assert done.code == 3
    assert "results.json" in done.err
    folder = report(tmp_path / "one", 20, 0)
    (folder / "results.json").write_text("[]")
    assert cli("tune", folder, "-o", tmp_path / "mine.yaml").code == 3


def test_a_real_report_of_a_few_images_is_refused_with_the_number_it_takes(cli: Cli, tmp_path: Path) -> None:
    images = tmp_path / "images"
    crop(images / "photo", "photo_cat", 160)
    crop(images / "photo", "photo_coffee", 160)
    options = ("--targets", "50", "--codecs", "avif,ncr,lossless", "--jobs", "1")
    done = cli("evaluate", images, "-o", tmp_path / "report", *options)
    assert done.code == 0, done.err
    routed = pd.read_parquet(tmp_path / "report" / "routed.parquet")
    assert list(routed.columns) == ROUTED
    assert routed["p_value"].between(0, 1).all()  # asked for, whatever the policy decided
    assert routed["guard_quantile"].between(0.5, 1).all()
    assert all(json.loads(text)[0][0] == "neural" for text in routed["lanes_open"])
    closed = [lane for text in routed["lanes_closed"] for lane in json.loads(text)]
    assert all(must_save is not None for lane, _, _, must_save in closed if lane == "neural")  # none is taken unmeasured
    done = cli("tune", tmp_path / "report", "-o", tmp_path / "mine.yaml")
    assert done.code == 4, done.err
    assert "NOT_ENOUGH_EVIDENCE" in done.err
    assert not (tmp_path / "mine.yaml").exists()
