from __future__ import annotations

import numpy as np
import pytest
from detector_images import pixels_of, sample_of, text_block
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_set import Samples

from router.codecs.neural.weights import newest_shipped
from router.detector import embeddings
from router.detector.embeddings.backbone import Backbone
from router.detector.embeddings.base import Embedding, embed
from router.detector.embeddings.codec import CodecFeatures
from router.detector.embeddings.scene import Scene, feature_names, tile_feature_names
from router.detector.patches import (
    EVEN_TILES,
    MAX_TILES,
    MIN_SIDE,
    TILE,
    VIEW_SIDE,
    choose_tiles,
    extract_patches,
    grid,
    tile_count,
)
from router.errors import ArtefactError
from router.reasons import ReasonCode


@pytest.fixture(params=embeddings.DEFAULT)
def embedding(request: pytest.FixtureRequest) -> Embedding:
    return embeddings.load(request.param)


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.sampled_from([EVEN_TILES, MAX_TILES]))
@settings(max_examples=100, deadline=None)
def test_the_grid_is_bounded_and_inside_any_image(height: int, width: int, most: int) -> None:
    corners = grid(height, width, most)
    assert 1 <= len(corners) <= most
    assert (corners >= 0).all()
    assert (corners[:, 0] <= max(0, height - TILE)).all()
    assert (corners[:, 1] <= max(0, width - TILE)).all()


@pytest.mark.parametrize(
    "shape", [(32, 32), (480, 480), (481, 481), (97, 1300), (40, 9000), (9000, 40), (2000, 3000), (5000, 4000)]
)
@pytest.mark.parametrize("kind", ["gray", "colour", "deep"])
def test_tiles_are_bounded_inside_and_as_many_as_counted(shape: tuple[int, int], kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3 if kind == "colour" else 1), dtype=np.uint8)
    corners, even = choose_tiles(pixels.astype(np.uint16) * 257 if kind == "deep" else pixels)
    assert 1 <= even <= len(corners) == tile_count(*shape) <= MAX_TILES
    assert (corners >= 0).all()
    assert (corners[:, 0] <= max(0, shape[0] - TILE)).all()
    assert (corners[:, 1] <= max(0, shape[1] - TILE)).all()


@pytest.mark.parametrize("shape", [(1500, 2000), (4000, 6000)])
def test_a_caption_is_looked_at_wherever_it_is(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    scene = 128 + 60 * np.sin(x / 37) + 50 * np.cos(y / 23)
    pixels = np.repeat(scene.astype(np.uint8)[..., None], 3, axis=2)
    for top, left in ((100, 120), (shape[0] - 240, shape[1] - 400), (shape[0] // 2 + 31, shape[1] // 3)):
        captioned = pixels.copy()
        captioned[top : top + 192, left : left + 300] = text_block(192, 300)
        corners, _ = choose_tiles(captioned)
        inside = (np.abs(corners[:, 0] - top - 48) < 96) & (np.abs(corners[:, 1] - left - 100) < 148)
        assert inside.any()


@pytest.mark.parametrize("shape", [(40, 9000), (9000, 40), (2000, 3000), (33, 33)])
def test_the_small_view_is_bounded_and_averages(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    seen = extract_patches(sample_of(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)))
    assert max(seen.small.shape) <= VIEW_SIDE
    assert seen.small.mean() == pytest.approx(127.5, abs=6)
    assert len(seen.tiles) == len(seen.corners) <= MAX_TILES


def test_names_match_the_scene_statistics(samples: Samples) -> None:
    pixels = pixels_of(samples["photo_coffee"])
    for array, gray in ((pixels, False), (pixels[..., :1], True)):
        seen = extract_patches(sample_of(array))
        features = Scene().embed(seen)
        assert seen.gray is gray
        assert features.whole.shape == (len(feature_names(gray)),)
        assert features.tiles.shape == (len(seen.tiles), len(tile_feature_names(gray)))
        assert len(set(feature_names(gray))) == len(feature_names(gray))
    assert set(feature_names(True)) == {n for n in feature_names(False) if "colour." not in n}


def test_several_embeddings_stand_side_by_side(samples: Samples) -> None:
    seen = extract_patches(sample_of(pixels_of(samples["photo_coffee"])))
    used = tuple(map(embeddings.load, embeddings.DEFAULT))
    both = embed(seen, used)
    assert list(both.whole) == list(embeddings.DEFAULT)
    np.testing.assert_array_equal(both.tiles, np.concatenate([e.embed(seen).tiles for e in used], axis=1))
    np.testing.assert_array_equal(both.corners, seen.corners)


def test_tiles_do_not_depend_on_their_neighbours(embedding: Embedding, samples: Samples) -> None:
    tiles = extract_patches(sample_of(pixels_of(samples["photo_coffee"]))).tiles
    alone = np.concatenate([embedding.tile_features(tile[None], False) for tile in tiles[:5]])
    np.testing.assert_allclose(embedding.tile_features(tiles, False)[:5], alone, rtol=1e-4, atol=1e-4)


def test_gray_is_gray_in_one_channel_or_three(embedding: Embedding, samples: Samples) -> None:
    gray = pixels_of(samples["gray_camera"], "L")
    one, three = (embedding.embed(extract_patches(sample_of(array))) for array in (gray, np.stack([gray] * 3, axis=-1)))
    np.testing.assert_array_equal(one.whole, three.whole)
    np.testing.assert_array_equal(one.tiles, three.tiles)


def test_alpha_is_left_out(embedding: Embedding, samples: Samples) -> None:
    pixels = pixels_of(samples["photo_cat"])
    alpha = np.random.default_rng(0).integers(0, 256, (*pixels.shape[:2], 1), dtype=np.uint8)
    with_alpha = embedding.embed(extract_patches(sample_of(np.concatenate([pixels, alpha], axis=-1))))
    np.testing.assert_array_equal(embedding.embed(extract_patches(sample_of(pixels))).whole, with_alpha.whole)


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
def test_degenerate_images_have_finite_features(name: str, embedding: Embedding) -> None:
    features = embedding.embed(extract_patches(sample_of(DEGENERATE[name])))
    assert np.isfinite(features.whole).all()
    assert np.isfinite(features.tiles).all()


def test_the_backbone_tells_what_is_shown(samples: Samples) -> None:
    """The head's features of two photographs of a place are nearer to each other than to a chart."""
    whole = {
        name: Backbone.load().embed(extract_patches(sample_of(pixels_of(samples[name])))).whole[:1280]
        for name in ("photo_cat", "portrait_hopper", "chart_rates")
    }
    turned = Backbone.load().embed(extract_patches(sample_of(pixels_of(samples["photo_cat"])[:, ::-1]))).whole[:1280]

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return 1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert distance(whole["photo_cat"], turned) < 0.5 * distance(whole["photo_cat"], whole["portrait_hopper"])
    assert distance(whole["photo_cat"], turned) < 0.5 * distance(whole["photo_cat"], whole["chart_rates"])


def test_unknown_embeddings_are_refused() -> None:
    with pytest.raises(ArtefactError, match="scene-999") as caught:
        embeddings.load("scene-999", "mine")
    assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION
    assert caught.value.hint


def test_the_codecs_own_features_are_tied_to_its_weights(samples: Samples) -> None:
    codec = CodecFeatures.named(newest_shipped() or "")
    seen = extract_patches(sample_of(pixels_of(samples["palette_cat"])))
    features = codec.embed(seen)
    assert embeddings.load(codec.id).id == codec.id
    assert features.tiles.shape == (len(seen.tiles), len(features.whole))
    assert np.isfinite(features.tiles).all()
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    bits = -4  # of the four facts at the end the first: log bits per pixel
    assert codec.embed(extract_patches(sample_of(noise))).whole[bits] > features.whole[bits] + 0.5
    for other in (codec.id[:-1] + ("0" if codec.id[-1] != "0" else "1"), "codec-nonesuch-00000000"):
        with pytest.raises(ArtefactError) as caught:
            embeddings.load(other)
        assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION
