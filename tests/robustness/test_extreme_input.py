"""Extreme and odd input that has a right answer: it is given, and it is right."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import bad_images as b
import bad_streams as s
import numpy as np
import pytest
from images.image_builders import P3_PRIMARIES, icc, photo, png, save
from PIL import Image

import router
from router import Limits
from router import ReasonCode as R
from router.codecs import registry
from router.errors import InputError, NoRecordError, RouterError
from router.quality.metrics import psnr

QUICK = {"metric": "psnr", "value": 30}


def compress(src: Any, **options: Any) -> router.EncodedImage:
    """With a target that costs little to measure."""
    return router.compress(src, **({"receiver": "self", "target": QUICK} | options))


def check(encoded: router.EncodedImage, pixels: np.ndarray, limits: Limits | None = None) -> None:
    """The output decodes to `pixels`: exactly, or as well as was asked for."""
    lifted = {} if limits is None else {"limits": limits}
    decoded = router.decompress(encoded.data, as_array=True, **lifted)
    decoded = decoded[..., None] if decoded.ndim == 2 else decoded
    assert decoded.shape == pixels.shape
    assert decoded.dtype == pixels.dtype
    if encoded.record.lane in ("lossless", "passthrough", "transcode"):
        assert np.array_equal(decoded, pixels)
    elif encoded.record.target is not None and encoded.record.target.metric == "psnr":
        assert psnr(pixels, decoded) >= 29
    if encoded.record.lane != "passthrough":
        found = router.inspect(encoded.data)
        assert found == encoded.record or found.to_short() == encoded.record.to_short()  # `web` writes the short one


def stripes(height: int, width: int) -> np.ndarray:
    """Few colours, so that a lossless lane is taken."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x // 50 % 4) * 60, (y % 3) * 90, (x // 7 % 2) * 200], -1).astype(np.uint8)


SHAPES = [(1, 1), (7, 7), (1, 10_000), (10_000, 1), (65_500, 1)]
CASES = [(shape, policy) for shape in SHAPES for policy in ("balanced", "web", "archival")] + [((65_535, 1), "balanced")]


@pytest.mark.parametrize(("shape", "policy"), CASES, ids=str)
def test_extreme_shapes(shape: tuple[int, int], policy: str) -> None:
    pixels = photo(*shape)
    check(compress(pixels, policy=policy), pixels)
    if policy != "web" or shape[0] < 65_000:  # the slowest encoder, once is enough
        check(compress(png(pixels), policy=policy), pixels)


@pytest.mark.parametrize("policy", ["balanced", "web", "archival"])
def test_a_long_band(policy: str) -> None:
    pixels = stripes(16, 65_500)
    for source in (pixels, png(pixels)):
        check(compress(source, policy=policy), pixels)


def test_a_strip_at_the_usual_metric() -> None:
    pixels = photo(1, 700)
    encoded = router.compress(pixels)
    assert encoded.record.target is not None
    assert encoded.record.target.achieved is not None
    assert encoded.record.target.achieved >= 69
    check(encoded, pixels)


def test_longer_than_the_limit_where_it_is_lifted() -> None:
    lifted = Limits(max_side=None)
    pixels = photo(65_536, 1)
    for source in (pixels, png(pixels)):
        check(compress(source, policy="archival", limits=lifted), pixels, lifted)


@pytest.mark.parametrize("quality", [93, 94, 95, 100])
def test_noise_as_a_jpeg_of_high_quality(quality: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    check(compress(noise, codec="jpeg", settings={"quality": quality}), noise)


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif", "jxl", "ncr"])
def test_one_colour(codec: str) -> None:
    flat = np.full((24, 40, 3), 128, np.uint8)
    # released whatever the guard says of it: a model may err by half a level and more on a plane
    check(compress(flat, codec=codec, on_guard_fail="release"), flat)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    data = b.animation(kind)
    with Image.open(io.BytesIO(data)) as image:
        first = np.asarray(image.convert("RGB"))
    encoded = compress(data, policy="archival", first_frame=True)
    assert encoded.record.lane == "lossless"
    assert np.array_equal(np.asarray(router.decompress(encoded.data).convert("RGB")), first)
    if kind in ("PNG", "WEBP"):
        assert np.array_equal(first, b.PHOTO)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("P with transparency bytes", "RGBA"),
        ("PA", "RGBA"),
        ("La", "LA"),
        ("RGBa", "RGBA"),
        ("1", "L"),
        ("RGBX", "RGB"),
        ("P", "RGB"),
    ],
)
def test_odd_pillow_modes(kind: str, mode: str) -> None:
    image = b.pillow_image(kind)
    expected = np.asarray(image.convert(mode))
    decoded = router.decompress(compress(image, codec="png").data, as_array=True)
    assert np.array_equal(decoded, expected)
    assert router.score(image).p_value > 0


@pytest.mark.parametrize("kind", ["I;16", "I in range"])
def test_deep_pillow_modes(kind: str) -> None:
    image = b.pillow_image(kind)
    encoded = compress(image)
    assert encoded.record.lane == "lossless"
    decoded = router.decompress(encoded.data, as_array=True)
    assert decoded.dtype == np.uint16
    assert np.array_equal(decoded, np.asarray(image))


@pytest.mark.parametrize("policy", ["balanced", "archival"])
def test_16_bit_colour(policy: str) -> None:
    check(compress(png(b.deep_pixels()), policy=policy), b.deep_pixels())


def test_arrays_in_any_order() -> None:
    expected = compress(b.PHOTO, codec="png").data
    big = b.PHOTO.astype(">u2")
    frozen = b.PHOTO.copy()
    frozen.flags.writeable = False
    for array in (np.asfortranarray(b.PHOTO), b.PHOTO[::-1, ::-1][::-1, ::-1], np.repeat(b.PHOTO, 2, 0)[::2], frozen):
        assert compress(array, codec="png").data == expected
    check(compress(big, codec="png"), b.PHOTO.astype(np.uint16))


def test_buffers() -> None:
    data = png(b.PHOTO)
    expected = compress(data, codec="png").data
    for buffer in (bytearray(data), memoryview(data), io.BytesIO(data)):
        assert compress(buffer, codec="png").data == expected
    for output in (bytearray(expected), memoryview(expected), io.BytesIO(expected)):
        assert router.inspect(output).codec == "png"
    for output in (bytearray(expected), memoryview(expected), io.BytesIO(expected)):
        assert np.array_equal(router.decompress(output, as_array=True), b.PHOTO)


def test_a_file_without_permission_is_read_by_who_may(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png(b.PHOTO))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read anything
        check(compress(path, codec="png"), b.PHOTO)
    else:
        with pytest.raises(InputError) as caught:
            compress(path)
        assert caught.value.code == R.UNREADABLE


def test_pipes_and_devices_are_no_files(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path(os.devnull)):
        for function in (router.compress, router.score, router.decompress, router.inspect):
            with pytest.raises(InputError) as caught:
                function(path)
            assert caught.value.code == R.NOT_A_FILE


def test_an_unknown_ancillary_chunk_changes_nothing() -> None:
    data = s.before("TILE", s.ncr_chunk(b"newS", b"from the future"))
    assert np.array_equal(router.decompress(data, as_array=True), s.pixels())
    assert router.inspect(data) == router.inspect(s.stream())


@pytest.mark.parametrize("record", [b"{junk", b'{"schema_version":2}', b""])
def test_a_bad_record_does_not_hide_the_image(record: bytes) -> None:
    assert np.array_equal(router.decompress(s.with_payload("recd", record), as_array=True), s.pixels())
    if record:
        for codec in ("png", "webp-lossless", "jxl-lossless"):
            assert np.array_equal(router.decompress(b.with_record(codec, record), as_array=True), b.PHOTO)


@pytest.mark.parametrize(
    "packet", [b"<x:xmpmeta", b"\xff\xfe\0junk", b.ENTITY_BOMB, b"plain text"], ids=["cut", "bytes", "bomb", "text"]
)
@pytest.mark.parametrize("codec", ["png", "jpeg", "avif", "jxl", "webp-lossless", "jxl-lossless", "ncr"])
def test_damaged_xmp_is_left_out_and_said(codec: str, packet: bytes) -> None:
    settings = {"rate": 60_000} if codec == "ncr" else None
    encoded = compress(b.png_with_xmp(packet), codec=codec, settings=settings, on_guard_fail="release")
    assert R.SOURCE_XMP_DAMAGED in {reason.code for reason in encoded.record.reasons}
    assert router.inspect(encoded.data) == encoded.record


@pytest.mark.parametrize("packet", [b"<x:xmpmeta", b.ENTITY_BOMB], ids=["cut", "bomb"])
def test_a_jpeg_with_damaged_xmp_is_repacked_byte_for_byte(packet: bytes) -> None:
    original = save(b.PHOTO, "JPEG", xmp=packet)
    encoded = compress(original, codec="jxl-transcode")
    assert router.restore(encoded.data) == original
    assert router.inspect(encoded.data) == encoded.record


def test_a_bomb_in_the_source_costs_nothing_to_read() -> None:
    check(compress(b.png_with_xmp(b.ENTITY_BOMB), codec="png"), b.PHOTO)


@pytest.mark.parametrize("codec", ["png", "avif", "jxl", "webp-lossless"])
def test_huge_xmp_where_it_fits(codec: str) -> None:
    encoded = compress(b.png_with_xmp(b.HUGE_XMP), codec=codec)
    assert router.inspect(encoded.data) == encoded.record
    packet = registry.get(codec).read_xmp(encoded.data)
    assert packet is not None
    assert b"y" * 70_000 in packet


def test_huge_xmp_goes_where_it_fits_or_not_at_all() -> None:
    source = b.png_with_xmp(b.HUGE_XMP)
    stripped = compress(source, policy="web", receiver="image/jpeg")  # this policy keeps no XMP
    assert stripped.media_type == "image/jpeg"
    kept = compress(source, policy="balanced", receiver="image/jpeg, image/png")
    assert kept.record.codec == "png"
    assert R.CANNOT_CARRY_XMP in {reason.code for reason in kept.record.reasons}


def test_xmp_that_leaves_no_room_for_the_record_is_kept() -> None:
    source = b.png_with_xmp(b.HUGE_XMP.replace(b"y" * 5_000, b"", 1))
    encoded = compress(source, codec="jpeg")
    packet = registry.get("jpeg").read_xmp(encoded.data)
    assert packet is not None
    assert b"y" * 65_000 in packet
    assert R.RECORD_NOT_CARRIED in {reason.code for reason in encoded.record.reasons}
    with pytest.raises(NoRecordError):
        router.inspect(encoded.data)


@pytest.mark.parametrize("block", [b"junk", b"II*\0"], ids=["no header", "cut"])
def test_damaged_exif_does_not_lose_the_image(block: bytes) -> None:
    source = b.png_with(b"eXIf", block)
    for options in ({"policy": "balanced"}, {"policy": "archival"}, {"codec": "png"}, {"codec": "jpeg"}):
        check(compress(source, **options), b.PHOTO)


def test_exif_that_points_nowhere_in_a_png() -> None:
    check(compress(b.png_with(b"eXIf", b.exif_that_points_nowhere()), codec="png"), b.PHOTO)


def test_a_wide_gamut_keeps_the_neural_lane_shut() -> None:
    profile = icc(P3_PRIMARIES, 2.2)
    source = b.png_with_icc(profile)
    encoded = compress(source)
    assert encoded.record.lane == "classical"
    check(encoded, b.PHOTO)
    assert registry.for_data(encoded.data).decode(encoded.data).metadata.icc == profile
    assert router.score(source).p_value > 0


@pytest.mark.parametrize("place", np.linspace(0, len(b.good_jxl()) - 1, 24).astype(int).tolist())
def test_a_jpeg_xl_with_a_wrong_byte(place: int) -> None:
    data = bytearray(b.good_jxl())
    data[place] ^= 0x55
    try:
        decoded = router.decompress(bytes(data), as_array=True)
    except RouterError as error:
        assert error.exit_code in (4, 5)  # noqa: PT017
    else:  # the format has no checksum over its samples
        assert decoded.dtype == np.uint8


def test_a_jpeg_xl_that_is_cut_anywhere() -> None:
    data = b.good_jxl()
    for end in np.linspace(1, len(data) - 1, 30).astype(int).tolist():
        with pytest.raises(RouterError) as caught:
            router.decompress(data[:end])
        assert caught.value.exit_code == 5


def test_a_damaged_jpeg_cannot_open_the_neural_lane() -> None:
    damaged = save(photo(96, 96), "JPEG")[:-600]
    decision = router.decide(damaged, receiver="self")
    assert decision.lane != "neural"
    assert R.RULE_ERROR in {reason.code for reason in decision.reasons}
    with pytest.raises(InputError):
        compress(damaged)
