"""Oracle, costs, what a policy's walk comes to, and the summary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluation.pieces import crop, line, table
from hypothesis import given, settings
from hypothesis import strategies as st

from router.codecs.base import Knob
from router.evaluation.costs import cost
from router.evaluation.harm import harm
from router.evaluation.matched import at_targets, images
from router.evaluation.oracle import choose, family_of, permitted_families, reached
from router.evaluation.pictures import pictures_in
from router.evaluation.routing import COLUMNS, Decided, decide_all, routed, walked
from router.evaluation.run import ladders
from router.evaluation.summary import harm_over_targets, summary
from router.policy.load import load

TARGETS = (40.0, 70.0)
FAMILIES = ("jpeg", "webp", "avif444", "png", "webp-lossless", "jxl-lossless")
SCALES = st.floats(0.3, 3)
_SMALLEST = {"lane": "lossless", "codecs": ["png", "webp-lossless"], "choose": "smallest"}
POLICY = {
    "schema_version": 1,
    "name": "two-lanes",
    "rules": [{"name": "graphics", "when": "!image.gray && image.colours <= 700", "then": {"lanes": [_SMALLEST]}}],
    "otherwise": {"lanes": [{"lane": "classical", "codecs": ["webp", "jpeg"]}, {"lane": "lossless", "codecs": ["png"]}]},
}


@settings(max_examples=30, deadline=None)
@given(SCALES, SCALES, SCALES, st.sampled_from([30.0, 50.0, 85.0]))
def test_no_permitted_family_beats_the_oracle(a: float, b: float, c: float, target: float) -> None:
    frame = table({"avif444": line(a), "webp": line(b), "ncr": line(c), "png": [(20_000, 100.0, 1.0)]})
    ((_, _, found),) = images(frame)
    permitted = ("avif444", "webp", "png")
    best = choose(found, permitted, target)
    assert best.bytes == min(size for name in permitted if (size := reached(found[name], target)) is not None)
    assert best.family in permitted
    assert choose(found, (*permitted, "ncr"), target).bytes == pytest.approx(
        min(best.bytes, reached(found["ncr"], target) or np.inf)
    )
    assert choose(found, ("jpeg",), target) == choose({}, permitted, target)


def test_what_the_guard_stops_is_no_choice() -> None:
    frame = table({"avif444": line(1.0), "ncr": line(0.5)})
    frame.loc[(frame["family"] == "ncr") & (frame["ssimulacra2"] < 60), "guard_passed"] = False
    ((_, _, found),) = images(frame)
    assert choose(found, ("avif444", "ncr"), 50).family == "avif444"
    assert choose(found, ("avif444", "ncr"), 70).family == "ncr"


def test_the_cost_is_that_of_the_search() -> None:
    frame = table({"webp": line(1.0)})
    knob = Knob("quality", 1, 11, 8)  # scores 0, 10, ... 100; 70 where the search expects about that
    at_once = cost(frame, knob, 70.0)
    assert (at_once.steps, at_once.seconds) == (1, pytest.approx(0.5 + 1.5))
    assert cost(frame, knob, 90.0).steps > 1
    one = cost(frame.head(1), None, 50.0)
    assert (one.steps, one.seconds) == (1, pytest.approx(2.0))
    low = frame[frame["ssimulacra2"] <= 40]
    assert cost(low, Knob("quality", 1, 5, 3), 85.0).steps in (1, 2)  # it takes trying to learn that it is out of reach


def test_families_of_a_policy() -> None:
    assert family_of("avif") == "avif444"
    assert family_of("jxl-transcode") is None
    assert family_of("no-such-codec") is None
    assert permitted_families(load(POLICY)) == ("jpeg", "webp", "webp-lossless", "png")
    assert "ncr" in permitted_families(load("balanced"))
    assert "ncr" not in permitted_families(load("archival"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, list[Decided]]:
    root = tmp_path_factory.mktemp("images")
    crop(root / "photo", "photo_cat")
    crop(root / "photo", "gray_camera", 96)
    crop(root / "graphic", "chart_rates")
    policies = [load(POLICY), load("archival")]
    frame = ladders(root, root / ".cache", FAMILIES, targets=TARGETS)
    return root, frame, decide_all(pictures_in([root]), policies, TARGETS)


def test_walks_follow_the_decision(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    found = routed(frame, decided, [load(POLICY), load("archival")])
    assert list(found.columns) == COLUMNS
    assert len(found) == 3 * 2 * len(TARGETS)
    by = found.set_index(["policy", "image", "target"])
    size = at_targets(frame, TARGETS).set_index(["image", "family", "target"])["bytes"]
    photo = by.loc[("two-lanes", "photo_cat.png", 70.0)]
    assert (photo["family"], photo["bytes"]) == ("webp", size["photo_cat.png", "webp", 70.0])
    gray = by.loc[("two-lanes", "gray_camera.png", 70.0)]  # WebP refuses gray
    assert (gray["family"], gray["lane"]) == ("jpeg", "classical")
    graphic = by.loc[("two-lanes", "chart_rates.png", 70.0)]
    assert graphic["bytes"] == min(size["chart_rates.png", name, 70.0] for name in ("png", "webp-lossless"))
    assert (found["oracle_bytes"] <= found["bytes"] * (1 + 1e-9)).all()
    assert (found["seconds"] - found["decide_seconds"] <= found["oracle_seconds"] + 1e-9).all()


def test_a_failed_lane_is_paid_for(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    one = next(d for d in decided if d.policy == "two-lanes" and d.picture.image == "photo_cat.png" and d.target == 70.0)
    poor = frame[(frame["image"] == "photo_cat.png") & ((frame["lane"] == "lossless") | (frame["ssimulacra2"] < 60))]
    ((_, _, found),) = images(poor)
    result = walked(one, found)
    assert (result["lane"], result["family"], result["lanes_failed"]) == ("lossless", "png", 1)
    assert result["steps"] >= 3
    assert walked(replace(one, target=40.0), found)["family"] == "webp"


def test_summary(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    matched = at_targets(frame, TARGETS)
    found = routed(frame, decided, [load(POLICY), load("archival")])
    result = summary(matched, found, harm(frame, TARGETS))
    json.dumps(result, allow_nan=False)
    assert set(result) == {"40", "70"}
    assert set(result["70"]) == {"all", "photo", "graphic"}
    pooled = result["70"]["all"]
    assert pooled["images"] == 3
    assert pooled["rivals"]["always-avif"]["against_avif"] == pytest.approx(1)
    assert pooled["rivals"]["always-webp"]["out_of_reach"] >= 1  # the gray image
    policy = pooled["policies"]["two-lanes"]
    assert policy["regret"] >= 0
    assert policy["bytes"] == pytest.approx(found[(found["policy"] == "two-lanes") & (found["target"] == 70)]["bytes"].sum())
    assert sum(policy["lanes"].values()) == 3
    assert policy["harm"]["neural_images"] == 0
    assert pooled["policies"]["archival"]["lanes"] == {"lossless": 3}
    assert harm_over_targets(found, harm(frame, TARGETS), TARGETS)["two-lanes"]["images"] == 3


def test_only_neural_lane_images_count_as_the_routers_harm() -> None:
    frame = pd.concat([table({"ncr": line(1.0, loss=3.0), "avif444": line(1.0)}, image) for image in "ab"])
    rows = [
        dict.fromkeys(COLUMNS) | {"domain": "d", "image": image, "policy": "p", "target": 50.0, "lane": lane, "bytes": 1.0}
        | {"seconds": 1.0, "oracle_seconds": 2.0, "oracle_bytes": 1.0, "fixed_settings": False}
        for image, lane in (("a", "neural"), ("b", "classical"))
    ]  # fmt: skip
    found = summary(at_targets(frame, (50,)), pd.DataFrame(rows, columns=COLUMNS), harm(frame, (50,)))["50"]["all"]
    assert found["policies"]["p"]["harm"]["harmed_images"] == 1
    assert found["policies"]["p"]["harm"]["per_image"]["share"] == 0.5
    assert found["neural_harm"]["harmed_images"] == 2
    assert found["policies"]["p"]["share_of_oracle_seconds"] == 0.5
