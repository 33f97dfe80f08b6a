"""Metrics, guard, detector and gain see colours as a screen shows them, through whatever profile."""

from __future__ import annotations

import io

import numpy as np
import pytest
from image_builders import ADOBE_PRIMARIES, PROPHOTO_PRIMARIES, SRGB_PRIMARIES, icc, save
from PIL import Image, ImageCms
from profiles import LUT
from sample_set import Samples

import router
from router.detector.patches import extract_patches
from router.images.colour import as_shown, to_srgb
from router.images.read import read
from router.prediction.savings.scene import scene_statistics
from router.quality.guard import GuardLevel, check
from router.quality.metrics import scorer
from router.quality.target import Target

PROFILES = {
    "linear": (icc(SRGB_PRIMARIES, 1.0), 1.0),
    "gamma 1.8": (icc(SRGB_PRIMARIES, 1.8), 1.8),
    "Adobe RGB": (icc(ADOBE_PRIMARIES, 2.2), 2.2),
    "linear ProPhoto": (icc(PROPHOTO_PRIMARIES, 1.0), 1.0),
    "table": (LUT, 2.2),
    "linear gray": (icc(None, 1.0), 1.0),
}


@pytest.fixture(scope="module")
def cat(samples: Samples) -> np.ndarray:
    return read(samples["photo_cat"]).pixels[:160, :192, :3]


def under(pixels: np.ndarray, gamma: float) -> np.ndarray:
    """sRGB samples with this gamma in place of sRGB's curve."""
    value = pixels / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.round(255 * linear ** (1 / gamma)).astype(np.uint8)


def by_littlecms(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    gray = profile[16:20] == b"GRAY"
    image = Image.fromarray(pixels[..., 0] if gray else np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy())
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    way = ImageCms.buildTransform(source, target, image.mode, "RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    return np.asarray(ImageCms.applyTransform(image, way))


@pytest.mark.parametrize("name", PROFILES)
def test_the_recorded_score_is_that_of_what_is_seen(cat: np.ndarray, name: str) -> None:
    profile, gamma = PROFILES[name]
    pixels = under(cat[..., 1:2] if "gray" in name else cat, gamma)
    source = save(pixels, "PNG", icc_profile=profile)
    for codec, settings in (("jpeg", {"quality": 75}), ("avif", {"quality": 60, "speed": 10})):
        encoded = router.compress(source, codec=codec, settings=settings, quality=20)
        decoded = router.decompress(encoded.data, as_array=True)
        decoded = decoded[..., None] if decoded.ndim == 2 else decoded
        true = scorer("ssimulacra2", by_littlecms(pixels, profile))(by_littlecms(decoded, profile))
        assert encoded.record.target is not None
        assert encoded.record.target.achieved == pytest.approx(true, abs=0.1)


def test_a_linear_picture_reaches_its_target_on_the_screen(cat: np.ndarray) -> None:
    profile, _ = PROFILES["linear"]
    pixels = under(cat, 1.0)
    encoded = router.compress(save(pixels, "PNG", icc_profile=profile), codec="avif", quality=50)
    decoded = router.decompress(encoded.data, as_array=True)
    assert scorer("ssimulacra2", by_littlecms(pixels, profile))(by_littlecms(decoded, profile)) >= 49


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_as_shown_converts_colours_and_leaves_alpha(cat: np.ndarray, channels: int) -> None:
    pixels = np.dstack([under(cat[..., : 1 if channels < 3 else 3], 1.0), *([cat[..., 0]] if channels in (2, 4) else [])])
    for profile in (PROFILES["linear"][0], icc(None, 1.0)):
        if profile[16:20] == b"GRAY" and channels > 2:
            continue
        shown = as_shown(profile)(pixels)
        assert shown.shape == pixels.shape
        expected = by_littlecms(pixels[..., : 1 if channels < 3 else 3], profile)
        assert np.abs(shown[..., 0].astype(int) - expected[..., 0]).max() <= 1
        if channels in (2, 4):
            assert np.array_equal(shown[..., -1], pixels[..., -1])
    assert as_shown(None)(pixels) is pixels
    assert as_shown(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())(pixels) is pixels
    deep = pixels.astype(np.uint16)
    assert as_shown(PROFILES["linear"][0])(deep) is deep


def test_large_pictures_are_shown_as_small_ones_are(monkeypatch: pytest.MonkeyPatch, cat: np.ndarray) -> None:
    profile, _ = PROFILES["Adobe RGB"]
    whole = as_shown(profile)(cat)
    monkeypatch.setattr("router.images.colour._AT_ONCE", 1000)
    assert np.array_equal(as_shown(profile)(cat), whole)


def test_the_guard_sees_what_a_screen_shows(cat: np.ndarray) -> None:
    """Of the darks, which linear samples hold in few steps, more is lost than the numbers say."""
    profile, _ = PROFILES["linear"]
    source = under(cat, 1.0)
    decoded = np.clip(source.astype(int) - 4, 0, 255).astype(np.uint8)
    lane, carries = router.codecs.base.Lane.CLASSICAL, router.codecs.registry.get("jpeg").carries
    options = {"lane": lane, "carries": carries, "level": GuardLevel.STRICT, "target": Target.quality(70), "score": 70.0}
    blind = check(source, decoded, **options)
    seeing = check(source, decoded, **options, shown=as_shown(profile))
    assert blind.worst is not None
    assert seeing.worst is not None
    assert seeing.worst.severity > 1.3 * blind.worst.severity


@pytest.mark.parametrize("name", ["linear", "gamma 1.8", "linear gray"])
def test_detector_and_gain_see_what_the_neural_lane_codes(cat: np.ndarray, name: str) -> None:
    profile, gamma = PROFILES[name]
    pixels = under(cat[..., 1:2] if "gray" in name else cat, gamma)
    sample = read(save(pixels, "PNG", icc_profile=profile))
    converted = to_srgb(sample)
    assert np.array_equal(extract_patches(sample).tiles, extract_patches(converted).tiles)
    assert np.array_equal(extract_patches(sample).small, extract_patches(converted).small)
    assert router.Router().score(sample).ood_score == router.Router().score(converted).ood_score
    found, expected = scene_statistics(sample), scene_statistics(converted)
    assert found is not None
    assert expected is not None
    assert np.array_equal(found[0], expected[0])
