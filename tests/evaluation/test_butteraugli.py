"""Harm by Butteraugli: the comparison at equal bytes, on a stand-in program with known answers and, through it, real codecs."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluation.pieces import crop, line, table
from PIL import Image

from router.errors import CodecUnavailableError
from router.evaluation.butteraugli_harm import COLUMNS, TAU, VERSION, around, butteraugli_harm, distances, summary
from router.evaluation.comparison.routing import COLUMNS as ROUTED
from router.evaluation.harm import harm
from router.evaluation.measure.folder import measure_folder
from router.evaluation.measure.pictures import open_picture, pictures_in

# Answers as butteraugli_main does: the mean error as the 3-norm, the largest as the maximum.
_STAND_IN = """#!{python}
import sys
import numpy as np
from PIL import Image
a, b = (np.asarray(Image.open(name)).astype(float) for name in sys.argv[1:3])
with open({calls!r}, "a") as calls: calls.write("x")
print(f"{{np.abs(a - b).max():.6f}}\\n3-norm: {{np.abs(a - b).mean():.6f}}")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with butteraugli_main's arguments and output."""
    path = tmp_path / "butteraugli"
    path.write_text(_STAND_IN.format(python=sys.executable, calls=str(tmp_path / "calls")))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def routed(images: list[str], target: float, lane: str = "neural") -> pd.DataFrame:
    rows = [{"domain": "in", "image": image, "policy": "p", "target": target, "lane": lane} for image in images]
    return pd.DataFrame(rows, columns=ROUTED)


def test_points_are_measured_once(program: Path, tmp_path: Path) -> None:
    sample = open_picture(crop(tmp_path, "photo_cat", 64))
    wanted = {"avif444": [20, 60], "jpeg": [30]}
    first = distances(sample, wanted, tmp_path / "cache", program)
    assert set(first) == {("avif444", 20), ("avif444", 60), ("jpeg", 30)}
    assert first["avif444", 20]["butteraugli_norm"] > first["avif444", 60]["butteraugli_norm"] > 0
    assert all(values["butteraugli_max"] >= values["butteraugli_norm"] for values in first.values())
    assert distances(sample, wanted, tmp_path / "cache", program) == first
    assert (tmp_path / "calls").read_text() == "xxx"


def test_transparent_gray_and_tiny_images(program: Path, tmp_path: Path) -> None:
    alpha, gray = (open_picture(crop(tmp_path, name, 64)) for name in ("alpha_logo", "gray_camera"))
    assert distances(alpha, {"webp": [10]}, tmp_path / "cache", program)
    assert distances(gray, {"jpeg": [10]}, tmp_path / "cache", program)
    assert (tmp_path / "calls").read_text() == "xxx"  # a transparent image on two backgrounds
    Image.fromarray(np.zeros((7, 90, 3), np.uint8)).save(tmp_path / "flat.png")
    assert distances(open_picture(tmp_path / "flat.png"), {"jpeg": [10]}, tmp_path / "cache", program) == {}


def test_the_ratio_lies_between_those_of_the_measured_points(program: Path, tmp_path: Path) -> None:
    path = crop(tmp_path / "in", "photo_cat", 96)
    frame = measure_folder(tmp_path / "in", tmp_path / ".cache", ["avif", "ncr"], targets=(80.0,), most=4)
    found = butteraugli_harm(frame, routed([path.name], 80.0), pictures_in([tmp_path / "in"]), tmp_path / "b", program)
    assert list(found.columns) == COLUMNS
    (row,) = found.to_dict("records")
    assert row["compared"]
    near = {name: around(rows, row["bytes"])["setting"].astype(int).tolist() for name, rows in frame.groupby("family")}
    known = distances(open_picture(path), near, tmp_path / "b", program)
    for name, tau in TAU.items():
        ours, *theirs = ([known[f, s][name] for s in near[f]] for f in ("ncr", "avif420", "avif444"))
        lowest = min(ours) / min(max(values) for values in theirs)
        highest = max(ours) / min(min(values) for values in theirs)
        assert lowest * (1 - 1e-9) <= row[f"{name}_ratio"] <= highest * (1 + 1e-9)
        assert row["harmed"] or row[f"{name}_ratio"] <= tau


def test_only_what_a_policy_left_in_the_neural_lane_is_asked(program: Path, tmp_path: Path) -> None:
    crop(tmp_path / "in", "photo_coffee", 64)
    frame = table({"ncr": line(1.0), "avif444": line(1.0)}, "photo_coffee.png", "in")
    lanes = routed(["photo_coffee.png"], 50.0, "classical")
    assert butteraugli_harm(frame, lanes, pictures_in([tmp_path / "in"]), tmp_path / "b", program).empty
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(("size", "settings"), [(1500, [1, 2]), (1000, [1]), (999, []), (2000, [2]), (9000, [3]), (4000, [3])])
def test_points_around_a_size(size: float, settings: list[int]) -> None:
    rows = pd.DataFrame({"setting": [3, 1, 2], "bytes": [4000, 1000, 2000], "ssimulacra2": [80.0, 40.0, 60.0]})
    found = around(rows, size)["setting"].tolist()
    assert found[: len(settings)] == settings
    assert len(found) <= 2


def test_version_2_counts_either_judge_and_an_image_once() -> None:
    frame = pd.concat(
        [table({"ncr": line(1.0, loss=loss), "avif444": line(1.0)}, image, "in") for image, loss in (("a", 3), ("b", 1))]
    )
    frame = pd.concat([frame, table({"ncr": line(1.0), "avif444": line(1.0)}, "c", "in")])
    first = harm(frame, (50.0, 70.0))
    ratios = {"a": 1.0, "b": 1.01 * TAU["butteraugli_norm"], "c": 1.0}
    seen = pd.DataFrame(
        [
            {"domain": "in", "image": image, "target": target, "bytes": 1.0, "butteraugli_norm_ratio": ratio}
            | {"butteraugli_max_ratio": 1.0, "compared": True, "harmed": ratio > TAU["butteraugli_norm"]}
            for image, ratio in ratios.items()
            for target in (50.0, 70.0)
        ]
    )
    lanes = pd.concat([routed(list("abc"), target) for target in (50.0, 70.0)])
    found = summary(lanes, seen, first)
    assert found["version"] == VERSION == found["policies"]["p"]["all"]["version"]
    for name in ("all", "50", "70"):
        part = found["policies"]["p"][name]
        assert (part["harmed_images"], part["neural_images"], part["images"]) == (2, 3, 3)
        assert (part["by_butteraugli"], part["by_butteraugli_alone"]) == (1, 1)
    nothing = summary(routed(["a"], 50.0, "classical"), seen.iloc[:0], first)["policies"]["p"]["all"]
    assert (nothing["harmed_images"], nothing["neural_images"]) == (0, 0)


def test_a_program_that_fails_is_named(tmp_path: Path) -> None:
    path = crop(tmp_path / "in", "photo_cat", 64)
    frame = measure_folder(tmp_path / "in", tmp_path / ".cache", ["avif444"], targets=(80.0,), most=4)
    own = pd.concat([frame, frame.assign(family="ncr", lane="neural", setting=8000)], ignore_index=True)
    (tmp_path / "broken").write_text("#!/bin/sh\necho nothing >&2\nexit 3\n")
    (tmp_path / "broken").chmod(0o755)
    with pytest.raises(CodecUnavailableError, match="ended with 3: nothing"):
        butteraugli_harm(own, routed([path.name], 80.0), pictures_in([tmp_path / "in"]), tmp_path / "b", tmp_path / "broken")
