from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from detector_images import pixels_of, sample_of, text_block
from sample_set import Samples

from router.detector.detector import HIGHEST_SCORE, Detector, default_detector
from router.detector.patches import tile_count
from router.detector.scorer import size_of
from router.display.heat_map import picture
from router.images.sample import ImageSample

PHOTOGRAPHS = ("photo_astronaut", "photo_cat", "photo_coffee", "photo_rocket", "portrait_hopper")
NOT_PHOTOGRAPHS = (
    "noise_uniform",
    "chart_rates",
    "drawing_bearing",
    "screenshot_table",
    "map_districts",
    "astronomy_deepfield",
    "document_letter",
)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return default_detector()


def read(samples: Samples, name: str, mode: str = "RGB") -> ImageSample:
    return sample_of(pixels_of(samples[name], mode))


def test_photographs_are_in_distribution_in_colour_and_in_gray(detector: Detector, samples: Samples) -> None:
    """At alpha 0.05 one of ten may be called out; two would be with a probability of 9 % only."""
    reports = []
    for name in PHOTOGRAPHS:
        for mode, kind in (("RGB", "colour"), ("L", "gray")):
            sample = read(samples, name, mode)
            reports.append(detector.score(sample))
            assert reports[-1].stratum == f"{kind}-{size_of(tile_count(sample.height, sample.width))}"
    assert sum(not report.in_distribution for report in reports) <= 1, reports


@pytest.mark.parametrize("name", NOT_PHOTOGRAPHS)
def test_drawings_text_and_noise_are_not(detector: Detector, samples: Samples, name: str) -> None:
    report = detector.score(read(samples, name))
    photographs = [detector.score(read(samples, photo)) for photo in PHOTOGRAPHS]
    assert not report.in_distribution, report
    assert report.p_value < min(photo.p_value for photo in photographs)
    assert report.ood_score > max(photo.ood_score for photo in photographs)


def test_reports_state_what_they_decide(detector: Detector, samples: Samples) -> None:
    report = detector.score(read(samples, "photo_coffee"))
    assert report.detector_id == detector.id
    assert report.alpha == detector.alpha
    assert report.in_distribution == (report.p_value > report.alpha)
    assert report.heatmap is None
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_alpha_moves_the_line_and_nothing_else(samples: Samples) -> None:
    sample = read(samples, "photo_coffee")
    report = default_detector().score(sample)
    strict = Detector.load(alpha=min(0.99, report.p_value)).score(sample)
    assert not strict.in_distribution
    assert (strict.ood_score, strict.p_value) == (report.ood_score, report.p_value)


def test_scores_do_not_depend_on_threads(detector: Detector, samples: Samples) -> None:
    images = [read(samples, name) for name in PHOTOGRAPHS[:3]] * 3
    alone = [detector.score(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.score, images)) == alone
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        assert [detector.score(image) for image in images] == alone
    finally:
        cv2.setNumThreads(before)


SCORE_IN_PROCESS = """
import sys
import numpy as np
from router.detector.detector import default_detector
from router.images.sample import ImageSample, Metadata, Source
pixels = np.load(sys.argv[1])
h, w, c = pixels.shape
bare = Source("array", None), Metadata(), lambda: pixels
sample = ImageSample(width=w, height=h, channels=c, bits=8, source=bare[0], metadata=bare[1], load=bare[2])
print(repr(default_detector().score(sample, heatmap=True).ood_score))
heavy = {"sklearn", "scipy", "joblib", "compressai", "torchvision"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_fresh_process_scores_the_same_without_scikit_learn(
    detector: Detector, samples: Samples, tmp_path: Path, threads: str
) -> None:
    pixels = pixels_of(samples["photo_coffee"])
    np.save(tmp_path / "pixels.npy", pixels)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    command = [sys.executable, "-c", SCORE_IN_PROCESS, str(tmp_path / "pixels.npy")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == repr(detector.score(sample_of(pixels)).ood_score)


@pytest.mark.parametrize("name", ["photo_astronaut", "gray_camera"])
def test_sixteen_bits_score_like_eight(detector: Detector, samples: Samples, name: str) -> None:
    pixels = pixels_of(samples[name])
    eight, sixteen = detector.score(sample_of(pixels)), detector.score(sample_of(pixels.astype(np.uint16) * 257))
    assert sixteen.ood_score == pytest.approx(eight.ood_score, abs=0.02)


def test_gray_in_three_channels_scores_like_one(detector: Detector, samples: Samples) -> None:
    assert detector.score(read(samples, "gray_camera", "L")) == detector.score(read(samples, "gray_camera", "RGB"))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 1), (31, 400, 3), (400, 31, 4)])
def test_images_too_small_to_measure_are_out_with_the_smallest_p(detector: Detector, shape: tuple[int, int, int]) -> None:
    report = detector.score(sample_of(np.full(shape, 90, np.uint8)), heatmap=True)
    assert report.stratum == "too-small"
    assert not report.in_distribution
    assert report.ood_score == HIGHEST_SCORE
    assert report.p_value <= 1 / 100
    assert report.heatmap is not None
    assert report.heatmap.shape == (1, 1)


@pytest.mark.parametrize("pixels", [np.zeros((200, 300, 3), np.uint8), np.full((32, 32), 7, np.uint8)])
def test_blank_images_are_out(detector: Detector, pixels: np.ndarray) -> None:
    report = detector.score(sample_of(pixels))
    assert np.isfinite(report.ood_score)
    assert not report.in_distribution


def test_undecodable_pixels_are_not_needed_for_the_size_rule(detector: Detector) -> None:
    from router.containers.metadata import Metadata
    from router.images.sample import Source

    def load() -> np.ndarray:
        raise AssertionError("decoded")

    sample = ImageSample(width=8, height=8, channels=3, bits=8, source=Source("png", None), metadata=Metadata(), load=load)
    assert detector.score(sample).stratum == "too-small"


def test_the_heatmap_finds_planted_text(detector: Detector, samples: Samples) -> None:
    photograph = pixels_of(samples["photo_astronaut"])
    before = detector.score(sample_of(photograph), heatmap=True)
    pixels = photograph.copy()
    pixels[144:288, 96:240] = text_block(144, 144)
    after = detector.score(sample_of(pixels), heatmap=True)
    assert before.heatmap is not None
    assert after.heatmap is not None
    assert after.tile_size == before.tile_size == 48
    assert after.heatmap.shape == before.heatmap.shape == tuple(-(-side // 48) for side in pixels.shape[:2])
    assert after.heatmap.dtype == np.float32
    planted, touched = np.zeros((2, *after.heatmap.shape), bool)
    planted[3:6, 2:5] = True  # 144:288 and 96:240 in cells of 48
    touched[2:7, 1:6] = True  # cells whose window of 96 reaches into the text
    assert after.heatmap[planted].min() > np.quantile(after.heatmap[~touched], 0.9)
    np.testing.assert_array_equal(after.heatmap[~touched], before.heatmap[~touched])


def test_the_picture_of_a_heatmap_colours_what_is_foreign(detector: Detector, samples: Samples) -> None:
    pixels = pixels_of(samples["photo_astronaut"]).copy()
    pixels[144:288, 96:240] = text_block(144, 144)
    sample = sample_of(pixels)
    shown = picture(sample, detector.score(sample, heatmap=True)).astype(int)
    assert shown.shape == pixels.shape
    coloured = np.ptp(shown, axis=2) > 30
    assert coloured[160:272, 112:224].mean() > 0.9
    assert coloured.mean() < 0.5
    with pytest.raises(ValueError, match="heatmap"):
        picture(sample, detector.score(sample))


def test_heatmaps_of_large_images_stay_small(detector: Detector) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 9000), dtype=np.uint8)
    report = detector.score(sample_of(pixels), heatmap=True)
    assert report.heatmap is not None
    assert report.tile_size is not None
    rows, cols = report.heatmap.shape
    assert rows * cols <= 1024
    assert (rows - 1) * report.tile_size < 300 <= rows * report.tile_size
    assert (cols - 1) * report.tile_size < 9000 <= cols * report.tile_size
