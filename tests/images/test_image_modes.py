"""Modes and depths: exact, or refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_builders import chunk, jxl_header, photo, png, save
from PIL import Image

from router.errors import InputError
from router.extras import install_hint
from router.images.orientation import apply_orientation
from router.images.probe import probe
from router.images.read import read
from router.limits import NO_LIMITS
from router.reasons import ReasonCode


def code_of(src: object, **options: object) -> ReasonCode:
    with pytest.raises(InputError) as caught:
        _ = read(src, **options).pixels  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value.code


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 4)))
    return draw(arrays(draw(st.sampled_from([np.uint8, np.uint16])), shape))


@settings(max_examples=60, deadline=None)
@given(images())
def test_png_gives_back_every_array(pixels: np.ndarray) -> None:
    sample = read(png(pixels))
    assert sample.pixels.dtype == pixels.dtype
    assert np.array_equal(sample.pixels, pixels)
    assert (sample.channels, sample.bits) == (pixels.shape[2], 8 * pixels.dtype.itemsize)


@settings(max_examples=40, deadline=None)
@given(images())
def test_raw_netpbm_gives_back_every_array(pixels: np.ndarray) -> None:
    pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    height, width, channels = pixels.shape
    top = np.iinfo(pixels.dtype).max
    head = b"P%d\n# made by hand\n%d %d\n%d\n" % (6 if channels == 3 else 5, width, height, top)
    sample = read(head + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes())
    assert sample.pixels.dtype == pixels.dtype
    assert np.array_equal(sample.pixels, pixels)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_low_depth_gray_png_fills_8_bits(bits: int) -> None:
    samples = np.arange(1 << bits, dtype=np.uint8).reshape(1, -1, 1)
    sample = read(png(samples, bits=bits))
    assert np.array_equal(sample.pixels, samples * (255 // ((1 << bits) - 1)))
    assert probe(png(samples, bits=bits)).bits == bits


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_gray_in_png(bits: int) -> None:
    key = (1 << bits) - 2
    samples = np.array([[[0], [key], [(1 << bits) - 1]]], np.uint16 if bits == 16 else np.uint8)
    sample = read(png(samples, bits=bits, extra=chunk(b"tRNS", struct.pack(">H", key))))
    top = np.iinfo(sample.pixels.dtype).max
    expected = np.where(samples[0, :, 0] == key, 0, top).tolist()
    assert sample.mode == "LA"
    assert sample.pixels[0, :, 1].tolist() == expected
    assert sample.pixels[0, 2, 0] == top


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_colour_in_png(dtype: type) -> None:
    pixels = photo(6, 5).astype(dtype) * (257 if dtype is np.uint16 else 1)
    key = pixels[2, 3]
    sample = read(png(pixels, extra=chunk(b"tRNS", struct.pack(">3H", *key.tolist()))))
    assert sample.mode == "RGBA"
    assert np.array_equal(sample.pixels[..., :3], pixels)
    assert np.array_equal(sample.pixels[..., 3] == 0, (pixels == key).all(-1))


def test_palettes() -> None:
    indices = np.arange(4, dtype=np.uint8).reshape(2, 2, 1)
    colours = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [1, 2, 3]], np.uint8)
    plte = chunk(b"PLTE", colours.tobytes())
    opaque = read(png(indices, bits=2, colour=3, extra=plte))
    assert opaque.mode == "RGB"
    assert np.array_equal(opaque.pixels.reshape(-1, 3), colours)
    clear = read(png(indices, bits=2, colour=3, extra=plte + chunk(b"tRNS", b"\x00\x80")))
    assert clear.mode == "RGBA"
    assert np.array_equal(clear.pixels.reshape(-1, 4)[:, 3], [0, 128, 255, 255])
    assert np.array_equal(clear.pixels.reshape(-1, 4)[:, :3], colours)
    bitmap = Image.fromarray(photo(9, 11)).quantize(7)
    for kind in ("GIF", "BMP", "TIFF", "PNG"):
        assert np.array_equal(read(save(bitmap, kind)).pixels, np.asarray(bitmap.convert("RGB"))), kind


def test_one_bit_images() -> None:
    image = Image.fromarray((photo(9, 13, 1)[..., 0] > 90).astype(np.uint8) * 255).convert("1")
    expected = np.asarray(image.convert("L"))[..., None]
    for source in (image, *(save(image, f) for f in ("PNG", "PPM", "TIFF"))):
        assert np.array_equal(read(source).pixels, expected)
    assert np.array_equal(read(b"P1\n3 1\n1 0 1").pixels, [[[0], [255], [0]]])


def test_pillow_modes() -> None:
    rgba = Image.fromarray(photo(5, 6, 4))
    la = Image.fromarray(photo(5, 6, 2))
    assert np.array_equal(read(rgba.convert("RGBa")).pixels, np.asarray(rgba.convert("RGBa").convert("RGBA")))
    assert np.array_equal(read(la.convert("La")).pixels, np.asarray(la.convert("La").convert("LA")))
    pa = Image.fromarray(photo(5, 6)).quantize(9).convert("PA")
    assert np.array_equal(read(pa).pixels, np.asarray(pa.convert("RGBA")))
    keyed = Image.fromarray(photo(5, 6, 1)[..., 0])
    keyed.info["transparency"] = int(np.asarray(keyed)[0, 0])
    assert read(keyed).mode == "LA"
    assert read(keyed).pixels[0, 0, 1] == 0
    for mode in ("CMYK", "YCbCr", "HSV", "LAB", "F"):
        image = Image.new(mode, (4, 4))
        assert code_of(image) == ReasonCode.MODE_NOT_SUPPORTED, mode


def test_16_bit_gray_is_exact_over_its_full_range() -> None:
    pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    wide = Image.fromarray(pixels[..., 0].astype(np.int32))
    pgm = b"P5 256 256 65535\n" + pixels.astype(">u2").tobytes()
    plain = b"P2 4 1 65535\n0 1 32768 65535"
    sources = [png(pixels), pgm, wide, save(wide, "TIFF"), save(Image.fromarray(pixels[..., 0]), "TIFF")]
    sources.append(save(Image.fromarray(pixels[..., 0]), "TIFF", compression="tiff_lzw"))
    for source in sources:
        sample = read(source)
        assert sample.bits == 16
        assert np.array_equal(sample.pixels, pixels)
    assert read(plain).pixels.ravel().tolist() == [0, 1, 32768, 65535]
    big_endian = Image.frombytes("I;16B", (256, 256), pixels.astype(">u2").tobytes())
    assert np.array_equal(read(big_endian).pixels, pixels)
    assert np.array_equal(read(save(big_endian, "TIFF")).pixels, pixels)


def test_16_bit_white_is_zero_tiff_is_inverted() -> None:
    pixels = np.array([[0, 1, 65535]], np.uint16)
    data = bytearray(save(Image.fromarray(pixels), "TIFF"))
    entry = data.index(struct.pack("<HHI", 262, 3, 1))
    assert data[entry + 8] == 1
    data[entry + 8] = 0
    assert read(bytes(data)).pixels.ravel().tolist() == [65535, 65534, 0]


def test_32_bit_samples_outside_16_bits_are_refused() -> None:
    for value in (-1, 65536):
        image = Image.fromarray(np.array([[0, value]], np.int32))
        assert code_of(image) == ReasonCode.DEPTH_NOT_SUPPORTED
        assert code_of(save(image, "TIFF")) == ReasonCode.DEPTH_NOT_SUPPORTED


@pytest.mark.parametrize("maxval", [1, 15, 100, 254, 256, 1023, 65534])
def test_netpbm_fills_its_depth_and_can_be_scaled_back(maxval: int) -> None:
    stored = np.arange(maxval + 1)
    full = 255 if maxval < 256 else 65535
    raw = b"P5 %d 1 %d\n" % (len(stored), maxval) + stored.astype("u1" if full == 255 else ">u2").tobytes()
    plain = b"P2 %d 1 %d\n%s" % (len(stored), maxval, b" ".join(b"%d" % v for v in stored))
    for data in (raw, plain):
        pixels = read(data, limits=NO_LIMITS).pixels.ravel()
        assert (pixels[0], pixels[-1], pixels.dtype.itemsize) == (0, full, full.bit_length() // 8)
        assert np.array_equal(np.round(pixels * (maxval / full)), stored)


@pytest.mark.parametrize(
    "data", [b"P2 2 1 7\n3 8", b"P5 2 1 7\n\3\x08", b"P2 2 1 7\n3", b"P2 2 1 7\n3 x", b"P1 2 1\n0 2", b"P3 1 1 9\n1 2"]
)
def test_netpbm_with_samples_that_its_header_rules_out(data: bytes) -> None:
    assert code_of(data) == ReasonCode.DAMAGED_IMAGE


def test_deeper_than_8_bits_is_never_halved() -> None:
    import imagecodecs

    deep = (photo(16, 16).astype(np.uint16) << 8) | 0x5A
    assert np.array_equal(read(_tiff16(deep)).pixels, deep)
    seven_bits = imagecodecs.jpegxl_encode(photo(16, 16) >> 1, lossless=True, bitspersample=7)
    assert code_of(seven_bits) == ReasonCode.DEPTH_NOT_SUPPORTED
    for bits in (10, 12):
        avif = imagecodecs.avif_encode(deep >> (16 - bits), bitspersample=bits)
        assert probe(avif).bits == bits
        assert read(avif).bits == 16
        jxl = imagecodecs.jpegxl_encode(deep >> (16 - bits), lossless=True, bitspersample=bits)
        assert probe(jxl).bits == bits
        assert read(jxl).bits == 16
    jpeg12 = imagecodecs.jpeg8_encode(deep[..., 0] >> 4, bitspersample=12)
    assert probe(jpeg12).bits == 12
    assert code_of(jpeg12) == ReasonCode.DEPTH_NOT_SUPPORTED


def _tiff16(pixels: np.ndarray) -> bytes:
    """A little-endian, uncompressed 16-bit RGB TIFF."""
    height, width, channels = pixels.shape
    raw = pixels.astype("<u2").tobytes()
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8 + len(raw)), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 8), (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(raw))]
    bits = struct.pack("<3H", 16, 16, 16) + b"\0\0"
    head = b"II*\0" + struct.pack("<I", 8 + len(raw) + len(bits))
    return head + raw + bits + struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + b"\0" * 4


@pytest.mark.parametrize("kind", ["png", "avif", "jxl"])
def test_deep_colour_without_its_extra_is_refused_with_a_hint_and_may_be_kept(kind: str) -> None:
    import imagecodecs

    deep = np.zeros((8, 8, 3), np.uint16)
    data = {
        "png": lambda: png(deep),
        "avif": lambda: imagecodecs.avif_encode(deep, bitspersample=10),
        "jxl": lambda: imagecodecs.jpegxl_encode(deep, bitspersample=10, lossless=True),
    }[kind]()
    program = (
        "import sys, importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'imagecodecs' else real(name, *a)\n"
        "import router\n"
        "from router.images.read import read\n"
        "data = sys.stdin.buffer.read()\n"
        "try:\n"
        "    read(data)\n"
        "except router.RouterError as error:\n"
        "    print(error.code, error.hint)\n"
        "print(router.compress(data, policy='archival').record.lane)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True)
    assert done.stdout.splitlines() == [f"DEPTH_NOT_SUPPORTED {install_hint('depth')}".encode(), b"passthrough"]


def test_other_colour_models_are_refused() -> None:
    cmyk = Image.new("CMYK", (8, 8), (10, 20, 30, 40))
    assert probe(save(cmyk, "JPEG")).mode in ("CMYK", "YCCK")
    for data in (
        save(cmyk, "JPEG"),
        save(cmyk, "TIFF"),
        save(Image.new("F", (4, 4)), "TIFF"),
        save(Image.new("LAB", (4, 4)), "TIFF"),
    ):
        assert code_of(data) == ReasonCode.MODE_NOT_SUPPORTED


def test_16_bit_jpeg_xl_is_exact() -> None:
    import imagecodecs

    for channels in (1, 2, 3, 4):
        pixels = (photo(7, 9, channels).astype(np.uint16) << 8) | 0x81
        data = imagecodecs.jpegxl_encode(pixels[..., 0] if channels == 1 else pixels, lossless=True)
        sample = read(data)
        assert sample.bits == 16
        assert np.array_equal(sample.pixels, pixels)


@pytest.mark.parametrize("alpha", ["straight", "associated"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_jpeg_xl_headers_that_our_encoders_do_not_write(alpha: str, orientation: int) -> None:
    pixels = photo(24, 40, 4)
    encoded = save(pixels, "JXL", lossless=True)
    header = jxl_header(40, 24, alpha=alpha, orientation=orientation)
    samples = []
    for start in range(3, 24):  # the frame begins where the decoder accepts it behind the other header
        try:
            sample = read(header + encoded[start:])
            _ = sample.pixels
        except InputError:
            continue
        samples.append(sample)
    expected = pixels
    if alpha == "associated":
        colours = np.floor(pixels[..., :3] * 255.0 / np.maximum(pixels[..., 3:], 1) + 0.5).clip(0, 255)
        colours = np.where(pixels[..., 3:] == 0, pixels[..., :3], colours)
        expected = np.dstack([colours.astype(np.uint8), pixels[..., 3]])
    assert len(samples) == 1
    assert np.array_equal(samples[0].pixels, apply_orientation(np.array(expected), orientation))


ANIMATIONS = ["GIF", "WEBP", "PNG", "AVIF", "TIFF"]


@pytest.mark.parametrize("kind", ANIMATIONS)
def test_animations_are_refused_unless_the_first_frame_is_asked_for(kind: str) -> None:
    first, second = (Image.fromarray(photo(32, 40, seed=s)).transpose(Image.Transpose(s)) for s in (0, 1))
    options: dict[str, object] = {"save_all": True, "append_images": [second]}
    if kind not in ("TIFF",):
        options["duration"] = 50
    if kind == "WEBP":
        options["lossless"] = True
    data = save(first, kind, **options)
    assert probe(data).animated
    assert code_of(data) == ReasonCode.ANIMATED
    sample = read(data, first_frame=True)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(sample.pixels[..., :3], expected)
    opened = Image.open(io.BytesIO(data))
    assert code_of(opened) == ReasonCode.ANIMATED
    assert np.array_equal(read(opened, first_frame=True).pixels[..., :3], expected)


def test_one_frame_files_are_not_animations() -> None:
    for kind in ANIMATIONS:
        data = save(photo(), kind, save_all=True)
        assert not probe(data).animated, kind
        assert read(data).pixels.shape[:2] == (48, 64)


def test_phone_pictures_with_a_second_image_are_still_images() -> None:
    first, second = Image.fromarray(photo(seed=1)), Image.fromarray(photo(24, 32, seed=2))
    data = save(first, "MPO", save_all=True, append_images=[second])
    opened = Image.open(io.BytesIO(data))
    assert opened.n_frames == 2
    sample = read(data)
    assert sample.source.format == "jpeg"
    assert np.array_equal(sample.pixels, np.asarray(opened))
    assert np.array_equal(read(opened).pixels, sample.pixels)


def test_gif_transparency_and_partial_frames() -> None:
    image = Image.new("P", (4, 3))
    image.putdata([i % 4 for i in range(12)])
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    sample = read(save(image, "GIF", transparency=2, optimize=False))
    assert sample.mode == "RGBA"
    assert sample.pixels[..., 3].ravel().tolist() == [255, 255, 0, 255] * 3
    assert sample.pixels[0, 1].tolist() == [255, 0, 0, 255]
    data = bytearray(save(image, "GIF", optimize=False))
    data[6:10] = struct.pack("<HH", 6, 5)  # a screen larger than the image
    partial = read(bytes(data))
    assert partial.pixels.shape == (5, 6, 4)
    assert partial.pixels[:3, :4, 3].min() == 255
    assert partial.pixels[3:].max() == 0
    assert partial.pixels[:, 4:].max() == 0
