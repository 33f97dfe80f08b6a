"""Bytes at matched quality, the neural disadvantage, and harm, on curves whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from evaluation.pieces import line, table
from hypothesis import given, settings
from hypothesis import strategies as st

from router.evaluation import harm as harms
from router.evaluation.comparison.matched import at_targets, disadvantage


def test_avif_is_the_better_of_both() -> None:
    frame = at_targets(table({"avif420": line(1.0), "avif444": line(1.5), "webp": line(2.0)}), (50, 70)).set_index(
        ["family", "target"]
    )
    for target in (50.0, 70.0):
        assert frame.loc[("avif", target), "bytes"] == frame.loc[("avif420", target), "bytes"]
        assert frame.loc[("avif444", target), "bytes"] / frame.loc[("avif420", target), "bytes"] == pytest.approx(1.5, rel=0.01)
        assert frame.loc[("avif", target), "score"] == pytest.approx(target, abs=0.1)


def test_out_of_reach_is_nan() -> None:
    low = [point for point in line(1.0) if point[1] <= 60]
    frame = at_targets(table({"webp": low}), (50, 85)).set_index("target")
    assert frame.loc[50.0, "bytes"] > 0
    assert np.isnan(frame.loc[85.0, "bytes"])


@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 3))
def test_disadvantage_is_the_log_ratio(scale: float) -> None:
    frame = table({"ncr": line(scale), "avif444": line(1.0), "webp": line(1.4), "png": [(10**7, 100.0, 1.0)]})
    (row,) = disadvantage(frame, 50).to_dict("records")
    assert row["classical"] == "avif444"
    assert row["disadvantage"] == pytest.approx(np.log(scale), abs=0.02)
    assert (row["disadvantage_ms_ssim"] > 0) == (row["neural_bytes_ms_ssim"] > row["classical_bytes_ms_ssim"])


def test_lossless_is_a_rival_too() -> None:
    frame = table({"ncr": line(1.0), "avif444": line(1.0), "png": [(1500, 100.0, 1.0)]})
    (row,) = disadvantage(frame, 70).to_dict("records")
    assert row["classical"] == "png"
    assert row["classical_bytes"] == pytest.approx(1500)
    assert row["ms_ssim_target"] < 1


def test_a_neural_codec_that_cannot_reach_the_target_is_worse_than_any() -> None:
    weak = [point for point in line(0.5) if point[1] <= 40]
    (row,) = disadvantage(table({"ncr": weak, "avif444": line(1.0)}), 70).to_dict("records")
    assert row["disadvantage"] == np.inf
    (row,) = disadvantage(table({"avif444": line(1.0)}), 70).to_dict("records")
    assert np.isnan(row["disadvantage"])


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.6])
def test_identical_curves_are_no_harm(scale: float) -> None:
    found = harms.harm(table({"ncr": line(scale), "avif444": line(scale), "avif420": line(scale)}), (30, 50, 70, 85))
    assert len(found) == 4
    assert not found["harmed"].any()
    assert found["ms_ssim_gap"].abs().max() < 1e-9
    assert found["worst_tile_ms_ssim_gap"].abs().max() < 1e-9


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 2.5))
def test_harm_begins_beyond_tau(loss: float) -> None:
    """The neural file loses `loss` times as much structure at every size: 10 log10(loss) dB."""
    (row,) = harms.harm(table({"ncr": line(1.0, loss=loss), "avif444": line(1.0)}), (50,)).to_dict("records")
    gap = 10 * np.log10(loss)
    assert row["ms_ssim_gap"] == pytest.approx(gap, abs=1e-6)
    assert row["harmed"] == (gap > harms.TAU["ms_ssim"] or gap > harms.TAU["worst_tile_ms_ssim"])


def test_a_worst_square_alone_is_harm() -> None:
    frame = table({"ncr": line(1.0), "avif444": line(1.0)})
    neural = frame["family"] == "ncr"
    frame.loc[neural, "worst_tile_ms_ssim"] = 1 - 2 * (1 - frame.loc[neural, "worst_tile_ms_ssim"])
    assert harms.harm(frame, (50,))["harmed"].all()


def test_without_a_classical_file_as_small_nothing_is_compared() -> None:
    (row,) = harms.harm(table({"ncr": line(0.01, loss=5), "avif444": line(1.0)}), (50,)).to_dict("records")
    assert not row["compared"]
    assert not row["harmed"]


def test_an_image_counts_once_over_targets() -> None:
    frames = [table({"ncr": line(1.0, loss=2.0 if image == "b" else 1.0), "avif444": line(1.0)}, image) for image in "abc"]
    found = harms.summary(harms.harm(pd.concat(frames), (30, 50, 70)), images_in_all=10)
    assert (found["harmed_images"], found["neural_images"], found["images"]) == (1, 3, 10)
    assert found["per_image"]["share"] == pytest.approx(0.1)
    assert found["per_image"]["low"] < 0.1 < found["per_image"]["high"]
