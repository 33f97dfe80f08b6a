"""Orientation: applied once, and the tag reset without touching another byte."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_jxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import chunk, exif, jxl_stub, photo, png, save
from PIL import Image, ImageOps

from router.containers.isobmff import iter_boxes
from router.images.orientation import apply_orientation, orientation_of, tiff_block, upright_size, with_upright_tag
from router.images.probe import probe
from router.images.read import read

CODES = range(1, 9)
NOTE = bytes(range(256)) * 4


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "MPO"])
def test_as_pillow_turns_it(kind: str, code: int) -> None:
    block = Image.Exif()
    block[274] = code
    data = save(photo(37, 53), kind, exif=block.tobytes())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    sample = read(data)
    assert (sample.height, sample.width) == expected.shape[:2]  # before anything is decoded
    assert np.array_equal(sample.pixels, expected)
    assert sample.pixels.flags.c_contiguous
    assert orientation_of(sample.metadata.exif) == 1
    opened = read(Image.open(io.BytesIO(data)))
    assert np.array_equal(opened.pixels, expected)


@pytest.mark.parametrize("code", CODES)
def test_16_bit_png_is_turned_too(code: int) -> None:
    pixels = photo(5, 7).astype(np.uint16) * 257
    sample = read(png(pixels, extra=chunk(b"eXIf", exif(code))))
    assert np.array_equal(sample.pixels, apply_orientation(pixels, code))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_tag_is_reset_and_every_other_byte_kept(kind: str, order: str) -> None:
    block = exif(6, NOTE, order)
    data = save(photo(), kind, exif=b"Exif\0\0" + block) if kind != "AVIF" else _avif_with(block)
    assert read(data).metadata.exif == exif(1, NOTE, order)


def _avif_with(block: bytes) -> bytes:
    """An AVIF whose EXIF item is exactly `block`: Pillow takes the orientation out as it writes, so another tag stands in."""
    order = "little" if block[:2] == b"II" else "big"
    stand_in = block.replace((0x0112).to_bytes(2, order), (0x0113).to_bytes(2, order), 1)
    written = save(photo(), "AVIF", exif=stand_in)
    assert written.count(stand_in) == 1
    return written.replace(stand_in, block)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CODES), st.binary(max_size=60), st.sampled_from("<>"))
def test_only_the_value_changes(code: int, note: bytes, order: str) -> None:
    block = exif(code, note, order)
    assert orientation_of(block) == code
    assert with_upright_tag(block) == exif(1, note, order)
    assert tiff_block(b"Exif\0\0" + block) == block


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda b: b"II*\0\x08\0\0\0" + b)))
def test_damaged_exif_is_left_alone(block: bytes) -> None:
    reset = with_upright_tag(block)
    if orientation_of(block) == 1:
        assert reset == block or orientation_of(reset) == 1
    assert reset is not None
    assert len(reset) == len(block)


@pytest.mark.parametrize("block", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", exif(6)[:20], exif(9), exif(0), b"rubbish" * 9])
def test_orientation_of_damaged_exif_is_ignored(block: bytes) -> None:
    assert orientation_of(block) == 1
    assert with_upright_tag(block) == block
    sample = read(png(photo(), extra=chunk(b"eXIf", block)))
    assert (sample.width, sample.height) == (64, 48)
    assert (sample.metadata.exif or b"") == block


@given(st.sampled_from(CODES), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_size_law(code: int, height: int, width: int) -> None:
    turned = apply_orientation(photo(height, width), code)
    assert upright_size(width, height, code) == (turned.shape[1], turned.shape[0])


@pytest.mark.parametrize("code", CODES)
def test_jpeg_xl_transcodes(code: int) -> None:
    jpeg = save(photo(40, 56), "JPEG", quality=95, exif=b"Exif\0\0" + exif(code))
    jxl = pillow_jxl.Encoder(mode="RGB", lossless=True)(jpeg, 56, 40, jpeg_encode=True)
    assert probe(jxl).orientation == code
    original, sample = read(jpeg), read(jxl)
    assert np.array_equal(sample.pixels, original.pixels)
    assert sample.metadata == original.metadata
    # Without its reconstruction data the same codestream is decoded as pixels, and turned by the decoder.
    bare = read(b"".join(jxl[b.start : b.end] for b in iter_boxes(jxl) if b.type != b"jbrd"))
    assert (bare.width, bare.height) == (original.width, original.height)
    assert np.abs(bare.pixels.astype(int) - original.pixels.astype(int)).mean() < 3


def test_exif_beside_an_upright_codestream_does_not_turn_it() -> None:
    # ISO/IEC 18181-2: the codestream's orientation rules over the one in the Exif box.
    data = save(photo(), "JXL", lossless=True, exif=exif(6))
    sample = read(data)
    assert np.array_equal(sample.pixels, photo())
    assert sample.metadata.exif == exif(1)


def test_jpeg_xl_header_states_its_orientation() -> None:
    assert probe(jxl_stub(30, 20, orientation=7)).orientation == 7


def test_orientation_in_xmp_is_left() -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    for kind in ("JPEG", "TIFF"):
        options = {"tiffinfo": {700: packet}} if kind == "TIFF" else {"xmp": packet}
        sample = read(save(photo(), kind, **options))
        assert sample.pixels.shape == (48, 64, 3)
        assert sample.metadata.xmp == packet


def test_tiff_orientation_tag_as_long() -> None:
    data = bytearray(save(photo(), "TIFF", exif=_orientation_only(8)))
    place = data.index(struct.pack("<HHI", 274, 3, 1))
    data[place + 2] = 4
    assert read(bytes(data)).pixels.shape == (64, 48, 3)


def _orientation_only(code: int) -> Image.Exif:
    block = Image.Exif()
    block[274] = code
    return block
