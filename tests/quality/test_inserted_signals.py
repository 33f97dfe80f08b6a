"""Inserted signals: what is planted, who loses it, and what level `strict` makes of that."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from router.quality.guard import GuardLevel, GuardReport
from router.quality.guard.inserted_signals import CELL, MOST_PIXELS, WINDOW, compare_inserted_signals
from router.quality.guard.noninferiority import MOST_LOST, Contender, objection
from router.quality.target import Target
from router.reasons import ReasonCode

PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[:256, 64:320])
CELLS = (256 // CELL) ** 2


def _same(pixels: np.ndarray) -> np.ndarray:
    return pixels


def _blurred(sigma: float):  # type: ignore[no-untyped-def]
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8).reshape(pixels.shape)


def test_what_both_keep_is_not_lost() -> None:
    found = compare_inserted_signals(PHOTOGRAPH, _same, _same)
    assert (found.shown, found.lost, found.share) == (CELLS, 0, 0.0)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.7, 2.0), st.floats(0.4, 1.0))
def test_the_more_blur_the_more_is_lost_and_nothing_beside_what_is_as_soft(sigma: float, less: float) -> None:
    soft, softer = _blurred(less * sigma), _blurred(sigma)
    assert compare_inserted_signals(PHOTOGRAPH, soft, _same).lost <= compare_inserted_signals(PHOTOGRAPH, softer, _same).lost
    assert compare_inserted_signals(PHOTOGRAPH, softer, softer).lost == 0
    assert compare_inserted_signals(PHOTOGRAPH, soft, softer).lost == 0


def test_what_the_rival_does_not_show_does_not_count() -> None:
    gray = np.full((128, 128, 3), 90, np.uint8)
    assert compare_inserted_signals(gray, lambda pixels: gray, lambda pixels: gray).shown == 0
    found = compare_inserted_signals(gray, lambda pixels: gray, _same)
    assert found.lost == found.shown == 16


@pytest.mark.parametrize("shape", [(31, 400, 3), (400, 31, 1), (8, 8, 3)])
def test_where_no_probe_has_room_none_is_lost(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 90, np.uint8)
    found = compare_inserted_signals(picture, _blurred(3), _same)
    assert (found.shown, found.lost) == (0, 0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_signals_are_drawn_into_colour_and_nowhere_else(channels: int, dtype: type) -> None:
    full = np.iinfo(dtype).max
    picture = np.full((96, 64, channels), full // 3, dtype)
    untouched = picture.copy()
    seen: list[np.ndarray] = []

    def recode(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels.copy())
        return pixels

    assert compare_inserted_signals(picture, recode, recode).shown == 6
    assert np.array_equal(picture, untouched)
    assert np.array_equal(seen[0], picture)
    assert np.array_equal(seen[1], seen[3])
    colours = 1 if channels < 3 else 3
    changed = (seen[1] != picture)[..., :colours].any(-1)
    assert all(changed[y : y + CELL, x : x + CELL].any() for y in (0, 32, 64) for x in (0, 32))
    assert not (seen[1] != picture)[..., colours:].any()
    contrast = np.abs(seen[1].astype(float) - picture).max() / full
    assert 0.1 < contrast <= 0.15 + 1 / 255


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_ground_hide_nothing(value: int) -> None:
    assert compare_inserted_signals(np.full((128, 128, 3), value, np.uint8), _same, _same).shown == 16


def test_a_large_picture_is_probed_in_four_places() -> None:
    side = 1100
    assert side * side > MOST_PIXELS
    shapes: list[tuple[int, ...]] = []

    def recode(pixels: np.ndarray) -> np.ndarray:
        shapes.append(pixels.shape)
        return pixels

    picture = np.full((side, side, 3), 100, np.uint8)
    assert compare_inserted_signals(picture, recode, _same).shown == 4 * (WINDOW // CELL) ** 2
    assert shapes == [(WINDOW, WINDOW, 3)] * 8  # without and with signals
    long = np.full((64, 40_000, 3), 100, np.uint8)
    assert compare_inserted_signals(long, _same, _same).shown == 4 * (64 // CELL) * (WINDOW // CELL)


def test_strict_gives_way_where_probes_are_lost() -> None:
    passed = GuardReport(GuardLevel.STRICT, True, ReasonCode.GUARD_PASSED)

    def beside(ours: float, share: float) -> str:
        """Of a codec that blurs so much in this share of the picture, with no word of it in the picture itself."""

        def recode(pixels: np.ndarray) -> np.ndarray:
            out = pixels.copy()
            columns = slice(0, int(share * pixels.shape[1]))
            out[:, columns] = _blurred(ours)(pixels)[:, columns]
            return out

        neural, classical = Contender(80, passed, PHOTOGRAPH, recode), Contender(100, passed, PHOTOGRAPH, _same)
        return objection(Target.quality(70), PHOTOGRAPH, neural, classical)

    assert beside(0.1, 1.0) == ""
    assert "probes are lost" in beside(2.0, 1.0)
    assert "probes are lost" in beside(2.0, 3 * MOST_LOST)
    without = Contender(80, passed, PHOTOGRAPH), Contender(100, passed, PHOTOGRAPH, _same)
    assert objection(Target.quality(70), PHOTOGRAPH, *without) == ""
