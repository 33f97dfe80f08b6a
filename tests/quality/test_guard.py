"""The guard finds what it is there for, says where, and lets through what is right."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from router.codecs.base import CarryMatrix, Lane
from router.quality.guard import MEASURES, GuardLevel, GuardReport, check
from router.quality.guard.measure import measure
from router.quality.target import Target

CARRIES = CarryMatrix(
    modes=frozenset({"L", "LA", "RGB", "RGBA"}), depths=frozenset({8, 16}), alpha="exact", icc=True, exif=True, xmp=True
)
PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[:320, 64:384])
LOCAL = (GuardLevel.FAST, GuardLevel.FULL, GuardLevel.STRICT)


def _coded(pixels: np.ndarray, quality: int = 90) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(buffer))


CODED = _coded(PHOTOGRAPH)


def _check(
    source: np.ndarray,
    decoded: np.ndarray,
    lane: Lane = Lane.NEURAL,
    level: str = "full",
    score: float | None = 70.0,
    *,
    target: float = 70.0,
    quantile: float = 0.99,
) -> GuardReport:
    return check(
        source,
        decoded,
        lane=lane,
        carries=CARRIES,
        level=GuardLevel(level),
        target=Target.quality(target),
        score=score,
        quantile=quantile,
    )


def test_values_of_a_tile_do_not_depend_on_how_the_picture_is_cut_into_windows() -> None:
    wide = np.pad(PHOTOGRAPH, ((0, 0), (0, 2304 - PHOTOGRAPH.shape[1]), (0, 0)), mode="symmetric")
    coded = _coded(wide)
    whole, part = measure(wide, coded), measure(wide[:, :2048].copy(), coded[:, :2048].copy())  # as one band, and in windows
    own = [k for k, name in enumerate(MEASURES) if not name.startswith("faded")]
    same = part.tiles[:, 1] < (2048 - 192) // 64
    seen = {tuple(tile): values for tile, values in zip(whole.tiles.tolist(), whole.values[:, own], strict=True)}
    for tile, values in zip(part.tiles[same].tolist(), part.values[same][:, own], strict=True):
        assert np.array_equal(seen[tuple(tile)], values)
    assert sorted(whole.tiles.tolist()) == whole.tiles.tolist()


@pytest.mark.parametrize("lane", [Lane.LOSSLESS, Lane.TRANSCODE])
@pytest.mark.parametrize("level", list(GuardLevel))
def test_one_wrong_sample_fails_a_lossless_lane_at_every_level(lane: Lane, level: GuardLevel) -> None:
    wrong = PHOTOGRAPH.copy()
    wrong[100, 100, 1] ^= 1
    assert _check(PHOTOGRAPH, PHOTOGRAPH.copy(), lane, level).passed
    assert _check(PHOTOGRAPH, wrong, lane, level).code == "GUARD_NOT_IDENTICAL"


@pytest.mark.parametrize("level", list(GuardLevel))
@pytest.mark.parametrize(
    "decoded", [PHOTOGRAPH[:-1], PHOTOGRAPH[..., :1], PHOTOGRAPH.astype(np.uint16)], ids=["size", "channels", "depth"]
)
def test_geometry(decoded: np.ndarray, level: GuardLevel) -> None:
    assert _check(PHOTOGRAPH, decoded, Lane.CLASSICAL, level).code == "GUARD_GEOMETRY"


def test_a_score_below_the_tolerance_fails() -> None:
    assert _check(PHOTOGRAPH, PHOTOGRAPH, Lane.CLASSICAL, score=69.1).passed
    assert _check(PHOTOGRAPH, PHOTOGRAPH, Lane.CLASSICAL, score=68.9).code == "GUARD_QUALITY"
    assert _check(PHOTOGRAPH, PHOTOGRAPH, Lane.CLASSICAL, "off", score=10.0).passed


@pytest.mark.parametrize("level", list(GuardLevel))
def test_an_exact_alpha_must_be_exact(level: GuardLevel) -> None:
    source = np.dstack([PHOTOGRAPH, np.full(PHOTOGRAPH.shape[:2], 200, np.uint8)])
    wrong = source.copy()
    wrong[5, 5, 3] -= 1
    assert _check(source, wrong, Lane.NEURAL, level).code == "GUARD_NOT_IDENTICAL"


def test_colour_under_alpha_zero_is_not_judged() -> None:
    hidden = np.dstack([PHOTOGRAPH, np.zeros(PHOTOGRAPH.shape[:2], np.uint8)])
    assert _check(hidden, np.zeros_like(hidden)).passed


def _flipped(decoded: np.ndarray) -> np.ndarray:
    decoded[128:192, 192:256] = decoded[128:192, 192:256][::-1].copy()  # right colours, wrong place
    return decoded


def _blurred(decoded: np.ndarray) -> np.ndarray:
    decoded[128:192, 192:256] = cv2.GaussianBlur(decoded, (0, 0), 6)[128:192, 192:256]
    return decoded


def _tinted(decoded: np.ndarray) -> np.ndarray:
    tinted = decoded.astype(int)
    tinted[128:192, 192:256, 2] += 40
    return np.clip(tinted, 0, 255).astype(np.uint8)


def _textured(decoded: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 30, (64, 64, 1))
    changed = decoded.astype(float)
    changed[128:192, 192:256] += noise
    return np.clip(changed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("damage", [_flipped, _blurred, _tinted, _textured])
@pytest.mark.parametrize("level", LOCAL)
def test_a_damaged_tile_fails_the_neural_lane_and_is_named(damage, level: GuardLevel) -> None:  # type: ignore[no-untyped-def]
    assert _check(PHOTOGRAPH, CODED, Lane.NEURAL, level).passed
    report = _check(PHOTOGRAPH, damage(CODED.copy()), Lane.NEURAL, level)
    assert not report.passed
    assert report.worst is not None
    assert (report.worst.x, report.worst.y, report.worst.width, report.worst.height) == (192, 128, 64, 64)
    assert report.worst.value > report.worst.limit
    assert report.worst.measure in report.detail


def test_what_was_wrong_is_told_apart() -> None:
    assert _check(PHOTOGRAPH, _tinted(CODED.copy())).code == "GUARD_COLOUR_CAST"
    gray = np.full((256, 256, 1), 128, np.uint8)
    spot = gray.copy()
    cv2.circle(spot, (100, 90), 4, 170, -1)
    assert _check(spot, gray).code == "GUARD_DETAIL_LOST"
    assert _check(gray, spot).code == "GUARD_STRUCTURE_ADDED"


@pytest.mark.parametrize("shift", [2, 3])
def test_a_line_that_moved_is_found(shift: int) -> None:
    source, decoded = np.full((256, 256, 3), 90, np.uint8), np.full((256, 256, 3), 90, np.uint8)
    cv2.line(source, (40, 60), (200, 150), (130, 130, 130), 1)
    cv2.line(decoded, (40, 60 + shift), (200, 150 + shift), (130, 130, 130), 1)
    assert not _check(source, decoded).passed
    assert _check(source, source).passed


def test_a_tint_on_gray_is_found_where_the_same_shift_of_a_strong_colour_is_not() -> None:
    gray, red = np.full((128, 128, 3), 128, np.uint8), np.full((128, 128, 3), (220, 30, 30), np.uint8)
    tint = np.array([12, 0, -12])
    assert _check(gray, (gray + tint).astype(np.uint8)).code == "GUARD_COLOUR_CAST"
    assert _check(red, (red + tint).astype(np.uint8)).passed


def test_classical_lanes_are_looked_at_by_level() -> None:
    damaged = _flipped(CODED.copy())
    assert _check(PHOTOGRAPH, damaged, Lane.CLASSICAL, "full").passed
    assert not _check(PHOTOGRAPH, damaged, Lane.CLASSICAL, "strict").passed
    assert _check(PHOTOGRAPH, damaged, Lane.NEURAL, "off").passed


def test_fast_finds_the_one_line_in_a_large_plain_image() -> None:
    source, without = (np.full((1100, 1500, 1), 128, np.uint8) for _ in range(2))
    cv2.line(source, (930, 640), (1010, 700), 255, 1)
    report = _check(source, without, level="fast")
    assert not report.passed
    assert report.worst is not None
    assert 896 <= report.worst.x <= 1024
    assert 576 <= report.worst.y <= 704


def test_tiles_are_held_against_the_target_that_was_reached_where_none_was_asked_for() -> None:
    poor = _coded(PHOTOGRAPH, 25)
    asked: list[float] = []

    def reports(score: float, level: GuardLevel) -> GuardReport:
        def perceptual() -> float:
            asked.append(score)
            return score

        return check(
            PHOTOGRAPH,
            poor,
            lane=Lane.NEURAL,
            carries=CARRIES,
            level=level,
            target=Target("bpp", 1.0),
            score=None,
            perceptual=perceptual,
        )

    loose, tight = reports(40.0, GuardLevel.FULL), reports(85.0, GuardLevel.FULL)
    assert loose.worst is not None
    assert tight.worst is not None
    assert loose.worst.severity < tight.worst.severity
    assert asked == [40.0, 85.0]
    reports(85.0, GuardLevel.FAST)
    assert len(asked) == 2  # a bounded check does not score the whole image


damaged = st.builds(
    lambda seed, strength, side, x, y: _noisy(seed, strength, side, x, y),
    st.integers(0, 99),
    st.integers(1, 60),
    st.integers(4, 90),
    st.integers(0, 230),
    st.integers(0, 230),
)


def _noisy(seed: int, strength: int, side: int, x: int, y: int) -> np.ndarray:
    changed = CODED.astype(float)
    changed[y : y + side, x : x + side] += np.random.default_rng(seed).normal(0, strength, (1, 1, 3))
    changed[y : y + side, x : x + side] = cv2.GaussianBlur(changed, (0, 0), 1 + strength / 10)[y : y + side, x : x + side]
    return np.clip(changed, 0, 255).astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(damaged, st.floats(0.5, 0.999), st.floats(0.5, 0.999), st.floats(0, 100), st.floats(0, 100))
def test_a_lower_quantile_and_a_higher_target_refuse_no_less(
    decoded: np.ndarray, q1: float, q2: float, t1: float, t2: float
) -> None:
    loose = _check(PHOTOGRAPH, decoded, score=None, quantile=max(q1, q2), target=min(t1, t2))
    tight = _check(PHOTOGRAPH, decoded, score=None, quantile=min(q1, q2), target=max(t1, t2))
    assert loose.passed or not tight.passed
    assert loose.worst is not None
    assert tight.worst is not None
    assert loose.worst.severity <= tight.worst.severity + 1e-3


@settings(max_examples=20, deadline=None)
@given(damaged, st.floats(20, 90))
def test_a_higher_level_refuses_no_less(decoded: np.ndarray, target: float) -> None:
    passed = [_check(PHOTOGRAPH, decoded, Lane.NEURAL, level, target=target, score=target).passed for level in GuardLevel]
    assert passed == sorted(passed, reverse=True)


@pytest.mark.parametrize("seed", range(3))
def test_what_fast_refuses_full_refuses_in_a_large_image(seed: int) -> None:
    source = np.tile(PHOTOGRAPH, (3, 4, 1))[:900, :1200]
    decoded = np.tile(CODED, (3, 4, 1))[:900, :1200]
    rng = np.random.default_rng(seed)
    for _ in range(12):
        y, x = rng.integers(0, 836), rng.integers(0, 1136)
        decoded[y : y + 64, x : x + 64] = cv2.GaussianBlur(decoded[y : y + 64, x : x + 64], (0, 0), rng.uniform(0.5, 3))
    fast, full = (_check(source, decoded, Lane.NEURAL, level, target=80, score=None) for level in ("fast", "full"))
    assert not fast.passed
    assert not full.passed
    assert full.measured["worst_tile_ssim"] <= fast.measured["worst_tile_ssim"]  # of all tiles, and of some of them


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 150),
    st.integers(1, 150),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from(list(GuardLevel)),
    st.floats(0.5, 0.999),
    st.floats(0, 100),
    st.integers(0, 9),
)
def test_identical_pixels_always_pass(
    height: int, width: int, channels: int, level: GuardLevel, quantile: float, target: float, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)
    assert _check(pixels, pixels.copy(), Lane.NEURAL, level, 100.0, quantile=quantile, target=target).passed
