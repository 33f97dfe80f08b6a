"""JPEG files repacked as JPEG XL come back byte for byte, whatever is inside and whatever is attached."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from router.codecs.conformance import srgb_profile, synthetic
from router.codecs.jpeg import JpegCodec
from router.codecs.jxl import JxlCodec, JxlTranscodeCodec
from router.errors import CarryError, CodecError, LimitError, StreamError
from router.images.read import read
from router.limits import Limits
from router.reasons import ReasonCode

CODEC = JxlTranscodeCodec()
# orientation 6
EXIF = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" + bytes(4)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def jpeg(mode="RGB", trailing=b"", **options) -> bytes:
    out = io.BytesIO()
    pixels = synthetic(61, 83, mode, 8)
    Image.fromarray(pixels[..., 0] if mode == "L" else pixels).save(out, "JPEG", **{"quality": 83, **options})
    return out.getvalue() + trailing


FILES = {
    "baseline": jpeg(),
    "gray": jpeg("L"),
    "progressive": jpeg(progressive=True),
    "full chroma": jpeg(subsampling="4:4:4"),
    "half chroma": jpeg(subsampling="4:2:2"),
    "restart markers": jpeg(restart_marker_blocks=3),
    "RGB inside": jpeg(keep_rgb=True),
    "trailing bytes": jpeg(trailing=b"camera maker's appendix" * 9),
    "EXIF": jpeg(exif=EXIF),
    "ICC": jpeg(icc_profile=srgb_profile()),
    "XMP": jpeg(xmp=XMP),
    "comment": jpeg(comment=b"hello"),
    "everything": jpeg(exif=EXIF, icc_profile=srgb_profile(), xmp=XMP, progressive=True, trailing=b"\xff\xd8\xff"),
    "our own output": JpegCodec().with_xmp(JpegCodec().encode(read(synthetic(40, 50, "RGB", 8)), {}), XMP),
}


@pytest.mark.parametrize("name", FILES)
def test_byte_for_byte_before_and_after_xmp(name):
    original = FILES[name]
    sample = read(original)
    data = CODEC.encode(sample, {})
    assert CODEC.reconstruct(data) == original
    assert CODEC.read_xmp(data) is None  # the file's own packet is the file's
    once = CODEC.with_xmp(data, b"<x>one</x>" * 99)
    twice = CODEC.with_xmp(once, b"<x>two</x>")
    assert CODEC.read_xmp(twice) == b"<x>two</x>"
    assert twice == CODEC.with_xmp(data, b"<x>two</x>")
    for variant in (data, once, twice):
        assert CODEC.reconstruct(variant) == original
        assert np.array_equal(CODEC.decode(variant).pixels, sample.pixels)
    assert CODEC.decode(data).metadata == sample.metadata
    assert CODEC.decode(twice).metadata.xmp == b"<x>two</x>"


@pytest.mark.parametrize("name", ["photo_rocket", "photo_astronaut", "gray_coins", "oriented_coffee", "document_letter"])
def test_real_files(name, samples):
    original = samples[name].read_bytes()
    sample = read(original)
    data = CODEC.encode(sample, {})
    assert len(data) < 0.95 * len(original)
    assert CODEC.reconstruct(CODEC.with_record(data, b"{}", sample.metadata.xmp)) == original
    assert np.array_equal(CODEC.decode(data).pixels, sample.pixels)


def test_only_jpeg_files_are_taken(samples):
    bare = read(np.asarray(Image.open(samples["photo_rocket"])))
    for other in (read(samples["photo_cat"]), bare):
        with pytest.raises(CarryError) as caught:
            CODEC.encode(other, {})
        assert caught.value.code == ReasonCode.NOT_A_JPEG


def test_a_jpeg_that_ends_early_is_a_codec_error():
    cut = FILES["baseline"][:-400]
    with pytest.raises(CodecError) as caught:
        CODEC.encode(read(cut), {})
    assert caught.value.code == ReasonCode.ENCODE_FAILED


def test_no_jpeg_no_reconstruction():
    plain = JxlCodec().encode(read(synthetic(20, 20, "RGB", 8)), {})
    for data in (plain, FILES["baseline"], b""):
        with pytest.raises(StreamError):
            CODEC.reconstruct(data)


def test_limits_hold_for_the_jpeg_inside():
    data = CODEC.encode(read(FILES["baseline"]), {})
    with pytest.raises(LimitError):
        CODEC.decode(data, Limits(max_side=60))
