"""Local details kept beside a baseline, and what level `strict` makes of them."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from router.quality.guard import GuardLevel, GuardReport
from router.quality.guard.local_details import compare_local_details
from router.quality.guard.noninferiority import MOST_ATTENUATED, Contender, objection
from router.quality.target import Target
from router.reasons import ReasonCode

PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[:256, 64:320])


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _passed() -> GuardReport:
    return GuardReport(GuardLevel.STRICT, True, ReasonCode.GUARD_PASSED)


def test_nothing_fades_beside_itself() -> None:
    details = compare_local_details(PHOTOGRAPH, PHOTOGRAPH, PHOTOGRAPH)
    assert details.seen > 100
    assert details.attenuated == 0


@settings(max_examples=10, deadline=None)
@given(st.floats(0.8, 3.0), st.floats(0.3, 1.0))
def test_more_blur_fades_more_marks_and_never_the_sharper_one(sigma: float, less: float) -> None:
    soft, softer = _blurred(PHOTOGRAPH, less * sigma), _blurred(PHOTOGRAPH, sigma)
    beside_source = compare_local_details(PHOTOGRAPH, soft, PHOTOGRAPH), compare_local_details(PHOTOGRAPH, softer, PHOTOGRAPH)
    assert beside_source[0].attenuated <= beside_source[1].attenuated
    assert beside_source[1].attenuated > 0
    assert compare_local_details(PHOTOGRAPH, soft, softer).share <= 0.01


def test_a_mark_that_the_rival_loses_too_does_not_count() -> None:
    soft = _blurred(PHOTOGRAPH, 4)
    assert compare_local_details(PHOTOGRAPH, soft, soft).attenuated == 0


@pytest.mark.parametrize("row", [100, 1010, 1500])
def test_one_deleted_mark_is_found_wherever_it_is_in_a_tall_image(row: int) -> None:
    image = np.full((1600, 96, 3), 120, np.uint8)
    spots = [60, 340, 620, 900, 1200, *([row] if row not in (60, 1200) else [])]
    for at in spots:
        cv2.circle(image, (48, at), 2, (160, 160, 160), -1)
    damaged = image.copy()
    damaged[row - 8 : row + 9] = 120
    assert compare_local_details(image, image, image).seen >= len(spots)
    found = compare_local_details(image, damaged, image)
    assert 1 <= found.attenuated <= found.seen // 3
    assert compare_local_details(image, damaged, damaged).attenuated == 0


def test_strict_gives_way_where_marks_fade() -> None:
    target = Target.quality(70)
    sharp, soft = (Contender(size, _passed(), p) for size, p in ((100, PHOTOGRAPH), (80, _blurred(PHOTOGRAPH, 1.5))))
    assert "marks fade" in objection(target, PHOTOGRAPH, soft, sharp)
    assert objection(target, PHOTOGRAPH, Contender(80, _passed(), PHOTOGRAPH), sharp) == ""
    assert objection(target, PHOTOGRAPH, sharp, Contender(120, _passed(), soft.pixels)) == ""


def test_a_few_of_many_marks_may_fade() -> None:
    damaged = PHOTOGRAPH.copy()
    damaged[8:18, 154:164] = _blurred(PHOTOGRAPH, 3)[8:18, 154:164]
    details = compare_local_details(PHOTOGRAPH, damaged, PHOTOGRAPH)
    assert 0 < details.share <= MOST_ATTENUATED
    whole = Contender(100, _passed(), PHOTOGRAPH)
    assert objection(Target.quality(70), PHOTOGRAPH, Contender(80, _passed(), damaged), whole) == ""
