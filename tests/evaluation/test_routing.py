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
from router.evaluation.comparison.baselines import LINE, baseline_results
from router.evaluation.comparison.costs import cost, searched
from router.evaluation.comparison.decisions import Decided, decide_all
from router.evaluation.comparison.matched import at_targets, images
from router.evaluation.comparison.oracle import choose, family_of, open_families, reached
from router.evaluation.comparison.regret import by_rule
from router.evaluation.comparison.routing import COLUMNS, replayed, routed
from router.evaluation.harm import harm
from router.evaluation.measure.folder import measure_folder
from router.evaluation.measure.pictures import pictures_in
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
    assert open_families(load(POLICY)) == ("jpeg", "webp", "webp-lossless", "png")
    assert "ncr" in open_families(load("balanced"))
    assert "ncr" not in open_families(load("archival"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, list[Decided]]:
    root = tmp_path_factory.mktemp("images")
    crop(root / "photo", "photo_cat")
    crop(root / "photo", "gray_camera", 96)
    crop(root / "graphic", "chart_rates")
    policies = [load(POLICY), load("archival")]
    frame = measure_folder(root, root / ".cache", FAMILIES, targets=TARGETS)
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


def test_the_oracle_within_the_rule_lies_between_router_and_oracle(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    policies = [load(POLICY), load("archival")]
    found = routed(frame, decided, policies)
    assert (found["oracle_bytes"] <= found["permitted_bytes"] * (1 + 1e-9)).all()
    assert (found["permitted_bytes"] <= found["bytes"] * (1 + 1e-9)).all()
    assert (found["permitted_seconds"] <= found["oracle_seconds"] + 1e-9).all()
    graphic = found[(found["rule"] == "graphics") & (found["target"] == 40)].iloc[0]
    assert graphic["permitted_family"] in ("png", "webp-lossless")


def test_regret_by_rule_adds_up(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    found = routed(frame, [one for one in decided if one.policy == "two-lanes"], [load(POLICY)])
    rows = found[found["target"] == 70]
    parts = by_rule(rows, harm(frame, TARGETS))
    assert set(parts["rules"]) == set(rows["rule"])
    whole = parts["all"]
    assert whole["over"]["share"] == pytest.approx(rows["bytes"].sum() / rows["oracle_bytes"].sum() - 1)
    for kind in ("over", "caution", "order"):
        assert whole[kind]["bytes"] == pytest.approx(sum(part[kind]["bytes"] for part in parts["rules"].values()))
    for part in (whole, *parts["rules"].values()):
        assert part["over"]["bytes"] == pytest.approx(part["caution"]["bytes"] + part["order"]["bytes"])


def test_what_caution_costs_and_what_it_prevents() -> None:
    """One rule kept two images out of the neural lane, where they would be smaller; the codec would have harmed the first."""
    frame = pd.concat([table({"ncr": line(0.5, loss=loss), "avif444": line(1.0)}, image) for image, loss in (("a", 5), ("b", 1))])
    row = {"domain": "d", "policy": "p", "target": 50.0, "rule": "unfamiliar", "lane": "classical", "oracle_family": "ncr"}
    row |= {"bytes": 110.0, "permitted_bytes": 100.0, "oracle_bytes": 50.0}
    unreached = row | {"image": "c", "bytes": np.nan}
    rows = pd.DataFrame([row | {"image": "a"}, row | {"image": "b"}, unreached], columns=COLUMNS)
    (part,) = by_rule(rows, harm(frame, (50,)))["rules"].values()
    assert part["images"] == 2
    assert part["over"] == {"bytes": 120.0, "share": pytest.approx(1.2)}
    assert part["caution"] == {"bytes": 100.0, "share": pytest.approx(1.0)}
    assert part["order"] == {"bytes": 20.0, "share": pytest.approx(0.2)}
    assert part["neural_smaller"] == {"images": 2, "bytes": 120.0, "share": pytest.approx(1.2)}
    assert part["would_be_harmed"] == {"images": 1, "bytes": 60.0, "share": pytest.approx(0.6)}


def test_a_source_that_is_passed_through_counts_what_was_measured_of_it(tmp_path: Path) -> None:
    policy = load(POLICY | {"name": "keep", "rules": [], "otherwise": {"lanes": [{"lane": "passthrough"}]}})
    size = crop(tmp_path, "photo_cat").stat().st_size
    pictures = pictures_in([tmp_path])
    decided = decide_all(pictures, [policy], (50.0,))
    for side, share in ((None, 1.0), (64, 0.25)):
        found = routed(
            measure_folder(tmp_path, tmp_path / ".cache", ["png"], max_side=side, targets=(50.0,)), decided, [policy]
        ).iloc[0]
        assert (found["lane"], found["family"]) == ("passthrough", "source")
        assert found["bytes"] == found["permitted_bytes"] == found["source_bytes"] == pytest.approx(share * size)


def test_rivals_are_charged_for_what_they_try() -> None:
    frame = pd.concat(
        [
            table({"ncr": line(0.5), "avif420": line(1.0), "avif444": line(1.1), "png": [(20_000, 100.0, 1.0)]}, "busy"),
            table({"ncr": line(0.5), "avif444": line(1.0), "png": [(100, 100.0, 1.0)]}, "plain"),
            table({"avif444": line(1.0), "png": [(20_000, 100.0, 1.0)]}, "refused"),
        ]
    ).assign(entropy=lambda rows: np.where(rows["image"] == "plain", 0.9 * LINE, 5.0))
    found = baseline_results(frame, (50,)).set_index(["image", "rival"])
    assert found.loc[("busy", "complexity-rule"), "family"] == "ncr"
    assert found.loc[("plain", "complexity-rule"), "family"] == "png"
    assert found.loc[("refused", "complexity-rule"), "family"] == "avif"
    assert found.loc[("refused", "always-neural"), "family"] == "png"
    assert found["missed"].sum() == 1  # what always-neural cannot write
    assert found.loc[("busy", "complexity-rule"), "bytes"] == found.loc[("busy", "always-neural"), "bytes"]
    assert found.loc[("plain", "complexity-rule"), "bytes"] == pytest.approx(100)
    assert found.loc[("plain", "complexity-rule"), "seconds"] == pytest.approx(2.0)  # one lossless file
    assert found.loc[("busy", "always-avif"), "seconds"] > found.loc[("plain", "always-avif"), "seconds"]  # two samplings, one
    by = summary(baseline_results(frame, (50,)), pd.DataFrame(columns=COLUMNS), harm(frame, (50,)))["50"]["all"]["rivals"]
    assert by["complexity-rule"]["families"] == {"avif": 1, "ncr": 1, "png": 1}
    assert by["complexity-rule"]["harm"]["neural_images"] == 1
    assert by["always-neural"]["harm"]["neural_images"] == 2
    assert by["complexity-rule"]["out_of_reach"] == 0


def test_the_complexity_rule_needs_its_codecs() -> None:
    frame = table({"avif444": line(1.0), "png": [(20_000, 100.0, 1.0)]})
    assert set(baseline_results(frame, (50,))["rival"]) == {"always-avif"}


def test_a_failed_lane_is_paid_for(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    one = next(d for d in decided if d.policy == "two-lanes" and d.picture.image == "photo_cat.png" and d.target == 70.0)
    poor = frame[(frame["image"] == "photo_cat.png") & ((frame["lane"] == "lossless") | (frame["ssimulacra2"] < 60))]
    ((_, _, found),) = images(poor)
    result = replayed(one, found)
    assert (result["lane"], result["family"], result["lanes_failed"]) == ("lossless", "png", 1)
    assert result["steps"] >= 3
    assert replayed(replace(one, target=40.0), found)["family"] == "webp"


def test_a_neural_result_must_save_what_is_asked(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    """Beside the first classical codec, which is paid for once."""
    one = next(d for d in measured[2] if d.policy == "two-lanes" and d.picture.image == "photo_cat.png" and d.target == 70.0)
    neural = replace(one.decision.lanes[0], lane="neural", codecs=("ncr",), must_save=0.25)
    asked = replace(one, source_goes=False, decision=replace(one.decision, lanes=(neural, *one.decision.lanes)))
    for scale, family in ((0.7, "ncr"), (0.8, "webp"), (1.2, "webp")):
        ((_, _, found),) = images(table({"ncr": line(scale), "webp": line(1.0), "jpeg": line(0.1), "png": [(10**6, 100.0, 1.0)]}))
        result = replayed(asked, found)
        assert (result["family"], result["lanes_failed"]) == (family, int(family == "webp"))
        spent = sum(searched(found[name], name, 70.0).seconds for name in ("ncr", "webp"))
        assert result["seconds"] == pytest.approx(asked.seconds + spent)
    ((_, _, found),) = images(table({"ncr": line(5.0), "png": [(10**6, 100.0, 1.0)]}))
    assert replayed(asked, found)["family"] == "ncr"  # no classical codec can write it: nothing to compare with


def test_summary(measured: tuple[Path, pd.DataFrame, list[Decided]]) -> None:
    _, frame, decided = measured
    found = routed(frame, decided, [load(POLICY), load("archival")])
    result = summary(baseline_results(frame, TARGETS), found, harm(frame, TARGETS))
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
    found = summary(baseline_results(frame, (50,)), pd.DataFrame(rows, columns=COLUMNS), harm(frame, (50,)))["50"]["all"]
    assert found["policies"]["p"]["harm"]["harmed_images"] == 1
    assert found["policies"]["p"]["harm"]["per_image"]["share"] == 0.5
    assert found["neural_harm"]["harmed_images"] == 2
    assert found["policies"]["p"]["share_of_oracle_seconds"] == 0.5
