"""Damaged, cut-off and hostile files: a typed refusal, fast, and never other pixels."""

from __future__ import annotations

import functools
import resource
import struct
import warnings

import numpy as np
import pillow_jxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_builders import exif, jxl_stub, photo, png, save
from PIL import Image
from work import calls

from router.errors import InputError, LimitError, RouterError
from router.images.probe import is_hdr, probe
from router.images.read import read
from router.reasons import ReasonCode


@functools.cache
def files() -> dict[str, bytes]:
    pixels = photo(40, 31)
    made = {
        "jpeg": save(pixels, "JPEG", exif=b"Exif\0\0" + exif(6)),
        "progressive": save(pixels, "JPEG", progressive=True),
        "png": save(pixels, "PNG", exif=b"Exif\0\0" + exif(6)),
        "palette": save(Image.fromarray(pixels).quantize(9), "PNG"),
        "png16": png(pixels.astype(np.uint16) * 257),
        "webp": save(pixels, "WEBP", exif=b"Exif\0\0" + exif(6)),
        "webp lossless": save(pixels, "WEBP", lossless=True),
        "avif": save(pixels, "AVIF"),
        "gif": save(Image.fromarray(pixels).quantize(9), "GIF"),
        "bmp": save(pixels, "BMP"),
        "tiff": save(pixels, "TIFF"),
        "tiff lzw": save(pixels, "TIFF", compression="tiff_lzw"),
        "ppm": save(pixels, "PPM"),
        "jxl": save(pixels, "JXL", lossless=True),
        "jxl lossy": save(pixels, "JXL", quality=70),
        "jxl boxes": save(pixels, "JXL", lossless=True, exif=exif(1)),
    }
    jpeg = made["jpeg"]
    made["transcode"] = pillow_jxl.Encoder(mode="RGB", lossless=True)(jpeg, 31, 40, jpeg_encode=True)
    return made


@pytest.mark.parametrize("name", files())
def test_cut_off_files(name: str) -> None:
    data = files()[name]
    whole = read(data).pixels
    for count in sorted({*range(1, 40, 3), *np.linspace(40, len(data) - 1, 40).astype(int).tolist()}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pixels = read(data[:count]).pixels
            except (InputError, LimitError):
                continue
        assert np.array_equal(pixels, whole), f"other pixels from {count} of {len(data)} bytes"
        assert count >= len(data) - (12 if data.startswith(b"\x89PNG") else 4), "only an end marker may be missing"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_changed_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files())))
    changed = bytearray(files()[name])
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, min(len(changed), 300) - 1))] = data.draw(st.integers(0, 255))
    _only_our_errors(bytes(changed))


SIGNATURES = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"BM",
    b"RIFF\x40\0\0\0WEBP",
    b"\0\0\0\x18ftypavif",
    b"P6 ",
    b"P4\n",
    b"<svg",
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SIGNATURES), st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(signature: bytes, rest: bytes) -> None:
    _only_our_errors(signature + rest)


def _only_our_errors(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            is_hdr(data)
            _ = read(data).pixels
        except RouterError as error:
            assert error.hint  # noqa: PT017


def refused(data: bytes, error: type[RouterError]) -> None:
    with pytest.raises(error):
        read(data)


@pytest.mark.parametrize("animated", [False, True])
def test_a_jpeg_xl_that_claims_a_huge_size_is_refused_from_its_header(animated: bool) -> None:
    data = jxl_stub(1 << 30, 1 << 30, animated=animated)
    container = (
        b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl " + struct.pack(">I", 8 + len(data)) + b"jxlc" + data
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in (data, container):
        assert calls(lambda source=source: refused(source, LimitError)) < 5_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (2**31 - 1, 1), (20_000, 20_000)])
def test_a_png_that_claims_a_huge_size_is_refused_from_its_header(width: int, height: int) -> None:
    data = bytearray(files()["png"])
    data[16:24] = struct.pack(">II", width, height)
    with pytest.raises(LimitError):
        read(bytes(data))


def test_gif_image_larger_than_its_screen_counts_in_full() -> None:
    data = bytearray(files()["gif"])
    place = data.index(b"\x2c\0\0\0\0\x1f\0\x28\0")
    data[place + 5 : place + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(LimitError):
        read(bytes(data))


def test_jpeg_xl_parts_out_of_the_container() -> None:
    naked = files()["jxl"]
    parts = (naked[:5], naked[5:7], naked[7:])
    boxes = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    for number, part in enumerate(parts):
        index = number | (0x80000000 if number == 2 else 0)
        boxes += struct.pack(">I", 12 + len(part)) + b"jxlp" + struct.pack(">I", index) + part
    assert probe(boxes) == probe(naked)
    assert np.array_equal(read(boxes).pixels, read(naked).pixels)


def test_animated_jpeg_xl_is_refused_from_its_header() -> None:
    import imagecodecs

    real = imagecodecs.jpegxl_encode(np.stack([photo(seed=1), photo(seed=2)]), lossless=True)
    for data in (real, jxl_stub(64, 48, animated=True)):
        assert probe(data).animated
        for first_frame in (False, True):
            with pytest.raises(InputError) as caught:
                read(data, first_frame=first_frame)
            assert caught.value.code == ReasonCode.ANIMATED


def test_jpeg_xl_with_further_channels_is_refused() -> None:
    import imagecodecs

    planes = np.ascontiguousarray(photo(channels=4).transpose(2, 0, 1))
    with pytest.raises(InputError) as caught:
        read(imagecodecs.jpegxl_encode(planes, lossless=True, planar=True))
    assert caught.value.code == ReasonCode.MODE_NOT_SUPPORTED


@pytest.mark.parametrize(
    "changed", [b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\0\x01", b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\0\x03" + b"\0" * 9]
)
def test_jpegs_without_a_picture(changed: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(changed)
    assert caught.value.code == ReasonCode.DAMAGED_IMAGE


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_an_avif_whose_table_counts_what_takes_no_bytes_is_refused_at_once() -> None:
    entries = b"".join(struct.pack(">HHH", item, 0, 65535) for item in range(20_000))
    table = _box(b"iloc", b"\0\0\0\0\0\0" + struct.pack(">H", 20_000) + entries)
    data = _box(b"ftyp", b"avif\0\0\0\0avif") + _box(b"meta", b"\0\0\0\0" + _box(b"pitm", b"\0\0\0\0\0\1") + table)
    assert calls(lambda: refused(data, InputError)) < 5_000


def test_a_tiff_that_repeats_its_largest_tag_is_read_once() -> None:
    count = 5_000
    table = 8 + 2 + 12 * count + 4
    entry = struct.pack("<HHII", 320, 3, 196_608, table)
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entry * count + bytes(4) + bytes(2 * 196_608)
    assert calls(lambda: refused(data, InputError)) < 100_000


def test_tiff_directories_that_overlap_are_not_followed_for_ever() -> None:
    count, pages = 60_000, 900
    data = bytearray(b"II*\0\x08\0\0\0" + bytes(2 + 12 * count + 4 + 16 * pages + 64))
    for page in range(pages):  # each a bit further on, nearly all of it the same bytes
        start = 8 + 16 * page
        struct.pack_into("<H", data, start, count - 2 * page)
        end = start + 2 + 12 * (count - 2 * page)
        struct.pack_into("<I", data, end, 8 + 16 * (page + 1))
    assert calls(lambda: refused(bytes(data), InputError)) < 3_000_000
