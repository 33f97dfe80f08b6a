"""Fitting the search model: curves that follow from a few numbers are found again, also where most of them was not measured."""

from __future__ import annotations

import numpy as np

from router.codecs.avif import AvifCodec
from router.codecs.base import Knob
from router.codecs.jpeg import JpegCodec
from router.quality.search import SearchOutcome
from router.quality.target import Target
from training.search.bisection import bisect
from training.search.distinct import distinct_settings
from training.search.model import CurveSamples, extend, fit, interpolation, place, regress

KNOTS = np.array([1.0, 20, 40, 60, 80, 100])
KEYS = (("a", "ssimulacra2"), ("b", "ssimulacra2"))


def _level(key: tuple[str, str], setting: np.ndarray, z: np.ndarray) -> np.ndarray:
    start = 20.0 if key[0] == "a" else 10.0
    return start + 0.6 * setting + 8 * z[0] + 4 * z[1] * (setting / 50 - 1)


def _images(count: int, rng: np.random.Generator) -> tuple[list[dict[tuple[str, str], CurveSamples]], np.ndarray]:
    numbers = rng.normal(size=(count, 2))
    images = []
    for z in numbers:
        image = {}
        for key in KEYS:
            if rng.random() < 0.2:
                continue  # a codec that refused it
            setting = np.sort(rng.uniform(1, 100, 4))
            image[key] = CurveSamples(interpolation(KNOTS, setting), _level(key, setting, z) + rng.normal(0, 0.3, 4))
        images.append(image)
    return images, numbers


def test_curves_are_found_from_scattered_points() -> None:
    rng = np.random.default_rng(1)
    images, numbers = _images(120, rng)
    found, means, covariances = fit(images, dict.fromkeys(KEYS, KNOTS), rng.normal(size=(120, 2)), rounds=30)
    new, truth = _images(30, rng)
    placed, _ = place(new, found)
    settings = np.array([15.0, 50.0, 90.0])
    errors = [
        _level(key, settings, z) - interpolation(KNOTS, settings) @ (found.theta[key] @ np.concatenate([[1.0], m]))
        for z, m, image in zip(truth, placed, new, strict=True)
        if len(image) == 2
        for key in KEYS
    ]
    assert np.sqrt(np.mean(np.square(errors))) < 1.0  # of curves that differ by 8 points from image to image
    inputs = np.column_stack([np.ones(120), numbers])
    _, left, _ = regress(inputs, means, covariances, (0.1, 1.0, 10.0))
    assert np.trace(left) < 0.2 * np.trace(np.cov(means.T))


def test_a_further_codec_is_put_onto_known_numbers() -> None:
    rng = np.random.default_rng(2)
    images, numbers = _images(80, rng)
    only = [{KEYS[1]: image[KEYS[1]]} for image in images if KEYS[1] in image]
    known = np.array([z for z, image in zip(numbers, images, strict=True) if KEYS[1] in image])
    uncertain = np.tile(0.01 * np.eye(2), (len(known), 1, 1))
    found, means, _ = extend(only, {KEYS[1]: KNOTS}, known, uncertain, rank=1, rounds=15)
    theta = found.theta[KEYS[1]]
    assert theta.shape == (len(KNOTS), 4)
    assert means.shape == (len(known), 1)
    np.testing.assert_allclose(theta[1:-1, 1], 8, atol=1.0)


def test_settings_with_the_same_file_are_found() -> None:
    distinct = distinct_settings(AvifCodec())
    assert distinct is not None
    assert 40 < len(distinct) < 80
    assert distinct[0] == 1
    jpeg = distinct_settings(JpegCodec())
    assert jpeg is None or len(jpeg) > 80


def test_the_rival_finds_what_there_is() -> None:
    knob = Knob("quality", 1, 100, 75)
    steps, outcome, setting = bisect(lambda q: (10 * q, float(q)), knob, Target.quality(50), None)
    assert (outcome, setting in (49, 50, 51)) == (SearchOutcome.WITHIN, True)
    assert steps <= 10
    assert bisect(lambda q: (10 * q, q / 2), knob, Target.quality(90), None)[1:] == (None, None)
    size = Target.parse({"metric": "max_bytes", "value": 333})
    assert bisect(lambda q: (10 * q, 0.0), knob, size, 333)[2] == 33
