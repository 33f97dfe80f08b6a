"""Colours stated by number (PNG cICP, AVIF nclx) mean the same as the ICC profile they are turned into."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from image_builders import P3_PRIMARIES, REC2020_PRIMARIES, chunk, icc, photo, png, save
from PIL import Image, ImageCms

from router.codecs import registry
from router.errors import CarryError
from router.images.cicp import icc_profile
from router.images.colour import is_srgb, is_wide_gamut, to_srgb
from router.images.read import read
from router.reasons import ReasonCode


def cicp_png(primaries: int, transfer: int, pixels: np.ndarray | None = None, more: bytes = b"") -> bytes:
    pixels = photo() if pixels is None else pixels
    return png(pixels, extra=chunk(b"cICP", bytes([primaries, transfer, 0, 1])) + more)


def nclx_avif(primaries: int, transfer: int) -> bytes:
    data = save(photo(), "AVIF")
    place = data.index(b"nclx") + 4
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


def through(profile: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(__import__("io").BytesIO(profile))
    lab = ImageCms.profileToProfile(Image.fromarray(photo()), source, ImageCms.createProfile("LAB"), outputMode="LAB")
    return np.asarray(lab, np.uint8).view(np.int8).astype(int)


@pytest.mark.parametrize(
    ("cicp", "primaries", "gamma"),
    [((12, 4), P3_PRIMARIES, 2.2), ((12, 13), P3_PRIMARIES, 0.0), ((9, 8), REC2020_PRIMARIES, 1.0)],
)
def test_the_profile_means_what_the_numbers_mean(cicp: tuple[int, int], primaries: tuple, gamma: float) -> None:
    made = icc_profile(cicp, gray=False)
    assert made is not None
    assert np.abs(through(made) - through(icc(primaries, gamma))).max() <= 1


@pytest.mark.parametrize("cicp", [None, (1, 13), (1, 1), (1, 6), (2, 2), (2, 13), (1, 16), (9, 18), (77, 13), (1, 99)])
def test_what_needs_no_profile_or_has_none(cicp: tuple[int, int] | None) -> None:
    assert icc_profile(cicp, gray=False) is None
    assert icc_profile((12, 13), gray=True) is None


def test_a_gray_image_with_another_curve() -> None:
    profile = icc_profile((1, 5), gray=True)
    assert profile is not None
    assert not is_srgb(profile)
    image = read(cicp_png(1, 5, photo(channels=1)))
    assert image.metadata.icc == profile
    linear = (image.pixels / 255) ** 2.8
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(to_srgb(image).pixels - encoded).max() <= 2


@pytest.mark.parametrize("data", [cicp_png(12, 13), nclx_avif(12, 13), nclx_avif(9, 1)], ids=["png", "avif", "avif 2020"])
def test_wide_gamut_by_number_is_wide_gamut(data: bytes) -> None:
    image = read(data)
    assert is_wide_gamut(image.metadata.icc)
    with pytest.raises(CarryError) as caught:
        to_srgb(image)
    assert caught.value.code == ReasonCode.WIDE_GAMUT


@pytest.mark.parametrize("codec", ["png", "webp", "avif", "jpeg", "webp-lossless"])
def test_codecs_carry_the_meaning_as_a_profile(codec: str) -> None:
    image = read(cicp_png(12, 13))
    chosen = registry.get(codec)
    assert chosen.decode(chosen.encode(image, {})).metadata.icc == icc_profile((12, 13), gray=False)


def test_the_numbers_go_before_a_profile_in_a_png() -> None:
    """PNG, third edition, 4.3; numbers that say nothing, and PQ and HLG, which no profile here can say, leave it in place."""
    profile = icc(REC2020_PRIMARIES, 2.2)
    more = chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))
    assert read(cicp_png(12, 13, more=more)).metadata.icc == icc_profile((12, 13), gray=False)
    assert read(cicp_png(1, 13, more=more)).metadata.icc is None
    assert read(cicp_png(1, 1)).metadata.icc == icc_profile((1, 1), gray=False, camera_curves=True)  # unlike in AVIF
    for numbers in ((2, 2), (77, 13), (1, 99), (9, 16)):
        assert read(cicp_png(*numbers, more=more)).metadata.icc == profile


@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize("make", [cicp_png, nclx_avif])
def test_pq_and_hlg_are_refused_by_every_encoder(make: object, transfer: int) -> None:
    image = read(make(9, transfer))  # type: ignore[operator]
    assert image.source.hdr_transfer
    assert image.metadata.icc is None
    for codec_id in ("jpeg", "webp", "avif", "png", "jxl", "webp-lossless", "jxl-lossless"):
        codec = registry.get(codec_id)
        refusal = codec.refusal(codec.prepare(image))
        assert refusal is not None
        assert refusal.code == ReasonCode.HDR
    with pytest.raises(CarryError) as caught:
        registry.get("ncr").prepare(image)
    assert caught.value.code == ReasonCode.HDR


def test_samples_without_numbers_are_as_before() -> None:
    for data in (save(photo(), "PNG"), save(photo(), "AVIF"), cicp_png(1, 13), nclx_avif(2, 2)):
        image = read(data)
        assert image.metadata.icc is None
        assert not image.source.hdr_transfer
