"""Colour profiles, judged by what they do."""

from __future__ import annotations

import numpy as np
import pytest
from image_builders import (
    ADOBE_PRIMARIES,
    P3_PRIMARIES,
    PROPHOTO_PRIMARIES,
    REC2020_PRIMARIES,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    icc,
    photo,
)
from PIL import ImageCms
from sample_set import SAMPLES

from router.containers.metadata import Metadata
from router.errors import CarryError
from router.images.arrays import from_pixels
from router.images.colour import is_srgb, is_wide_gamut, to_srgb
from router.images.read import read
from router.reasons import ReasonCode

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WIDE = {"p3": P3_PRIMARIES, "adobe": ADOBE_PRIMARIES, "rec2020": REC2020_PRIMARIES, "prophoto": PROPHOTO_PRIMARIES}
GAMMA_18 = icc(SRGB_PRIMARIES, 1.8)


def test_srgb_by_behaviour() -> None:
    assert is_srgb(None)
    assert is_srgb(SRGB)
    assert is_srgb(read(SAMPLES / "oriented_coffee.jpg").metadata.icc)
    assert not is_srgb(GAMMA_18)
    assert not is_srgb(SRGB[:100])
    assert not is_srgb(b"")
    named_srgb = icc(P3_PRIMARIES, 2.2).replace(b"hand-made", b"sRGB IEC6")
    assert not is_srgb(named_srgb)


@pytest.mark.parametrize("name", WIDE)
def test_wide_gamuts(name: str) -> None:
    profile = icc(WIDE[name], 2.2)
    assert is_wide_gamut(profile)
    assert not is_srgb(profile)
    with pytest.raises(CarryError) as caught:
        to_srgb(from_pixels(photo(), Metadata(icc=profile)))
    assert caught.value.code == ReasonCode.WIDE_GAMUT


def test_gamuts_that_are_not_wide() -> None:
    smpte_c = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
    for profile in (None, SRGB, GAMMA_18, icc(SRGB_PRIMARIES, 2.2), icc(smpte_c, 2.2), icc(None, 2.2), b"", b"x" * 300):
        assert not is_wide_gamut(profile)


def test_no_profile_gives_the_same_object() -> None:
    sample = from_pixels(photo())
    assert to_srgb(sample) is sample


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_srgb_profiles_are_dropped_without_touching_pixels(channels: int) -> None:
    metadata = Metadata(SRGB, b"II*\0", b"<x/>")
    sample = from_pixels(photo(channels=channels), metadata)
    converted = to_srgb(sample)
    assert converted.metadata == Metadata(None, b"II*\0", b"<x/>")
    assert np.array_equal(converted.pixels, sample.pixels)
    assert converted.source is sample.source


@pytest.mark.parametrize("channels", [3, 4])
def test_conversion_follows_the_curve_and_leaves_alpha(channels: int) -> None:
    sample = from_pixels(photo(channels=channels), Metadata(icc=GAMMA_18))
    converted = to_srgb(sample)
    linear = (photo(channels=channels)[..., :3] / 255) ** 1.8
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(converted.pixels[..., :3] - encoded).max() <= 2
    assert np.array_equal(converted.pixels[..., 3:], sample.pixels[..., 3:])
    assert converted.metadata.icc is None


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("profile", [icc(None, 1.8), GAMMA_18], ids=["gray", "rgb"])
def test_gray_pixels(profile: bytes, channels: int) -> None:
    sample = from_pixels(photo(channels=channels), Metadata(icc=profile))
    converted = to_srgb(sample)
    linear = (sample.pixels[..., :1] / 255) ** 1.8
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert converted.mode == sample.mode
    assert np.abs(converted.pixels[..., :1] - encoded).max() <= 2
    assert np.array_equal(converted.pixels[..., 1:], sample.pixels[..., 1:])


def test_profiles_that_only_behave_as_srgb() -> None:
    assert is_srgb(icc(None, SRGB_CURVE))
    assert is_srgb(icc(SRGB_PRIMARIES, SRGB_CURVE))
    assert not is_srgb(icc(P3_PRIMARIES, SRGB_CURVE))
    assert not is_srgb(icc(None, 1.0))
    assert not is_srgb(icc(None, 1.8))


def test_what_cannot_be_converted() -> None:
    cases = [
        (photo(), SRGB[:200], ReasonCode.CANNOT_CARRY_ICC),
        (photo(), b"rubbish", ReasonCode.CANNOT_CARRY_ICC),
        (photo(), icc(None, 2.2), ReasonCode.CANNOT_CARRY_ICC),
        (photo(channels=1), GAMMA_18[:200], ReasonCode.CANNOT_CARRY_ICC),
        (photo().astype(np.uint16), GAMMA_18, ReasonCode.CANNOT_CARRY_DEPTH),
    ]
    for pixels, profile, code in cases:
        with pytest.raises(CarryError) as caught:
            to_srgb(from_pixels(pixels, Metadata(icc=profile)))
        assert caught.value.code == code
        assert caught.value.hint
