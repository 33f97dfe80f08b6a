"""ICC, EXIF and XMP: byte for byte, wherever a format keeps them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from image_builders import P3_PRIMARIES, chunk, exif, icc, photo, png, save
from PIL import Image, PngImagePlugin

from router.containers.metadata import Metadata
from router.errors import InputError
from router.images.read import read
from router.reasons import ReasonCode

XMP = b'<?xpacket begin="\xef\xbb\xbf"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="w"?>'
ICC = icc(P3_PRIMARIES, 2.2)
EXIF = exif(1, b"maker note")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_carried_byte_for_byte(kind: str) -> None:
    data = save(photo(), kind, icc_profile=ICC, exif=b"Exif\0\0" + EXIF, xmp=XMP)
    # Pillow's AVIF writer serialises EXIF with an orientation tag anew: compare with what lies in the file.
    expected = EXIF if kind != "AVIF" else read(data).metadata.exif
    assert expected is not None
    assert expected in data
    assert read(data).metadata == Metadata(ICC, expected, XMP)


@pytest.mark.parametrize("compressed", [False, True])
def test_png(compressed: bool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=compressed)
    data = save(photo(), "PNG", icc_profile=ICC, exif=b"Exif\0\0" + EXIF, pnginfo=info)
    assert read(data).metadata == Metadata(ICC, EXIF, XMP)
    late = data[:-12] + chunk(b"eXIf", exif(3)) + data[-12:]
    assert np.array_equal(read(late).pixels, photo()[::-1, ::-1])


def test_tiff() -> None:
    block = Image.Exif()
    block[271] = "Acme"
    block.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    metadata = read(save(photo(), "TIFF", exif=block.tobytes(), icc_profile=ICC)).metadata
    assert metadata.icc == ICC
    again = Image.Exif()
    assert metadata.exif is not None
    again.load(metadata.exif)
    assert again[271] == "Acme"
    assert again.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert 273 not in again  # nothing of how the file stored its pixels
    assert read(save(photo(), "TIFF")).metadata.exif is None


def test_jpeg_xl() -> None:
    data = save(photo(), "JXL", lossless=True, exif=EXIF, xmp=XMP)
    assert read(data).metadata == Metadata(None, EXIF, XMP)


def test_jpeg_xl_with_a_profile() -> None:
    import pillow_jxl

    from router.containers.isobmff import iter_boxes

    jpeg = save(photo(), "JPEG", icc_profile=ICC, quality=95)
    jxl = pillow_jxl.Encoder(mode="RGB", lossless=True)(jpeg, 64, 48, jpeg_encode=True)
    assert read(jxl).metadata.icc == ICC
    bare = b"".join(jxl[b.start : b.end] for b in iter_boxes(jxl) if b.type != b"jbrd")
    assert read(bare).metadata.icc == ICC


def test_gif_xmp() -> None:
    data = save(Image.fromarray(photo()).quantize(8), "GIF")
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    screen = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    marked = data[:screen] + b"\x21\xff\x0bXMP DataXMP" + XMP + trailer + data[screen:]
    assert read(marked).metadata.xmp == XMP
    assert np.array_equal(read(marked).pixels, read(data).pixels)


def test_pillow_image() -> None:
    image = Image.open(io.BytesIO(save(photo(), "JPEG", icc_profile=ICC, exif=b"Exif\0\0" + EXIF, xmp=XMP)))
    assert read(image).metadata == Metadata(ICC, EXIF, XMP)


def test_large_profiles_and_exif_span_several_jpeg_segments() -> None:
    profile = ICC + bytes(200_000)
    assert read(save(photo(), "JPEG", icc_profile=profile)).metadata.icc == profile
    first, second = EXIF[:100], EXIF[100:]
    data = save(photo(), "JPEG")
    parts = b"".join(b"\xff\xe1" + struct.pack(">H", 8 + len(p)) + b"Exif\0\0" + p for p in (first, second))
    assert read(data[:2] + parts + data[2:]).metadata.exif == EXIF


def test_empty_entries_are_none() -> None:
    data = png(photo(), extra=chunk(b"iCCP", b"empty\0\0" + zlib.compress(b"")) + chunk(b"eXIf", b""))
    assert read(data).metadata == Metadata()
    assert read(save(photo(), "PNG")).metadata == Metadata()


def test_metadata_that_explodes_is_refused() -> None:
    squeezed = zlib.compress(bytes(65 << 20), 9)
    with pytest.raises(InputError) as caught:
        read(png(photo(), extra=chunk(b"iCCP", b"bomb\0\0" + squeezed)))
    assert caught.value.code == ReasonCode.DAMAGED_IMAGE
