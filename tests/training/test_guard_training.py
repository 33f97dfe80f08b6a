"""Calibrating the guard, and the planted damage and structures that it is measured with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from router.codecs.base import CarryMatrix, Lane
from router.codecs.neural.weights import list_models
from router.quality.guard import MEASURES, GuardLevel, check
from router.quality.target import Target
from training.guard import refusals
from training.guard.damages import DAMAGES
from training.guard.fit import TARGETS, calibrate
from training.guard.samples import Sample
from training.guard.structures import CELL, luma, plant, remains

PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[:320, 64:384])
CARRIES = CarryMatrix(modes=frozenset({"RGB"}), depths=frozenset({8}), alpha="none", icc=False, exif=False, xmp=False)


def _samples(seed: int, count: int = 400) -> list[Sample]:
    """Photographs whose measures have exponential tails, the lower the higher the target."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.2, 3, len(MEASURES))
    out = []
    for number in range(count):
        quarters = {t: [scale * rng.exponential(1, len(MEASURES)) * (100 - t) / 100 for _ in range(4)] for t in TARGETS}
        out.append(Sample(f"source__{number}", 512 * 512, {t: np.max(q, 0) for t, q in quarters.items()}, quarters))
    return out


@pytest.mark.parametrize("quantile", [0.9, 0.95, 0.99])
def test_a_quantile_is_the_share_that_passes_all_measures_together(quantile: float) -> None:
    model = list_models()[0].id
    samples = _samples(1, 2000)
    calibration, others = calibrate("test", model, samples[:1000]), samples[1000:]
    for target in TARGETS:
        limits = calibration.limits(MEASURES, target, quantile, 512 * 512)
        passed = np.mean([(s.whole[target] <= limits).all() for s in others])
        # Rather too many than too few: limits are raised where they would otherwise rise with the target.
        assert quantile - 0.03 <= passed <= min(1, quantile + 0.04)


def test_a_few_failures_of_the_codec_do_not_raise_the_limits() -> None:
    model = list_models()[0].id
    samples = _samples(2)
    failures = [Sample("f", s.pixels, {t: v * 50 for t, v in s.whole.items()}, s.quarters) for s in samples[:8]]
    clean, mixed = (calibrate("test", model, group) for group in (samples, failures + samples[8:]))
    limits = [c.limits(MEASURES, 70, 0.99, 512 * 512) for c in (clean, mixed)]
    assert (limits[1] <= 1.5 * limits[0]).all()
    assert all((s.whole[70.0] > limits[1]).any() for s in failures)


def test_too_few_photographs_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        calibrate("test", list_models()[0].id, _samples(3, 5))


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_strongest_damage_is_found_where_the_picture_is_good(kind: str) -> None:
    damage = DAMAGES[kind]
    source, decoded = damage.plant(PHOTOGRAPH, PHOTOGRAPH, np.random.default_rng(3), damage.strengths[-1])
    assert source.shape == decoded.shape == PHOTOGRAPH.shape
    assert np.abs(source.astype(int) - decoded).max() > 10
    report = check(
        source,
        decoded,
        lane=Lane.NEURAL,
        carries=CARRIES,
        level=GuardLevel.FULL,
        target=Target.quality(85),
        score=None,
        quantile=0.9,
    )
    assert not report.passed


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1, 3]))
def test_what_was_planted_is_all_there_before_coding_and_gone_without_it(seed: int, channels: int) -> None:
    before = PHOTOGRAPH[..., :channels]
    planted, structures = plant(before, np.random.default_rng(seed), 8)
    assert structures
    touched = np.zeros(before.shape[:2], bool)
    for structure in structures:
        touched[structure.window] = True
        assert structure.shape.shape == (CELL, CELL)
        whole, gone = remains(structure, before, planted), remains(structure, before, before)
        assert whole.contrast == pytest.approx(1, abs=1e-3)
        assert whole.displacement == 0
        assert whole.correlation == pytest.approx(1, abs=1e-3)
        assert gone.contrast == pytest.approx(0, abs=1e-3)
    assert np.array_equal(luma(planted)[~touched], luma(before)[~touched])


def test_refusals_are_counted_at_the_point_nearest_to_the_target() -> None:
    rows = [
        ("natural", "a", 49.0, True, "GUARD_PASSED"),
        ("natural", "a", 52.9, False, "GUARD_DETAIL_LOST"),  # further from 50 than the first
        ("natural", "b", 50.5, False, "GUARD_EDGES_LOST"),
        ("natural", "c", 60.0, False, "GUARD_EDGES_LOST"),  # nowhere near
        ("map", "a", 51.0, False, "GUARD_STRUCTURE_ADDED"),
    ]
    points = pd.DataFrame(rows, columns=["domain", "image", "ssimulacra2", "guard_passed", "guard_code"])
    lines = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in refusals.table(points, [50.0])}
    assert lines["natural"].startswith("1 of 2 ")
    assert lines["natural"].endswith("edges_lost")
    assert lines["map"].startswith("1 of 1 ")
    assert lines["all photographs"] == lines["natural"]
    assert refusals.table(points, [90.0])[2] == "| map | - |"
