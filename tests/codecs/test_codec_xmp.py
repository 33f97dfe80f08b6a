"""XMP by byte surgery: the packet is where other software looks for it, and the pixels stay what they were."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from router.codecs import registry
from router.codecs.conformance import synthetic
from router.containers.isobmff import iter_boxes
from router.containers.metadata import Metadata
from router.errors import CarryError, StreamError
from router.images.read import read
from router.images.sample import ImageSample
from router.reasons import ReasonCode

CARRIERS = ["jpeg", "webp", "webp-lossless", "avif", "jxl", "jxl-lossless", "png"]
EXIF = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0f\x00\x02\x00\x00\x00\x02c\x00\x00\x00\x00\x00\x00\x00"


def sample(mode: str = "RGB", *, exif: bytes | None = EXIF) -> ImageSample:
    pixels = synthetic(24, 31, mode, 8)
    return read(pixels).replace_pixels(pixels, Metadata(exif=exif))


ENCODED = {
    (i, m): registry.get(i).encode(sample(m), {})
    for i in CARRIERS
    for m in ("L", "RGB", "RGBA")
    if m in registry.get(i).carries.modes
}


@pytest.mark.parametrize(("codec_id", "mode"), ENCODED)
def test_any_packets_one_after_the_other(codec_id, mode):
    codec, data = registry.get(codec_id), ENCODED[codec_id, mode]
    pixels, exif = codec.decode(data).pixels, codec.decode(data).metadata.exif

    @settings(max_examples=12, deadline=None)
    @given(st.lists(st.binary(min_size=1, max_size=70_000 if codec_id == "png" else 5_000), min_size=1, max_size=3))
    def law(packets):
        written = data
        for packet in packets:
            written = codec.with_xmp(written, packet)
            assert codec.read_xmp(written) == packet
        assert written == codec.with_xmp(data, packets[-1])  # nothing is left of the earlier ones
        decoded = codec.decode(written)
        assert np.array_equal(decoded.pixels, pixels)
        assert decoded.metadata.exif == exif == EXIF

    law()


@pytest.mark.parametrize(("codec_id", "mode"), [k for k in ENCODED if not k[0].startswith("jxl")])
def test_pillow_reads_packet_exif_and_pixels(codec_id, mode):
    codec, data = registry.get(codec_id), ENCODED[codec_id, mode]
    before = np.asarray(Image.open(io.BytesIO(data)))
    with Image.open(io.BytesIO(codec.with_xmp(data, b"<x>of any length</x>"))) as image:
        image.load()
        xmp = image.info["xmp"]
        assert (xmp.encode() if isinstance(xmp, str) else xmp) == b"<x>of any length</x>"
        assert image.info["exif"].removeprefix(b"Exif\x00\x00") == EXIF
        assert np.array_equal(np.asarray(image), before)


@pytest.mark.parametrize(
    ("codec_id", "decode"),
    [("avif", imagecodecs.avif_decode), ("jxl", imagecodecs.jpegxl_decode), ("webp", imagecodecs.webp_decode),
     ("webp-lossless", imagecodecs.webp_decode), ("png", imagecodecs.png_decode)],
)  # fmt: skip
def test_a_second_decoder_still_reads_the_file(codec_id, decode):
    codec, data = registry.get(codec_id), ENCODED[codec_id, "RGBA"]
    assert np.array_equal(decode(codec.with_xmp(data, b"<x/>" * 50)), decode(data))


def test_an_alpha_plane_behind_the_avif_packet_moves_with_it():
    codec, data = registry.get("avif"), ENCODED["avif", "RGBA"]
    shorter, longer = codec.with_xmp(data, b"x"), codec.with_xmp(data, b"x" * 5000)
    assert len(longer) - len(shorter) == 4999
    assert np.array_equal(codec.decode(shorter).pixels, codec.decode(longer).pixels)


def test_jpeg_refuses_a_packet_longer_than_a_segment():
    codec, data = registry.get("jpeg"), ENCODED["jpeg", "RGB"]
    longest = codec.with_xmp(data, b"x" * 65_502)
    assert codec.read_xmp(longest) == b"x" * 65_502
    assert Image.open(io.BytesIO(longest)).info["xmp"] == b"x" * 65_502
    with pytest.raises(CarryError) as caught:
        codec.with_xmp(data, b"x" * 65_503)
    assert caught.value.code == ReasonCode.CANNOT_CARRY_XMP
    source = read(synthetic(4, 4, "RGB", 8))
    assert codec.refusal(source.replace_pixels(source.pixels, Metadata(xmp=b"x" * 65_503))).code == ReasonCode.CANNOT_CARRY_XMP


def test_webp_becomes_extended_only_when_it_must():
    codec = registry.get("webp-lossless")
    for mode, alpha in (("RGB", 0), ("RGBA", 0x10)):
        simple = codec.encode(sample(mode, exif=None), {})
        assert simple[12:16] == b"VP8L"
        extended = codec.with_xmp(simple, b"<x/>")
        assert extended[12:16] == b"VP8X"
        assert extended[20] == 0x04 | alpha
        assert struct.unpack("<I", extended[4:8])[0] == len(extended) - 8
        assert extended.endswith(b"XMP \x04\x00\x00\x00<x/>")


def test_png_packet_stands_before_the_pixels_and_compressed_ones_are_read():
    codec, data = registry.get("png"), ENCODED["png", "RGB"]
    written = codec.with_xmp(data, b"<x/>")
    assert written.index(b"iTXt") < written.index(b"IDAT")
    body = b"XML:com.adobe.xmp\x00\x01\x00en\x00key\x00" + zlib.compress(b"<y/>")
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    foreign = data[:33] + chunk + data[33:]
    assert codec.read_xmp(foreign) == b"<y/>"
    assert codec.with_xmp(foreign, b"<x/>") == written
    with pytest.raises(StreamError):
        codec.read_xmp(foreign.replace(b"\x01\x00en", b"\x01\x00EN"))  # the CRC tells
    bomb = zlib.compress(bytes(17 << 20))
    body = b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + bomb
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    with pytest.raises(StreamError):
        codec.read_xmp(data[:33] + chunk + data[33:])


def test_jxl_packet_is_the_last_box_of_naked_and_open_ended_files_too():
    codec, data = registry.get("jxl"), registry.get("jxl").encode(sample(exif=None), {})
    pixels = codec.decode(data).pixels
    (stream,) = [b for b in iter_boxes(data) if b.type == b"jxlc"]
    naked = data[stream.payload : stream.end]
    open_ended = data[: stream.start] + b"\x00\x00\x00\x00" + data[stream.start + 4 :]
    for variant in (data, naked, open_ended):
        assert codec.read_xmp(variant) is None
        written = codec.with_xmp(variant, b"<x/>")
        assert written == codec.with_xmp(data, b"<x/>")
        assert written.endswith(b"\x00\x00\x00\x0cxml <x/>")
        assert np.array_equal(codec.decode(written).pixels, pixels)


def test_a_foreign_avif_without_an_xmp_item_is_refused():
    out = io.BytesIO()
    Image.fromarray(synthetic(16, 16, "RGB", 8)).save(out, "AVIF", max_threads=1)
    codec = registry.get("avif")
    assert codec.read_xmp(out.getvalue()) is None
    with pytest.raises(CarryError) as caught:
        codec.with_xmp(out.getvalue(), b"<x/>")
    assert caught.value.code == ReasonCode.CANNOT_CARRY_XMP
