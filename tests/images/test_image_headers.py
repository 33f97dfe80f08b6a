"""`probe` against the decoders, and what only headers tell."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_jxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import chunk, jxl_stub, photo, png, save
from PIL import Image
from sample_set import SAMPLES

from router.errors import InputError
from router.images.probe import is_hdr, probe
from router.images.read import read
from router.reasons import ReasonCode

CASES = {
    "jpeg": (save(photo(), "JPEG"), True, "RGB"),
    "jpeg gray": (save(photo(channels=1), "JPEG"), True, "L"),
    "png": (save(photo(channels=4), "PNG"), False, "RGBA"),
    "webp": (save(photo(), "WEBP"), True, "RGB"),
    "webp alpha": (save(photo(channels=4), "WEBP"), True, "RGBA"),
    "webp lossless": (save(photo(channels=4), "WEBP", lossless=True), False, "RGBA"),
    "webp lossless extended": (save(photo(), "WEBP", lossless=True, xmp=b"<x/>"), False, "RGB"),
    "avif": (save(photo(), "AVIF"), True, ""),
    "gif": (save(photo(), "GIF"), False, "P"),
    "bmp": (save(photo(), "BMP"), False, "RGB"),
    "tiff": (save(photo(), "TIFF"), False, "RGB"),
    "tiff jpeg": (save(photo(), "TIFF", compression="jpeg"), True, "RGB"),
    "ppm": (save(photo(), "PPM"), False, "RGB"),
    "jxl": (save(photo(), "JXL", quality=80), True, "RGB"),
    "jxl lossless": (save(photo(channels=4), "JXL", lossless=True), False, "RGBA"),
    "jxl gray": (save(photo(channels=1), "JXL", lossless=True), False, "L"),
    "jxl transcode": (
        pillow_jxl.Encoder(mode="RGB", lossless=True)(save(photo(), "JPEG"), 64, 48, jpeg_encode=True),
        True,
        "RGB",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_headers(name: str) -> None:
    data, lossy, mode = CASES[name]
    header = probe(data)
    assert header.format == name.split()[0]
    assert (header.width, header.height, header.bits) == (64, 48, 8)
    assert (header.lossy, header.mode, header.animated, header.frames) == (lossy, mode, False, 1)
    assert not is_hdr(data)
    assert not is_hdr(data, header)


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_samples_read_as_pillow_reads_them(path: object) -> None:
    from pathlib import Path

    from PIL import ImageOps

    assert isinstance(path, Path)
    sample = read(path)
    with Image.open(path) as opened:
        assert sample.source.size == path.stat().st_size
        if sample.bits == 16 and sample.channels > 1:
            assert sample.pixels.dtype == np.uint16
            return
        image = ImageOps.exif_transpose(opened)
        expected = np.asarray(image if sample.bits == 16 else image.convert(sample.mode))
    assert np.array_equal(sample.pixels.reshape(expected.shape), expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 1 << 30), st.integers(1, 1 << 30), st.integers(1, 8), st.integers(1, 31))
def test_jpeg_xl_header_fields(width: int, height: int, orientation: int, bits: int) -> None:
    header = probe(jxl_stub(width, height, orientation=orientation, bits=bits))
    assert (header.width, header.height, header.orientation, header.bits) == (width, height, orientation, bits)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700))
def test_jpeg_xl_sizes_as_the_encoder_writes_them(width: int, height: int) -> None:
    data = save(Image.new("RGB", (width, height)), "JXL", lossless=True, effort=1)
    assert (probe(data).width, probe(data).height) == (width, height)


@pytest.mark.parametrize("size", [(64, 64), (120, 100), (400, 300), (300, 200), (160, 90), (250, 200), (512, 256), (256, 8)])
def test_jpeg_xl_sizes_with_a_ratio(size: tuple[int, int]) -> None:
    data = save(Image.new("RGB", size), "JXL", lossless=True, effort=1)
    assert (probe(data).width, probe(data).height) == size


def test_no_bytes_and_cut_headers() -> None:
    with pytest.raises(InputError) as caught:
        probe(b"")
    assert caught.value.code == ReasonCode.EMPTY_INPUT
    for data, _, _ in CASES.values():
        with pytest.raises(InputError):
            probe(data[:4])


def test_hdr() -> None:
    for transfer in (16, 18):
        assert is_hdr(png(photo(), extra=chunk(b"cICP", bytes([9, transfer, 0, 1]))))
        assert is_hdr(jxl_stub(64, 48, transfer=transfer))
        avif = save(photo(), "AVIF")
        place = avif.index(b"nclx") + 4
        assert is_hdr(avif[:place] + struct.pack(">HH", 9, transfer) + avif[place + 4 :])
    assert not is_hdr(png(photo(), extra=chunk(b"cICP", bytes([12, 13, 0, 1]))))
    gain_map = b'<x:xmpmeta xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    assert is_hdr(save(photo(), "JPEG", xmp=gain_map))
    jpeg = save(photo(), "JPEG")
    mark = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"
    assert is_hdr(jpeg[:2] + b"\xff\xe2" + struct.pack(">H", 2 + len(mark)) + mark + jpeg[2:])


def test_camera_raw_is_not_taken_for_its_preview() -> None:
    data = bytearray(save(photo(), "TIFF", tiffinfo={254: 1}))
    with pytest.raises(InputError) as caught:
        probe(bytes(data))
    assert caught.value.code == ReasonCode.FORMAT_NOT_SUPPORTED


def test_big_tiff() -> None:
    data = save(photo(), "TIFF", big_tiff=True)
    assert data[:4] == b"II+\0"
    assert (probe(data).width, probe(data).height) == (64, 48)
    assert np.array_equal(read(data).pixels, photo())


def test_reduced_copies_are_not_pages() -> None:
    image = Image.fromarray(photo())
    small = image.resize((16, 12))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", save_all=True, append_images=[small])
    assert probe(buffer.getvalue()).frames == 1
    assert np.array_equal(read(buffer.getvalue()).pixels, photo())


def test_reading_does_not_import_pillow_for_headers() -> None:
    import subprocess
    import sys

    program = "import sys, router.images.read, router.images.probe; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
