"""Readers against files of known samples: a part of the grid, and what the grid cannot say."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from image_builders import icc
from PIL import Image

from router.errors import InputError
from router.images.probe import probe
from router.images.read import read
from router.reasons import ReasonCode
from training.readers import grid, tiff
from training.readers.cell import check
from training.readers.tiff_file import Layout


@pytest.mark.parametrize(
    ("name", "every"),
    [
        ("TIFF", 311),
        ("PNG", 61),
        ("BMP", 41),
        ("Netpbm", 7),
        ("GIF", 41),
        ("JPEG", 7),
        ("WebP", 5),
        ("AVIF", 13),
        ("JPEG XL", 17),
    ],
)
def test_nothing_is_misread_and_nothing_valid_called_damaged(name: str, every: int) -> None:
    results = [check(cell, witness=False) for cell in grid.cells(name, every)]
    assert [(r.cell.name, r.why) for r in results if r.verdict in ("wrong", "called damaged")] == []
    assert sum(r.verdict == "right" for r in results) >= len(results) // 4


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in tiff.cut_files() if "jpeg xr" not in name])
def test_a_strip_that_ends_too_early_is_never_filled_up(make: Callable[[], bytes]) -> None:
    with pytest.raises(InputError) as caught:
        _ = read(make()).pixels
    assert caught.value.code == ReasonCode.DAMAGED_IMAGE


PLANES = np.stack([np.indices((24, 40)).sum(0) * 3 % 256, 255 - np.indices((24, 40)).sum(0)], -1).astype(np.uint8)


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "zstd", "lzma"])
def test_gray_and_alpha_in_separate_planes(compression: str) -> None:
    layout = Layout(PLANES, 8, 1, extra=(2,), compression=compression, planar=True)
    sample = read(layout.file())
    assert sample.mode == "LA"
    assert np.array_equal(sample.pixels, PLANES)


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        ({"photometric": 5}, ReasonCode.MODE_NOT_SUPPORTED, "PhotometricInterpretation 5"),
        ({"photometric": 2}, ReasonCode.MODE_NOT_SUPPORTED, "no ExtraSamples"),
        ({"photometric": 2, "extra": (0,)}, ReasonCode.MODE_NOT_SUPPORTED, "ExtraSamples 0"),
        ({"photometric": 2, "extra": (2,), "sample_format": 2}, ReasonCode.DEPTH_NOT_SUPPORTED, "SampleFormat 2"),
        ({"photometric": 2, "extra": (2,), "compression": "jpeg xr"}, ReasonCode.FORMAT_NOT_SUPPORTED, "Compression 34934"),
        ({"photometric": 2, "extra": (2,), "predictor": 2}, ReasonCode.FORMAT_NOT_SUPPORTED, "Predictor 2"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_refusal_names_the_tag_and_leaves_the_facts(options: dict[str, object], code: ReasonCode, named: str) -> None:
    samples = np.zeros((24, 40, 4), np.uint8)
    data = Layout(samples, 8, **options).file()  # type: ignore[arg-type]
    with pytest.raises(InputError, match=named) as caught:
        read(data)
    assert caught.value.code == code
    sample = read(data, undecodable=True)
    assert (sample.width, sample.height, sample.source.format) == (40, 24, "tiff")
    assert sample.undecodable is not None
    assert sample.undecodable.code == code


def test_a_pillow_image_of_a_tiff_that_pillow_misreads_is_refused() -> None:
    data = Layout(PLANES, 8, 1, extra=(2,), compression="lzw", planar=True).file()
    with pytest.raises(InputError, match="Pass the path"):
        read(Image.open(io.BytesIO(data)))
    whole = Layout(PLANES, 8, 1, extra=(2,), compression="lzw").file()
    assert np.array_equal(read(Image.open(io.BytesIO(whole))).pixels, PLANES)


def test_strips_without_their_sizes() -> None:
    data = Layout(PLANES[..., :1], 8, 1, segment=("strip", 8)).file()
    place = data.rindex((279).to_bytes(2, "little") + b"\x04\x00")
    assert np.array_equal(read(data[:place] + b"\xff\xff" + data[place + 2 :]).pixels, PLANES[..., :1])


def test_sparse_files_are_named() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((64, 64), np.uint8), tile=(32, 32), compression="zlib")
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        place = file.pages[0].tags[325].valueoffset  # type: ignore[union-attr]
    data[place : place + 2] = bytes(2)
    with pytest.raises(InputError, match="left out"):
        read(bytes(data))


def test_a_dicom_with_the_head_of_a_tiff_is_called_a_dicom() -> None:
    data = bytearray(Layout(PLANES[..., :1], 8, 1).file())
    data[128:132] = b"DICM"
    with pytest.raises(InputError, match="DICOM"):
        probe(bytes(data))


@pytest.mark.parametrize("order", "<>")
def test_what_describes_a_bigtiff_comes_along(order: str) -> None:
    described = ((271, "A", b"Acme\0"), (700, "B", b"<x:xmpmeta/>"), (34675, "U", icc(None, 2.2)), (274, "H", [6]))
    layout = Layout(PLANES[..., :1], 8, 1, order=order, big=True, tags=described)  # type: ignore[arg-type]
    sample = read(layout.file())
    assert (sample.width, sample.height) == (24, 40)
    assert sample.metadata.xmp == b"<x:xmpmeta/>"
    assert sample.metadata.icc == icc(None, 2.2)
    block = Image.Exif()
    block.load(sample.metadata.exif or b"")
    assert block[271] == "Acme"


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg xl", "jpeg 2000", "lerc"])
def test_a_strip_that_claims_to_be_a_larger_picture_is_not_decoded(kind: str) -> None:
    rgb = np.repeat(PLANES[..., :1], 3, axis=-1)
    data = bytearray(Layout(rgb, 8, 2, compression=kind).file())
    entry = data.rindex(b"\x01\x01\x04\x00\x01\x00\x00\x00")  # ImageLength, of type LONG, one value
    data[entry + 8 : entry + 12] = (12).to_bytes(4, "little")
    with pytest.raises(InputError) as caught:
        _ = read(bytes(data)).pixels
    assert caught.value.code == ReasonCode.DAMAGED_IMAGE
