"""The numbers behind the page: BD-rates, mean curves, ROC, resampling, scales; and the place of the worst square."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from evaluation.pieces import line, table
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from PIL import Image
from sample_set import Samples
from sklearn.metrics import auc

from router.display.svg import AxisScale, plain, tag
from router.evaluation.comparison.bd_rate import bd_rates, by_domain
from router.evaluation.comparison.routing import COLUMNS
from router.evaluation.detection.scores import COLUMNS as SCORED
from router.evaluation.detection.separation import bins, detections, fpr_at_95, roc
from router.evaluation.measure.ms_ssim_tiles import TILE, TiledMsSsim
from router.evaluation.page import plots
from router.evaluation.page.cases import MOST, RELEASED, worst
from router.evaluation.page.mean_curves import mean_curves
from router.evaluation.page.ratios import ratios
from router.evaluation.page.tiles import TileMap
from router.evaluation.statistics import IntervalEstimate, auroc, mean, ratio

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12).map(np.array)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.4, 2.5))
def test_bd_rate_of_files_that_are_larger_everywhere(scale: float) -> None:
    frame = table({"avif444": line(1.0), "jpeg": [(round(scale * size * 100), q, m) for size, q, m in line(1.0)]})
    frame.loc[frame["family"] == "avif444", "bytes"] *= 100
    found = bd_rates(frame).set_index("metric")["bd_rate"]
    assert found["ssimulacra2"] == pytest.approx(100 * (scale - 1), abs=0.1)
    assert found["ms_ssim"] == pytest.approx(100 * (scale - 1), abs=0.1)


def test_the_anchor_is_the_better_sampling() -> None:
    frame = table({"avif420": line(1.0), "avif444": line(1.3), "jxl": line(1.0)})
    assert bd_rates(frame)["bd_rate"].abs().max() < 1.0
    assert set(bd_rates(frame)["family"]) == {"jxl"}


def test_bd_rates_of_a_report_are_means_over_images_with_intervals() -> None:
    curves = [("a", "x", 1.2), ("a", "y", 1.4), ("b", "z", 1.6)]
    frame = pd.concat([table({"avif444": line(1.0), "jpeg": line(s)}, image, domain) for domain, image, s in curves])
    found = by_domain(bd_rates(frame.assign(bytes=100 * frame["bytes"])))
    assert found["anchor"] == "avif"
    assert list(found["ssimulacra2"]) == ["all", "a", "b"]
    domain = found["ssimulacra2"]["a"]
    assert domain["images"] == 2
    assert domain["families"]["jpeg"]["value"] == pytest.approx(30, abs=0.5)
    assert domain["families"]["jpeg"]["low"] < 30 < domain["families"]["jpeg"]["high"]
    assert found["ssimulacra2"]["all"]["families"]["jpeg"]["value"] == pytest.approx(40, abs=0.5)
    assert found["ms_ssim"]["b"]["families"]["jpeg"]["images"] == 1
    assert by_domain(bd_rates(frame.iloc[:0]))["anchor"] is None


def test_no_common_quality_is_no_bd_rate() -> None:
    frame = table({"avif444": line(1.0)[:4], "ncr": line(1.0)[5:], "jpeg": line(1.0)[:1]})
    found = bd_rates(frame)
    assert set(found["family"]) == {"ncr", "jpeg"}
    assert found["bd_rate"].isna().all()


def test_curves_of_a_domain_stand_on_the_same_images() -> None:
    full, short = line(1.0), line(3.0)[:6]
    frame = pd.concat(
        [
            table({"avif444": full, "ncr": line(2.0), "webp": full}, "a"),
            table({"avif444": line(4.0), "ncr": short, "webp": full}, "b"),
            table({"avif444": line(0.1), "ncr": line(0.1)}, "c"),
        ],
        ignore_index=True,
    )
    frame[["width", "height"]] = 100
    (found,) = mean_curves(frame, "ssimulacra2", (30.0, 70.0))
    assert (found.used, found.images, found.left_out) == (2, 3, [])
    curves = {curve.family: curve for curve in found.curves}
    assert {t: r for r, t in curves["avif"].at_targets}[70.0] == pytest.approx(
        8 * math.sqrt(full[7][0] * line(4.0)[7][0]) / 10_000, rel=1e-3
    )
    assert curves["ncr"].points[-1][1] == 50.0  # where image b ends
    assert [t for _, t in curves["ncr"].at_targets] == [30.0]
    assert all(np.diff([q for _, q in curve.points]).min() > 0 for curve in found.curves)


def test_codecs_that_refuse_most_images_are_named() -> None:
    frame = pd.concat([table({"avif444": line(1.0)}, i) for i in "abc"] + [table({"avif444": line(1.0), "webp": line(1.0)}, "d")])
    frame[["width", "height"]] = 64
    (found,) = mean_curves(frame.reset_index(drop=True), "ms_ssim", ())
    assert found.left_out == ["webp"]
    assert (found.used, found.images) == (4, 4)


@settings(max_examples=50, deadline=None)
@given(SCORES, SCORES)
def test_the_area_under_the_roc_is_the_auroc(natural: np.ndarray, outside: np.ndarray) -> None:
    corners = np.array(roc(natural, outside))
    assert auc(corners[:, 0], corners[:, 1]) == pytest.approx(auroc(natural, outside).value)
    assert corners[-1].tolist() == [1.0, 1.0]
    accepted = fpr_at_95(natural, outside)
    assert accepted.value is not None
    assert accepted.low is not None
    assert accepted.low <= accepted.value


def test_small_domains_are_pooled_beside_their_own_rows() -> None:
    rows = [
        (d, f"{i}", float(i), 0.01, "x-1") for d, n in (("Natural", 20), ("map", 4), ("scan", 5), ("sky", 12)) for i in range(n)
    ]
    table_ = pd.DataFrame(rows, columns=SCORED)
    found = detections(table_, ["natural"])
    assert found.natural_domains == ["Natural"]
    assert [one.name for one in found.domains] == ["map", "scan", "sky", "2 domains under 12 images, pooled"]
    assert len(found.domains[-1].scores) == 9
    alone = detections(table_, ["photo"])
    assert alone.natural_domains == []
    assert all(one.auroc.value is None and one.roc == [] for one in alone.domains)


def test_bins_hold_the_middle_and_scores_of_a_thousand() -> None:
    edges = bins([np.array([0.0, 1.0]), np.array([1000.0] * 10)])
    assert np.diff(edges).min() > 0
    assert edges[0] <= 0
    assert edges[-1] >= 1.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=20), st.floats(0.1, 10))
def test_ratios_of_sums(sizes: list[float], scale: float) -> None:
    values = np.array(sizes)
    found = ratio(scale * values, values)
    assert found.value == pytest.approx(scale)
    assert found.images == len(values)
    if found.low is not None and found.high is not None:
        assert found.low == pytest.approx(scale)
        assert found.high == pytest.approx(scale)


def test_what_is_missing_on_one_side_does_not_count() -> None:
    found = ratio(np.array([1.0, np.nan, 5.0]), np.array([2.0, 7.0, np.inf]))
    assert (found.value, found.images) == (0.5, 1)
    assert ratio(np.array([np.nan]), np.array([1.0])) == IntervalEstimate(None, None, None, 0)


def test_the_interval_of_a_mean_narrows_with_images() -> None:
    few, many = (mean(np.tile([0.0, 1.0], n)) for n in (5, 500))
    for found in (few, many):
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0.5 < found.high
    assert (many.high or 1) - (many.low or 0) < 0.2 * ((few.high or 1) - (few.low or 0))
    assert mean(np.array([3.0])) == IntervalEstimate(3.0, None, None, 1)


def test_comparison_is_that_of_the_summary() -> None:
    from router.evaluation.comparison.baselines import baseline_results

    frame = pd.concat([table({"avif444": line(1.0), "jpeg": line(s)}, i) for i, s in (("a", 1.5), ("b", 2.5))])
    everything, domain = ratios(baseline_results(frame, (50.0,)), pd.DataFrame(columns=COLUMNS), None, 50.0)
    assert (everything.name, domain.name) == ("all", "d")
    assert everything.against_avif["always-jpeg"].value == pytest.approx(2.0, rel=0.01)
    assert everything.against_avif["always-avif"].value == 1.0
    assert "router" not in everything.against_avif


@settings(deadline=None)
@given(st.floats(1e-4, 1e6), st.floats(1.001, 1e6), st.booleans())
def test_ticks_lie_inside_and_rise(low: float, factor: float, log: bool) -> None:
    scale = AxisScale.over([low, low * factor], 0, 100, log=log)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 12
    assert all(scale.low * (1 - 1e-6) <= tick <= scale.high * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert 0 <= scale(low) < scale(low * factor) <= 100


@pytest.mark.parametrize("values", [[], [math.nan, math.inf, None], [0.0, -1.0], [5.0]])
@pytest.mark.parametrize("log", [True, False])
def test_a_scale_of_next_to_nothing(values: list[float | None], log: bool) -> None:
    scale = AxisScale.over(values, 10, 0, log=log)
    assert scale.low < scale.high
    assert math.isfinite(scale(1e9))
    assert scale.ticks()


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (-0.0, "0"), (0.05, "0.05"), (-12.0, "−12"), (1500.0, "1500")])
def test_ticks_are_plain_numbers(value: float, text: str) -> None:
    assert plain(value) == text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_figures_are_well_formed_whatever_the_names(name: str) -> None:
    scores = np.array([0.0, 1.0])
    curve = plots.PlotLine(name, "k-ncr", [(0.1, 30.0), (1.0, 80.0)], [(0.1, 30.0)], [name])
    figures: list[Markup] = [
        plots.curves_panel(name, [curve, curve], name, name, (20.0, 90.0), (30.0,)),
        plots.histogram_panel(name, scores, scores, bins([scores])),
        plots.roc_panel(name, roc(scores, scores), name, name),
        plots.interval_cell(IntervalEstimate(1.0, 0.5, 2.0, 3), AxisScale.over([0.5, 2.0], 0, 9, log=True), name, "k-avif", 1.0),
        tag("text", name, x=1.0, data_name=name),
    ]
    for figure in figures:
        root = ElementTree.fromstring(str(figure))
        assert all(child.tag in _KNOWN for child in root.iter())
    assert name in "".join(ElementTree.fromstring(str(figures[-1])).itertext())


_KNOWN = {"svg", "g", "title", "path", "line", "rect", "circle", "text"}


def test_the_worst_square_is_where_the_damage_is(samples: Samples) -> None:
    with Image.open(samples["photo_coffee"]) as image:
        source = np.asarray(image.convert("RGB").crop((0, 0, 400, 300)))
    damaged = source.copy()
    damaged[140:180, 290:330] = 128
    map_ = TileMap(source)
    values = map_.decibels(damaged)
    row, column = np.unravel_index(int(values.argmin()), values.shape)
    square = map_.square(int(row), int(column))
    assert square.left <= 300 <= square.left + square.width
    assert square.top <= 160 <= square.top + square.height
    assert max(square.width, square.height) <= 1.5 * TILE
    _, lowest = TiledMsSsim(source).score(damaged)
    assert values.min() == pytest.approx(-10 * np.log10(1 - lowest))


def test_worst_cases_are_one_an_image_and_released_ones_first() -> None:
    rows = [
        {"domain": "d", "image": f"{i}", "target": t, "ms_ssim_gap": float(i) + t / 100, "worst_tile_ms_ssim_gap": math.nan}
        | {"compared": i != 5, "harmed": True, "bytes": 1.0}
        for i in range(30)
        for t in (50.0, 70.0)
    ]
    neural = [{"domain": "d", "image": f"{i}", "target": 50.0, "policy": "p", "lane": "neural"} for i in range(10)]
    found = worst(pd.DataFrame(rows), pd.DataFrame(neural, columns=COLUMNS))
    assert len(found) == MOST
    assert [row["image"] for row, _ in found[:RELEASED]] == ["9", "8", "7", "6", "4", "3"]
    assert [row["image"] for row, _ in found[RELEASED:]] == ["29", "28", "27"]
    assert {tuple(policies) for _, policies in found} == {("p",), ()}
    assert {row["target"] for row, policies in found if not policies} == {70.0}
    assert worst(pd.DataFrame(rows).iloc[:0], pd.DataFrame(columns=COLUMNS)) == []
