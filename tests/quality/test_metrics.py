"""Metrics agree with independent implementations and obey their laws."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio
from ssimulacra2 import compute_ssimulacra2

from router.errors import UsageError
from router.quality.metrics import psnr, scorer
from router.quality.msssim import ms_ssim, worst_tile_ssim
from router.quality.ssimulacra2 import Reference
from router.quality.target import Target
from router.quality.tiles import tile_means

PHOTOGRAPHS = {"astronaut": data.astronaut(), "coffee": data.coffee()[:, :401], "chelsea": data.chelsea()[:201, :333]}


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _png(image: np.ndarray) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("quality", [5, 40, 92])
def test_ssimulacra2_agrees_with_the_published_package(name: str, quality: int) -> None:
    image = PHOTOGRAPHS[name]
    distorted = _jpeg(image, quality)
    assert Reference(image).score(distorted) == pytest.approx(compute_ssimulacra2(_png(image), _png(distorted)), abs=0.05)


@pytest.mark.parametrize(("height", "width"), [(129, 600), (193, 515), (640, 257)])
def test_ssimulacra2_agrees_where_its_tiles_end_beside_the_border(height: int, width: int) -> None:
    image = np.pad(PHOTOGRAPHS["coffee"], ((0, 300), (0, 300), (0, 0)), mode="symmetric")[:height, :width]
    distorted = _jpeg(image, 30)
    assert Reference(image).score(distorted) == pytest.approx(compute_ssimulacra2(_png(image), _png(distorted)), abs=0.05)


def test_ssimulacra2_tells_a_tiny_image_from_another() -> None:
    white, black = np.full((3, 5, 3), 255, np.uint8), np.zeros((3, 5, 3), np.uint8)
    assert Reference(white).score(white) == 100.0
    assert Reference(white).score(black) < 50.0


def test_ssimulacra2_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="reference"):
        Reference(np.zeros((20, 20, 3), np.uint8)).score(np.zeros((20, 21, 3), np.uint8))


@pytest.mark.parametrize("quality", [5, 40, 92])
def test_ms_ssim_agrees_with_pytorch_msssim(quality: int) -> None:
    import torch
    from pytorch_msssim import ms_ssim as reference

    image = PHOTOGRAPHS["coffee"]
    distorted = _jpeg(image, quality)
    tensors = [torch.from_numpy(a.copy()).permute(2, 0, 1)[None].float() for a in (image, distorted)]
    assert ms_ssim(image, distorted) == pytest.approx(float(reference(*tensors, data_range=255)), abs=2e-4)


def test_psnr_agrees_with_skimage_at_8_and_16_bit() -> None:
    image = PHOTOGRAPHS["chelsea"]
    distorted = _jpeg(image, 30)
    assert psnr(image, distorted) == pytest.approx(peak_signal_noise_ratio(image, distorted))
    deep, other = image.astype(np.uint16) * 257, distorted.astype(np.uint16) * 257
    assert psnr(deep, other) == pytest.approx(psnr(image, distorted))
    assert psnr(deep, deep) == float("inf")


@pytest.mark.parametrize("metric", ["ssimulacra2", "ms-ssim", "psnr"])
def test_more_bits_score_higher(metric: str) -> None:
    image = PHOTOGRAPHS["astronaut"]
    score = scorer(metric, image)  # type: ignore[arg-type]
    values = [score(_jpeg(image, q)) for q in (5, 20, 50, 80, 95)]
    assert values == sorted(values)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_identity_scores_best_at_any_size(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert Reference(image).score(image) == pytest.approx(100.0, abs=1e-3)
    assert ms_ssim(image, image) == pytest.approx(1.0, abs=1e-5)
    assert worst_tile_ssim(image, image) == pytest.approx(1.0, abs=1e-5)


def test_a_hole_is_found_by_the_worst_tile_and_hardly_by_the_mean() -> None:
    image = PHOTOGRAPHS["astronaut"]
    damaged = image.copy()
    damaged[200:264, 200:264] = damaged[200:264, 200:264].mean((0, 1))
    assert ms_ssim(image, damaged) > 0.95
    assert worst_tile_ssim(image, damaged) < 0.5


def test_transparency_is_judged_on_dark_and_light_ground() -> None:
    rgb = PHOTOGRAPHS["chelsea"][:96, :96]
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    hidden = np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)])
    other_colour_hidden = hidden.copy()
    other_colour_hidden[..., :3] = 0
    assert scorer("ssimulacra2", hidden)(other_colour_hidden) == 100.0
    assert scorer("ssimulacra2", opaque)(hidden) < 0


def test_gray_scores_like_its_rgb() -> None:
    gray = data.camera()[:256, :256, None]
    rough = (gray // 16) * 16
    widen = [np.repeat(a, 3, axis=2) for a in (gray, rough)]
    assert scorer("ssimulacra2", gray)(rough) == pytest.approx(scorer("ssimulacra2", widen[0])(widen[1]))


def test_perceptual_metrics_refuse_16_bit() -> None:
    with pytest.raises(UsageError) as refused:
        scorer("ssimulacra2", np.zeros((8, 8, 1), np.uint16))
    assert refused.value.code == "DEPTH_NOT_SUPPORTED"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 70))
def test_tile_means_cover_every_sample_once(height: int, width: int, tile: int) -> None:
    values = np.arange(height * width, dtype=float).reshape(height, width, 1)
    means = tile_means(values, tile)
    assert means.min() >= 0
    assert means.max() <= height * width - 1
    if height % tile == 0 and width % tile == 0:
        assert means.mean() == pytest.approx(values.mean())
    assert means.shape[0] <= height // tile + 1
    assert np.isclose(tile_means(np.ones_like(values), tile), 1).all()


@pytest.mark.parametrize(
    "target",
    [
        {"metric": "vmaf", "value": 90},
        {"metric": "ssimulacra2", "value": 101},
        {"metric": "psnr", "value": float("nan")},
        {"metric": "psnr", "value": True},
        {"metric": "bpp"},
        {"metric": "bpp", "value": "1"},
        {"metric": "max_bytes", "value": 0},
    ],
)
def test_targets_are_checked(target: dict[str, object]) -> None:
    with pytest.raises(UsageError) as refused:
        Target.parse(target)
    assert refused.value.code == "BAD_ARGUMENT"
