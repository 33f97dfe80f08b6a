"""What is particular to one family: chroma, depth, gray, alpha, sizes, and how small real images get."""

from __future__ import annotations

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from router.codecs import registry
from router.codecs.avif import AvifCodec
from router.codecs.conformance import synthetic
from router.codecs.jpeg import FULL_CHROMA_FROM, JpegCodec
from router.codecs.jxl import JxlLosslessCodec
from router.codecs.png import PngCodec
from router.containers.metadata import Metadata
from router.errors import CarryError, StreamError
from router.extras import install_hint
from router.images.read import read
from router.images.sample import ImageSample, Source
from router.reasons import ReasonCode

LOSSLESS = ["png", "webp-lossless", "jxl-lossless"]


def with_metadata(sample, **metadata):
    return sample.replace_pixels(sample.pixels, Metadata(**metadata))


@pytest.mark.parametrize(
    "name", ["photo_coffee", "gray_camera", "alpha_logo", "palette_badge", "depth16_phantom", "depth16_deepfield"]
)
def test_lossless_codecs_on_real_images(name, samples):
    sample = read(samples[name])
    taken = [registry.get(i) for i in LOSSLESS if registry.get(i).refusal(sample) is None]
    assert "png" in {c.codec_id for c in taken}
    for codec in taken:
        expected = codec.prepare(sample).pixels
        decoded = codec.decode(codec.encode(sample, {}))
        assert decoded.pixels.dtype == expected.dtype
        assert np.array_equal(decoded.pixels, expected)


@pytest.mark.parametrize("codec_id", ["jpeg", "webp", "avif", "jxl"])
def test_lossy_codecs_are_close_and_smaller_on_a_photograph(codec_id, samples):
    sample, codec = read(samples["photo_coffee"]), registry.get(codec_id)
    png = len(PngCodec().encode(sample, {}))
    sizes = []
    for quality in (20, 50, 80, 95):
        data = codec.encode(sample, {"quality": quality})
        sizes.append(len(data))
        assert np.abs(codec.decode(data).pixels.astype(int) - sample.pixels).mean() < 12
    assert sizes == sorted(sizes)
    assert sizes[2] < png / 3


def chroma_of(data):
    with Image.open(io.BytesIO(data)) as image:
        return {(1, 1): "444", (2, 2): "420"}[image.layer[0][1:3]]


@pytest.mark.parametrize(
    ("config", "settings", "expected"),
    [
        ({}, {"quality": FULL_CHROMA_FROM - 1}, "420"),
        ({}, {"quality": FULL_CHROMA_FROM}, "444"),
        ({}, {"quality": 30, "subsampling": "444"}, "444"),
        ({"subsampling": "420"}, {"quality": 98}, "420"),
        ({"subsampling": "420"}, {"quality": 30, "subsampling": "444"}, "444"),
    ],
)
def test_jpeg_chroma(config, settings, expected):
    assert chroma_of(JpegCodec(**config).encode(read(synthetic(32, 32, "RGB", 8)), settings)) == expected


def test_jpeg_is_progressive_and_its_metadata_has_to_fit():
    sample = read(synthetic(32, 32, "RGB", 8))
    with Image.open(io.BytesIO(JpegCodec().encode(sample, {}))) as image:
        assert image.info["progressive"]
    longest = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00".ljust(65_527, b"\x00")
    fitting = with_metadata(sample, exif=longest)
    assert JpegCodec().decode(JpegCodec().encode(fitting, {})).metadata.exif == longest
    for metadata, code in (
        ({"exif": longest + b"\x00"}, ReasonCode.CANNOT_CARRY_EXIF),
        ({"icc": bytes(255 * 65_519 + 1)}, ReasonCode.CANNOT_CARRY_ICC),
    ):
        with pytest.raises(CarryError) as caught:
            JpegCodec().encode(with_metadata(sample, **metadata), {})
        assert caught.value.code == code


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_avif_gray_is_coded_as_gray(mode):
    sample = read(synthetic(32, 48, mode, 8))
    data = AvifCodec().encode(sample, {"quality": 90})
    assert AvifCodec().decode(data).pixels.shape == sample.pixels.shape
    with Image.open(io.BytesIO(data)) as image:
        colours = np.asarray(image.convert("RGB")).astype(int)
    assert (colours[..., 0] == colours[..., 2]).all()


def test_avif_keeps_an_exif_block_that_pillow_would_rewrite():
    oriented = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
    sample = with_metadata(read(synthetic(16, 16, "RGB", 8)), exif=oriented)
    data = AvifCodec().encode(sample, {})
    assert b"irot" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["exif"] == oriented


def test_avif_refuses_what_its_decoders_would():
    def huge(width, height, metadata=None):
        return ImageSample(width=width, height=height, channels=3, bits=8, source=Source("array", None),
                           metadata=metadata or Metadata(), load=lambda: pytest.fail("pixels were read"))  # fmt: skip

    assert AvifCodec().refusal(huge(16_384, 16_385)).code == ReasonCode.CANNOT_CARRY_SIZE
    assert AvifCodec().refusal(huge(32_769, 1)).code == ReasonCode.CANNOT_CARRY_SIZE
    assert AvifCodec().refusal(huge(8, 8, Metadata(exif=b"no TIFF"))).code == ReasonCode.CANNOT_CARRY_EXIF
    assert AvifCodec().refusal(huge(16_384, 16_384)) is None


@pytest.mark.parametrize("codec_id", ["webp", "webp-lossless", "avif"])
def test_an_opaque_alpha_channel_is_dropped_and_prepare_says_so(codec_id):
    codec, pixels = registry.get(codec_id), synthetic(20, 20, "RGBA", 8).copy()
    assert codec.prepare(read(pixels)).channels == 4
    pixels[..., 3] = 255
    sample = read(pixels)
    prepared = codec.prepare(sample)
    assert np.array_equal(prepared.pixels, pixels[..., :3])
    assert codec.decode(codec.encode(sample, {})).pixels.shape == prepared.pixels.shape


def test_png_depth_needs_the_extra(monkeypatch):
    sample = read(synthetic(9, 7, "RGB", 16))
    assert PngCodec().refusal(sample) is None
    find = importlib.util.find_spec
    monkeypatch.setattr("router.codecs.png.find_spec", lambda name: None if name == "imagecodecs" else find(name))
    refusal = PngCodec().refusal(sample)
    assert refusal.code == ReasonCode.CANNOT_CARRY_DEPTH
    assert refusal.hint == install_hint("depth")
    assert PngCodec().refusal(read(synthetic(9, 7, "L", 16))) is None


def test_jxl_without_its_binding_says_what_to_install(monkeypatch):
    monkeypatch.setattr("router.codecs.jxl.find_spec", lambda name: None)
    assert "pillow-jxl-plugin" in JxlLosslessCodec().unavailable()


def test_a_pillow_without_the_format_says_so(monkeypatch):
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    assert "pip install" in registry.get("avif").unavailable()
    assert registry.get("webp").unavailable() is None


def test_jxl_refuses_a_profile_rather_than_call_it_srgb(samples):
    sample = read(samples["photo_cat"])
    assert sample.metadata.icc
    for codec_id in ("jxl", "jxl-lossless"):
        with pytest.raises(CarryError) as caught:
            registry.get(codec_id).encode(sample, {})
        assert caught.value.code == ReasonCode.CANNOT_CARRY_ICC


def test_jxl_threads_change_no_byte(samples):
    sample = read(samples["photo_coffee"])
    assert JxlLosslessCodec(effort=3, threads=2).encode(sample, {}) == JxlLosslessCodec(effort=3).encode(sample, {})


@pytest.mark.parametrize("codec_id", [i for i in registry.ids() if i not in ("ncr", "jxl-transcode")])
def test_anothers_data_is_an_unknown_stream(codec_id):
    other = registry.get("png" if codec_id != "png" else "jpeg").encode(read(synthetic(8, 8, "RGB", 8)), {})
    codec = registry.get(codec_id)
    for call in (codec.decode, codec.read_xmp, lambda d: codec.with_xmp(d, b"<x/>")):
        with pytest.raises(StreamError) as caught:
            call(other)
        assert caught.value.code == ReasonCode.UNKNOWN_STREAM
