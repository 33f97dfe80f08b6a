"""What a fit needs and finds, before any work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

from router.detector.fit.degradations import draw, generator
from router.detector.fit.from_folder import fit_folder
from router.detector.fit.plan import SURE_SIDE, plan_fit, smallest_collection
from router.errors import UsageError


def scene(number: int, side: int = 700, *, gray: bool = False) -> Image.Image:
    """A picture that no other number gives anything near to."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (8, 9, 3), np.uint8)
    image = Image.fromarray(small).resize((side, side), Image.Resampling.BOX)
    return image.convert("L") if gray else image


def collection(folder: Path, count: int, side: int = 700, *, gray: bool = False) -> Path:
    folder.mkdir()
    for number in range(count):
        scene(number, side, gray=gray).save(folder / f"{number}.jpg", quality=90)
    return folder


@pytest.mark.parametrize("gray", [False, True])
def test_the_one_number_is_enough_and_one_less_is_not(tmp_path: Path, gray: bool) -> None:
    needed = smallest_collection()
    assert needed == 99
    plan = plan_fit(collection(tmp_path / "in", needed, gray=gray))
    assert plan.enough, plan
    plan.require()
    assert (len(plan.fitting), plan.large) == (60, 39)
    assert plan.kind == ("gray" if gray else "colour")
    assert not set(plan.fitting) & set(plan.calibrating)
    (tmp_path / "in" / "0.jpg").unlink()
    with pytest.raises(UsageError, match=r"98 images of 98 scenes.*60 needed.*39 needed") as refused:
        plan_fit(tmp_path / "in").require()
    assert "99 or more" in refused.value.hint
    assert refused.value.details["images"] == 98


def test_a_third_is_kept_back_where_there_are_more(tmp_path: Path) -> None:
    folder = collection(tmp_path / "in", 180, 320)
    plan = plan_fit(folder, mixed=False)
    assert plan.enough
    assert 40 <= len(plan.calibrating) <= 80
    assert len(plan.fitting) + len(plan.calibrating) == 180
    for number in range(180, 200):
        scene(number, 320).save(folder / f"{number}.jpg")
    more = plan_fit(folder, mixed=False)
    assert set(plan.calibrating) <= set(more.calibrating)


def test_small_and_gray_images_and_near_duplicates_do_not_count(tmp_path: Path) -> None:
    folder = collection(tmp_path / "in", 99, 150)
    plan = plan_fit(folder)
    assert (plan.images, plan.scenes, plan.large) == (99, 99, 0)
    with pytest.raises(UsageError, match="0 colour ones large enough") as refused:
        plan.require()
    assert f"{SURE_SIDE[True]} px a side" in refused.value.hint
    for number in range(3):
        scene(number).save(folder / f"again{number}.png")
        scene(200 + number, gray=True).save(folder / f"gray{number}.png")
    again = plan_fit(folder)
    assert (again.images, again.scenes, again.colour, again.gray) == (105, 102, 102, 3)


def test_the_side_that_is_stated_is_enough_after_any_history() -> None:
    for mixed, side in SURE_SIDE.items():
        blank = Image.new("L", (side, side))
        for number in range(300):
            assert draw(blank, generator(number, "side"), "full", mixed=mixed) is not None


def test_the_library_refuses_before_it_loads_anything(samples: Samples, tmp_path: Path) -> None:
    for name in ("photo_cat", "gray_coins"):
        (tmp_path / samples[name].name).write_bytes(samples[name].read_bytes())
    with pytest.raises(UsageError, match="2 images of 2 scenes, 1 in colour and 1 gray"):
        fit_folder(tmp_path, tmp_path / "out")
    (tmp_path / "damaged.png").write_bytes(samples["photo_cat"].read_bytes()[:3000])
    plan = plan_fit(tmp_path)
    ((path, error),) = plan.unreadable
    assert (path.name, error.code, plan.images) == ("damaged.png", "DAMAGED_IMAGE", 2)
    assert "1 cannot be read" in str(plan)


def test_help_states_the_numbers() -> None:
    command = "from router.cli.main import main; main()"
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-c", command, "fit", "--help"], capture_output=True, text=True, check=True, env=environment
    )
    for number in (smallest_collection(), *SURE_SIDE.values()):
        assert f" {number} " in done.stdout.replace("(", " ")
