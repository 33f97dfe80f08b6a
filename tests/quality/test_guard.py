"""The guard finds what it is there for, and lets through what is right."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from router.codecs.base import CarryMatrix, Lane
from router.quality.guard import GuardLevel, GuardReport, check
from router.quality.target import Target

CARRIES = CarryMatrix(
    modes=frozenset({"L", "LA", "RGB", "RGBA"}), depths=frozenset({8, 16}), alpha="exact", icc=True, exif=True, xmp=True
)
PHOTOGRAPH = data.astronaut()


def _check(
    source: np.ndarray, decoded: np.ndarray, lane: Lane, level: str = "standard", score: float | None = 70.0
) -> GuardReport:
    return check(source, decoded, lane=lane, carries=CARRIES, level=GuardLevel(level), target=Target.quality(70), score=score)


@pytest.mark.parametrize("lane", [Lane.LOSSLESS, Lane.TRANSCODE])
@pytest.mark.parametrize("level", list(GuardLevel))
def test_one_wrong_sample_fails_a_lossless_lane_at_every_level(lane: Lane, level: GuardLevel) -> None:
    wrong = PHOTOGRAPH.copy()
    wrong[100, 100, 1] ^= 1
    assert _check(PHOTOGRAPH, PHOTOGRAPH.copy(), lane, level).passed
    assert _check(PHOTOGRAPH, wrong, lane, level).code == "GUARD_NOT_IDENTICAL"


@pytest.mark.parametrize(
    "decoded", [PHOTOGRAPH[:-1], PHOTOGRAPH[..., :1], PHOTOGRAPH.astype(np.uint16)], ids=["size", "channels", "depth"]
)
def test_geometry(decoded: np.ndarray) -> None:
    assert _check(PHOTOGRAPH, decoded, Lane.CLASSICAL).code == "GUARD_GEOMETRY"


def test_a_score_below_the_tolerance_fails() -> None:
    assert _check(PHOTOGRAPH, PHOTOGRAPH, Lane.CLASSICAL, score=69.1).passed
    assert _check(PHOTOGRAPH, PHOTOGRAPH, Lane.CLASSICAL, score=68.9).code == "GUARD_QUALITY"
    assert _check(PHOTOGRAPH, PHOTOGRAPH, Lane.CLASSICAL, "structure", score=10.0).passed


def test_an_exact_alpha_must_be_exact() -> None:
    source = np.dstack([PHOTOGRAPH, np.full(PHOTOGRAPH.shape[:2], 200, np.uint8)])
    wrong = source.copy()
    wrong[5, 5, 3] -= 1
    assert _check(source, wrong, Lane.NEURAL).code == "GUARD_NOT_IDENTICAL"


def test_one_bad_tile_fails_the_neural_lane() -> None:
    damaged = PHOTOGRAPH.copy()
    damaged[0:64, 192:256] = damaged[0:64, 192:256][::-1]  # right colours, wrong place
    assert _check(PHOTOGRAPH, damaged, Lane.NEURAL).code == "GUARD_WORST_TILE"
    assert _check(PHOTOGRAPH, damaged, Lane.CLASSICAL, "strict").code == "GUARD_WORST_TILE"


def test_a_colour_cast_fails_the_neural_lane() -> None:
    tinted = PHOTOGRAPH.astype(int)
    tinted[128:192, 128:192, 2] += 12
    assert _check(PHOTOGRAPH, np.clip(tinted, 0, 255).astype(np.uint8), Lane.NEURAL).code == "GUARD_COLOUR_CAST"


def test_colour_under_alpha_zero_is_not_judged() -> None:
    hidden = np.dstack([PHOTOGRAPH, np.zeros(PHOTOGRAPH.shape[:2], np.uint8)])
    black = np.zeros_like(hidden)
    assert _check(hidden, black, Lane.NEURAL).passed
