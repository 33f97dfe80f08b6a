"""What a policy reads of an image's pixels, through the public surface."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

import router

BY_COLOUR = {
    "schema_version": 1,
    "name": "by-colour",
    "rules": [{"name": "gray", "when": "image.gray", "then": {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}}],
    "otherwise": {"lanes": [{"lane": "classical", "codecs": ["jpeg"]}]},
}


def _is_gray(image: object) -> bool:
    return router.decide(image, policy=BY_COLOUR).rule == "gray"


def _with_trace(gray: np.ndarray, levels: int) -> np.ndarray:
    """Gray in three channels, one of which is off by so much in every fourth row."""
    colour = np.repeat(gray[..., None], 3, axis=2)
    colour[::4, :, 0] = np.clip(colour[::4, :, 0].astype(int) + levels, 0, 255)
    return colour


@pytest.fixture(scope="module")
def camera(samples: Samples) -> np.ndarray:
    with Image.open(samples["gray_camera"]) as image:
        return np.minimum(np.asarray(image.convert("L")), 240)


def test_a_trace_of_colour_is_no_colour(camera: np.ndarray, samples: Samples) -> None:
    assert _is_gray(camera)
    assert _is_gray(_with_trace(camera, 0))
    assert _is_gray(_with_trace(camera, 1))
    assert not _is_gray(_with_trace(camera, 12))
    assert not _is_gray(samples["photo_cat"])


def test_a_scan_with_a_small_mark_in_colour_is_gray(camera: np.ndarray) -> None:
    marked = _with_trace(camera, 0)
    marked[:32, :32, 0] = 255
    stored = io.BytesIO()
    Image.fromarray(marked).save(stored, "JPEG", quality=85)
    assert np.ptp(np.asarray(Image.open(stored)).astype(int), axis=2).max() > 50
    assert _is_gray(stored.getvalue())


@pytest.mark.parametrize(("trace", "gray"), [(0, True), (1, False)])
def test_where_there_is_too_little_to_average_every_pixel_counts(camera: np.ndarray, trace: int, gray: bool) -> None:
    assert _is_gray(_with_trace(camera[:16, :16], trace)) is gray


@pytest.mark.parametrize("trace", [1, 40])
def test_sixteen_bits_are_judged_alike(camera: np.ndarray, trace: int) -> None:
    deep = _with_trace(camera, trace).astype(np.uint16) * 257
    assert _is_gray(deep) is (trace == 1)
