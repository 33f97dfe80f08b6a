"""Files whose header is read and whose picture is not: the policy hears of them, and may keep them."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
import tifffile
from image_builders import photo, save
from PIL import Image

import router
from router.errors import InputError
from router.images.read import read
from router.reasons import ReasonCode as R

SIZE = (48, 64)


def _tiff(pixels: np.ndarray, photometric: str, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric=photometric, **options)
    return file.getvalue()


def _ycck() -> bytes:
    """A CMYK JPEG whose Adobe segment says that its inks are coded as YCCK."""
    data = bytearray(save(Image.fromarray(photo(*SIZE, 4), "CMYK"), "JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def _jpeg_process(marker: int) -> bytes:
    data = save(photo(*SIZE), "JPEG")
    return data.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)


def _frames(kind: str) -> bytes:
    first, second = (Image.fromarray(photo(*SIZE, seed=k)) for k in (0, 1))
    return save(first, kind, save_all=True, append_images=[second], **({} if kind == "TIFF" else {"duration": 50}))


KINDS: dict[str, tuple[R, Callable[[], bytes]]] = {
    "CMYK JPEG": (R.MODE_NOT_SUPPORTED, lambda: save(Image.fromarray(photo(*SIZE, 4), "CMYK"), "JPEG")),
    "YCCK JPEG": (R.MODE_NOT_SUPPORTED, _ycck),
    "12-bit JPEG": (
        R.DEPTH_NOT_SUPPORTED,
        lambda: imagecodecs.jpeg8_encode(photo(*SIZE, 1)[..., 0].astype(np.uint16) << 4, bitspersample=12),
    ),
    "hierarchical JPEG": (R.FORMAT_NOT_SUPPORTED, lambda: _jpeg_process(0xC5)),
    "lossless arithmetic JPEG": (R.FORMAT_NOT_SUPPORTED, lambda: _jpeg_process(0xCB)),
    "CMYK TIFF": (R.MODE_NOT_SUPPORTED, lambda: _tiff(photo(*SIZE, 4), "separated")),
    "L*a*b* TIFF": (R.MODE_NOT_SUPPORTED, lambda: _tiff(photo(*SIZE), "cielab")),
    "float TIFF": (R.MODE_NOT_SUPPORTED, lambda: _tiff(photo(*SIZE, 1)[..., 0].astype(np.float32) / 255, "minisblack")),
    "7-bit JPEG XL": (
        R.DEPTH_NOT_SUPPORTED,
        lambda: imagecodecs.jpegxl_encode(photo(*SIZE) >> 1, lossless=True, bitspersample=7),
    ),
    "float JPEG XL": (
        R.MODE_NOT_SUPPORTED,
        lambda: imagecodecs.jpegxl_encode(photo(*SIZE).astype(np.float32) / 255, lossless=True),
    ),
    "animated GIF": (R.ANIMATED, lambda: _frames("GIF")),
    "animated WebP": (R.ANIMATED, lambda: _frames("WEBP")),
    "animated PNG": (R.ANIMATED, lambda: _frames("PNG")),
    "animated AVIF": (R.ANIMATED, lambda: _frames("AVIF")),
    "TIFF of two pages": (R.ANIMATED, lambda: _frames("TIFF")),
    "animated JPEG XL": (
        R.ANIMATED,
        lambda: imagecodecs.jpegxl_encode(np.stack([photo(*SIZE, seed=1), photo(*SIZE, seed=2)]), lossless=True),
    ),
}


@functools.cache
def made(kind: str) -> bytes:
    return KINDS[kind][1]()


@pytest.mark.parametrize("kind", KINDS)
def test_archival_and_medical_keep_the_file_and_say_why(kind: str) -> None:
    data, code = made(kind), KINDS[kind][0]
    for policy in ("archival", "medical"):
        encoded = router.compress(data, policy=policy)
        assert encoded.data == data
        assert encoded.record.lane == "passthrough"
        refused = {r.code for r in encoded.record.reasons if r.lane in ("lossless", "transcode")}
        lossy = any(r.detail.startswith("lossy-original") for r in encoded.record.reasons)
        assert code in refused or lossy, encoded.record.reasons
        assert "passthrough" in [lane.lane for lane in router.decide(data, policy=policy).lanes]


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_that_need_pixels_refuse_with_the_true_reason(kind: str) -> None:
    data, code = made(kind), KINDS[kind][0]
    again = {
        "schema_version": 1,
        "name": "again",
        "rules": [],
        "otherwise": {"lanes": [{"lane": "classical", "codecs": ["webp"]}]},
    }
    calls: list[Callable[[], object]] = [
        lambda: read(data),
        lambda: router.score(data),
        lambda: router.compress(data, codec="png"),
        lambda: router.decide(data, policy=again),
        lambda: router.compress(data, policy=again),
    ]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.code == code
        assert caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_balanced_keeps_the_file(kind: str) -> None:
    data = made(kind)
    encoded = router.compress(data)
    assert encoded.record.lane == "passthrough"
    assert encoded.record.policy is not None
    assert encoded.record.policy.rule == "not-decoded"
    assert router.decide(data).lanes[0].lane == "passthrough"


def test_facts_are_there_for_rules() -> None:
    policy = {
        "schema_version": 1,
        "name": "keep",
        "rules": [
            {
                "name": "unreadable",
                "when": '!image.decodable && image.width == 64 && image.mode == "RGB" && !image.has_alpha && image.bits == 8',
                "then": {"reason": "kept", "lanes": [{"lane": "passthrough"}]},
            }
        ],
        "otherwise": {"lanes": [{"lane": "lossless", "codecs": ["png"]}]},
        "on_error": {"lanes": [{"lane": "lossless", "codecs": ["png"]}]},
    }
    encoded = router.compress(made("CMYK JPEG"), policy=policy)
    assert encoded.record.policy is not None
    assert (encoded.record.lane, encoded.record.policy.rule) == ("passthrough", "unreadable")
    assert router.compress(photo(*SIZE), policy=policy).record.lane == "lossless"


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_deep_jpeg_xl_fills_16_bits(bits: int, channels: int) -> None:
    stored = (photo(*SIZE, channels).astype(np.uint16) * 257) >> (16 - bits)
    data = imagecodecs.jpegxl_encode(stored[..., 0] if channels == 1 else stored, bitspersample=bits, lossless=True)
    _fills_16_bits(data, stored, bits)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_deep_avif_fills_16_bits(bits: int, channels: int) -> None:
    stored = (photo(*SIZE, channels).astype(np.uint16) * 257) >> (16 - bits)
    data = imagecodecs.avif_encode(stored[..., 0] if channels == 1 else stored, bitspersample=bits, level=100)
    _fills_16_bits(data, stored, bits)


def _fills_16_bits(data: bytes, stored: np.ndarray, bits: int) -> None:
    sample = read(data)
    top = (1 << bits) - 1
    assert sample.bits == 16
    assert np.array_equal(np.rint(sample.pixels * (top / 65535)).astype(np.uint16), stored)
    assert np.array_equal(sample.pixels, np.rint(stored * (65535 / top)).astype(np.uint16))
    kept = router.compress(data, codec="png")
    assert np.array_equal(router.decompress(kept.data, as_array=True).reshape(stored.shape), sample.pixels)


def test_a_deep_lossy_picture_does_not_grow() -> None:
    deep = (photo(*SIZE).astype(np.uint16) * 257) >> 6
    data = imagecodecs.avif_encode(deep, bitspersample=10, level=70)
    for policy in ("balanced", "archival", "medical", "web", "realtime"):
        encoded = router.compress(data, policy=policy, receiver="image/avif")
        assert (encoded.record.lane, encoded.data) == ("passthrough", data), policy
