"""Measuring: what is measured, that the file holds it, and that only what is missing is measured again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from cost_files import known
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from router.cli.main import app
from router.codecs import registry
from router.policy.load import load, shipped_names
from router.prediction.costs import benchmark, fit, store
from router.prediction.costs.benchmark import BenchmarkTask
from router.prediction.costs.model import CODEC, KNOT, SCORE, Band, CostLine
from router.prediction.costs.picture import picture
from router.prediction.costs.predict import configuration

SMALL = (0.02, 0.06)


def shipped_tasks() -> list[BenchmarkTask]:
    return benchmark.tasks(load(name).policy for name in shipped_names())


def test_every_codec_here_and_every_setting_of_a_shipped_policy_is_measured() -> None:
    keys = {t.key for t in shipped_tasks()}
    for codec_id in registry.BUILTIN:
        assert BenchmarkTask(CODEC, codec_id, configuration(registry.get(codec_id), {})).key in keys
    for name in shipped_names():
        policy = load(name).policy
        for action in [policy.otherwise, *(rule.then for rule in policy.rules)]:
            for lane in action.lanes:
                for codec_id, chosen in lane.settings.items():
                    assert BenchmarkTask(CODEC, codec_id, configuration(registry.get(codec_id), chosen)).key in keys


@pytest.fixture(scope="module")
def measured() -> benchmark.CostModel:
    wanted = [
        t for t in shipped_tasks() if t.kind != CODEC or t.name in ("jpeg", "ncr", "jxl-transcode") or "speed" in t.settings
    ]
    model, failed = benchmark.measure(wanted, megapixels=SMALL)
    assert failed == []
    assert {e.key for e in model.entries} == {t.key for t in wanted}
    return model


def test_everything_takes_some_time(measured: benchmark.CostModel) -> None:
    for entry in measured.entries:
        assert entry.at(1.0) > 0
        assert entry.samples >= len(benchmark.CELLS)
        assert entry.band.low <= 1 <= entry.band.high
        assert (entry.threads is not None) == (entry.name == "ncr")
    assert measured.start_up > 0


def test_what_was_measured_holds_here(measured: benchmark.CostModel) -> None:
    store.save(measured)
    found = store.load()
    assert found.model == measured
    for entry in measured.entries:
        assert found.find(entry.kind, entry.name, entry.settings) == entry


def test_a_codec_that_fails_is_told_and_the_others_are_measured() -> None:
    bad, good = BenchmarkTask(CODEC, "jpeg", {"mood": "blue"}), BenchmarkTask(SCORE, "psnr", {})
    model, failed = benchmark.measure([bad, good], megapixels=SMALL)
    assert [f.task for f in failed] == [bad]
    assert "BAD_SETTING" in failed[0].error
    assert [e.name for e in model.entries] == ["psnr"]


def test_the_command_measures_what_is_missing_and_no_more() -> None:
    known()
    everything = shipped_tasks()
    full = benchmark.CostModel.from_json(known().to_json())
    entries = {e.key: e for e in full.entries}
    from cost_files import entry as made

    for task in everything:
        if task.kind == CODEC:
            own = registry.get(task.name).get_config()
            entries.setdefault(task.key, made(CODEC, task.name, {k: v for k, v in task.settings.items() if own.get(k) != v}))
    assert entries.keys() >= {t.key for t in everything}
    del entries[(SCORE, "psnr", "{}")]
    store.save(benchmark.CostModel(full.machine, full.measured_at, 1.0, 1.0, tuple(entries.values())))
    lines = _benchmark()
    by_name = {(d.get("kind"), d.get("name")): d for d in lines}
    assert by_name[SCORE, "psnr"]["measured_now"] is True
    assert sum(d["measured_now"] is True for d in lines) == 1
    assert lines[-1]["machine"]["cpus"] >= 1
    again = _benchmark()
    assert not any(d["measured_now"] for d in again)
    assert [d["seconds"] for d in again[:-1] if d["name"] == "psnr"] == [by_name[SCORE, "psnr"]["seconds"]]
    table = CliRunner().invoke(app, ["models", "benchmark"])
    assert table.exit_code == 0
    for word in ("avif", "speed=9", "ncr", "ssimulacra2", "nine of ten"):
        assert word in table.output


def _benchmark() -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["models", "benchmark", "--json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert all(d["ok"] for d in lines)
    return lines


@settings(deadline=None)
@given(st.floats(0, 2), st.floats(0.01, 5), st.lists(st.floats(0.05, 12), min_size=5, max_size=12, unique=True), st.data())
def test_a_disturbed_timing_moves_no_line(fixed: float, slope: float, sizes: list[float], data: st.DataObject) -> None:
    points = [(x, fixed + slope * x) for x in sizes]
    disturbed = data.draw(st.integers(0, len(points) - 1))
    points[disturbed] = (points[disturbed][0], points[disturbed][1] * 3)
    found = fit.line(points)
    clean = [p for i, p in enumerate(points) if i != disturbed]
    exact = sum(abs(found.at(x) / y - 1) for x, y in clean)
    assert exact <= 2.0 + 1e-6  # no worse than what the one disturbed point could gain


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(1e-6, 1e3)), min_size=1, max_size=12))
def test_no_line_is_negative_and_none_is_better(points: list[tuple[float, float]]) -> None:
    def off(fixed: float, slope: float) -> float:
        return sum(abs((fixed + slope * x) / y - 1) for x, y in points)

    found = fit.line(points)
    assert found.fixed >= 0
    assert found.per_megapixel >= 0
    best = off(found.fixed, found.per_megapixel)
    for x, y in points:
        for share in (0.0, 0.3, 1.0):
            assert best <= off(share * y, (1 - share) * y / x) + 1e-6 * len(points)


@settings(deadline=None)
@given(
    st.floats(0, 2),
    st.floats(0.01, 5),
    st.floats(1, 4),
    st.lists(st.tuples(st.floats(0.5, 2), st.floats(1.5, 8)), min_size=1, max_size=5),
)
def test_a_line_bends_by_size_and_not_by_content(
    fixed: float, slope: float, steeper: float, contents: list[tuple[float, float]]
) -> None:
    """Contents take longer by a factor at every size: what is left is how the time grows."""
    line = CostLine(fixed, slope, steeper * slope)
    growth = [((KNOT, content * line.at(KNOT)), (size, content * line.at(size))) for content, size in contents]
    found = fit.bent(CostLine(fixed, slope), growth)
    assert (found.fixed, found.per_megapixel) == (fixed, slope)
    assert found.beyond == pytest.approx(line.beyond, rel=1e-6)
    for size in (0.3, 1.0, 12.0):
        assert found.at(size) == pytest.approx(line.at(size), rel=1e-6)


@settings(deadline=None)
@given(st.floats(0, 2), st.floats(0.01, 5), st.floats(0.01, 1))
def test_no_line_bends_down(fixed: float, slope: float, share: float) -> None:
    line = CostLine(fixed, slope)
    large = (4.0, share * line.at(4.0))
    assert fit.bent(line, [((KNOT, line.at(KNOT)), large)]).beyond >= slope
    assert fit.bent(line, []) == line


def test_a_large_picture_bends_the_line_of_what_it_is_measured_on() -> None:
    task = BenchmarkTask(SCORE, "psnr", {})
    large, small = (benchmark.measure([task], megapixels=m)[0].entries[0] for m in ((0.1, 1.0, 1.5), (0.1, 0.2)))
    assert large.megapixels == pytest.approx(1.5, rel=0.02)
    for line in small.parts.values():
        assert line.beyond == line.per_megapixel
    for line in large.parts.values():
        assert line.beyond >= line.per_megapixel


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=60))
def test_a_band_holds_what_it_says(ratios: list[float]) -> None:
    band = fit.band(ratios)
    assert isinstance(band, Band)
    assert band.low <= 1 <= band.high
    inside = sum(band.low - 1e-9 <= r <= band.high + 1e-9 for r in ratios)
    assert inside >= len(ratios) - 2 * (1 + len(ratios) // 20)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([0.01, 0.05, 0.2]), st.integers(0, 9), st.booleans())
def test_pictures_are_seeded_and_of_their_size(megapixels: float, seed: int, busy: bool) -> None:
    first, second = (picture(megapixels, seed, busy=busy) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape[0] * first.shape[1] / 1e6 == pytest.approx(megapixels, rel=0.05)
    assert not np.array_equal(first, picture(megapixels, seed + 1, busy=busy))


def test_a_large_picture_continues_a_smaller_one() -> None:
    large = picture(1.2, 0, busy=False)
    assert large.shape[0] * large.shape[1] / 1e6 == pytest.approx(1.2, rel=0.05)
    assert np.array_equal(large[860:866], large[866:872][::-1])  # reflected
