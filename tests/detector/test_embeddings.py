from __future__ import annotations

import numpy as np
import pytest
from detector_images import pixels_of, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_set import Samples

from router.detector.embeddings import MIN_SIDE, embed, feature_names, tile_feature_names
from router.detector.views import MAX_TILES, TILE, VIEW_SIDE, grid, views


@given(st.integers(1, 70_000), st.integers(1, 70_000))
@settings(max_examples=100, deadline=None)
def test_the_grid_is_bounded_and_inside_any_image(height: int, width: int) -> None:
    corners = grid(height, width)
    assert 1 <= len(corners) <= MAX_TILES
    assert (corners >= 0).all()
    assert (corners[:, 0] <= max(0, height - TILE)).all()
    assert (corners[:, 1] <= max(0, width - TILE)).all()


@pytest.mark.parametrize("shape", [(40, 9000), (9000, 40), (2000, 3000), (33, 33)])
def test_the_small_view_is_bounded_and_averages(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    seen = views(sample_of(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)))
    assert max(seen.small.shape) <= VIEW_SIDE
    assert seen.small.mean() == pytest.approx(127.5, abs=6)
    assert len(seen.tiles) <= MAX_TILES


def test_names_match_the_vectors(samples: Samples) -> None:
    pixels = pixels_of(samples["photo_coffee"])
    for array, gray in ((pixels, False), (pixels[..., :1], True)):
        embedding = embed(sample_of(array))
        assert embedding.gray is gray
        assert embedding.vector.shape == (len(feature_names(gray)),)
        assert embedding.tiles.shape[1] == len(tile_feature_names(gray))
        assert len(set(feature_names(gray))) == len(feature_names(gray))
    assert set(feature_names(True)) == {n for n in feature_names(False) if "colour." not in n}


def test_gray_is_gray_in_one_channel_or_three(samples: Samples) -> None:
    gray = pixels_of(samples["gray_camera"], "L")
    one, three = embed(sample_of(gray)), embed(sample_of(np.stack([gray] * 3, axis=-1)))
    np.testing.assert_array_equal(one.vector, three.vector)


def test_alpha_is_left_out(samples: Samples) -> None:
    pixels = pixels_of(samples["photo_cat"])
    alpha = np.random.default_rng(0).integers(0, 256, (*pixels.shape[:2], 1), dtype=np.uint8)
    with_alpha = embed(sample_of(np.concatenate([pixels, alpha], axis=-1)))
    np.testing.assert_array_equal(embed(sample_of(pixels)).vector, with_alpha.vector)


DEGENERATE = {
    "black": np.zeros((64, 64, 3), np.uint8),
    "white 16 bit": np.full((64, 64, 1), 65535, np.uint16),
    "smallest": np.zeros((MIN_SIDE, MIN_SIDE, 1), np.uint8),
    "checkerboard": np.indices((257, 131)).sum(0).astype(np.uint8)[..., None] % 2 * 255,
    "one bright pixel": np.pad(np.full((1, 1, 3), 255, np.uint8), ((50, 50), (50, 50), (0, 0))),
    "saturated colour": np.tile(np.array([255, 0, 0], np.uint8), (100, 40, 1)),
    "strip": np.random.default_rng(0).integers(0, 256, (MIN_SIDE, 40_000, 1), dtype=np.uint8),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_images_have_finite_features(name: str) -> None:
    assert np.isfinite(embed(sample_of(DEGENERATE[name])).vector).all()
