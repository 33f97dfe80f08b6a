"""Figures and their intervals, against other libraries and published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from router.evaluation.statistics import auroc, share, wilson

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=3, max_size=20).map(np.array)


@given(SCORES, SCORES)
@example(np.zeros(9), np.array([0.0, 1.0, 1.0]))  # a resample's weights summed to more than 1
@settings(max_examples=30, deadline=None)
def test_auroc_is_that_of_scikit_learn_and_lies_in_its_interval(inside: np.ndarray, outside: np.ndarray) -> None:
    found = auroc(inside, outside)
    labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    assert found.value == pytest.approx(roc_auc_score(labels, np.r_[inside, outside]))
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert auroc(3 * inside + 1, 3 * outside + 1).to_dict() == pytest.approx(found.to_dict())


def test_an_interval_at_one_depends_on_how_much_was_seen() -> None:
    few, many = (auroc(np.arange(n), 1000.0 + np.arange(n)) for n in (5, 100))
    assert few.value == many.value == few.high == many.high == 1
    assert few.low is not None
    assert many.low is not None
    assert 0.5 < few.low < 0.9 < many.low < 1
    mirrored = auroc(1000.0 + np.arange(5), np.arange(5.0))
    assert (mirrored.low, mirrored.high) == pytest.approx((0, 1 - few.low))


def test_auroc_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = 0.921350  # of N(0, 1) against N(2, 1): Phi(2 / sqrt(2))
    runs = [auroc(rng.normal(0, 1, 60), rng.normal(2, 1, 15)) for _ in range(60)]
    assert np.mean([r.low <= truth <= r.high for r in runs if r.low is not None and r.high is not None]) >= 0.85


def test_without_images_there_is_no_figure() -> None:
    assert auroc(np.array([]), np.array([1.0])).to_dict() == {"value": None, "low": None, "high": None, "images": 1}
    assert share(np.array([], bool)).value is None
    assert wilson(0, 0) == (0, 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_holds_the_share_and_is_symmetric(count: int, trials: int) -> None:
    count = min(count, trials)
    low, high = wilson(count, trials)
    assert 0 <= low <= count / trials <= high <= 1
    assert wilson(trials - count, trials) == pytest.approx((1 - high, 1 - low))


def test_wilson_against_published_values() -> None:
    """Newcombe, Statistics in Medicine 17, 1998, table I: 81/263, 15/148, 0/20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
