"""Pictures made by formulas, which stand for foreign domains."""

from __future__ import annotations

import numpy as np
import pytest

from router.images.arrays import from_pixels
from training.detector.made import DOMAINS

SEEDS = range(8)


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_a_picture_depends_on_its_seed_alone(domain: str) -> None:
    once, again = ([np.asarray(DOMAINS[domain].draw(np.random.default_rng(seed))) for seed in SEEDS] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert len({a.tobytes() for a in once}) == len(SEEDS)


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_every_picture_can_be_read_and_shows_something(domain: str) -> None:
    for seed in SEEDS:
        pixels = np.asarray(DOMAINS[domain].draw(np.random.default_rng(seed)))
        assert from_pixels(pixels).bits == 8
        assert 200 <= min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= 560
        assert np.ptp(pixels) > 4
        assert len(np.unique(pixels)) > 1


@pytest.mark.slow
def test_phantoms_are_gray_and_as_different_as_devices_are() -> None:
    drawn = [np.asarray(DOMAINS["phantom"].draw(np.random.default_rng(seed)), float) for seed in range(24)]
    assert all(picture.ndim == 2 for picture in drawn)
    means = [picture.mean() for picture in drawn]
    assert max(means) > 3 * min(means)
