"""Whether a file holds only its picture: every kind of extra part is noticed, and clean files are not suspected."""

from __future__ import annotations

import io

import numpy as np
import pillow_jxl
import pytest
from image_builders import chunk, exif, photo, png, save
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from router.images.left_behind import holds_only_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NOTES = PngInfo()
NOTES.add_text("Author", "A. Person")
JPEG = save(photo(), "JPEG")

CLEAN = {
    "jpeg": JPEG,
    "jpeg progressive": save(photo(200, 300), "JPEG", progressive=True, optimize=True, quality=95),
    "jpeg profile": save(photo(), "JPEG", icc_profile=SRGB),
    "png": save(photo(), "PNG"),
    "png profile": save(photo(channels=4), "PNG", icc_profile=SRGB),
    "png palette": save(Image.fromarray(photo()).quantize(9), "PNG"),
    "webp": save(photo(), "WEBP"),
    "webp profile": save(photo(channels=4), "WEBP", icc_profile=SRGB),
    "avif": save(photo(), "AVIF"),
    "avif alpha": save(photo(channels=4), "AVIF", icc_profile=SRGB),
    "jxl": save(photo(), "JXL", lossless=True),
    "bmp": save(photo(), "BMP"),
}
PASSENGERS = {
    "jpeg exif": save(photo(), "JPEG", exif=b"Exif\0\0" + exif(1)),
    "jpeg xmp": save(photo(), "JPEG", xmp=b"<x/>"),
    "jpeg comment": save(photo(), "JPEG", comment=b"who and where"),
    "jpeg iptc": JPEG[:2] + b"\xff\xed\x00\x10Photoshop 3.0\x00" + JPEG[2:],
    "jpeg second picture": JPEG + JPEG,
    "jpeg tail": JPEG + b"a film",
    "jpeg comment between scans": JPEG[:-2] + b"\xff\xfe\x00\x06text" + JPEG[-2:],
    "png text": save(photo(), "PNG", pnginfo=NOTES),
    "png time": png(photo(), extra=chunk(b"tIME", bytes(7))),
    "png exif": save(photo(), "PNG", exif=b"Exif\0\0" + exif(1)),
    "png tail": save(photo(), "PNG") + b"more",
    "webp exif": save(photo(), "WEBP", exif=exif(1)),
    "webp xmp": save(photo(), "WEBP", xmp=b"<x/>"),
    "webp tail": save(photo(), "WEBP") + b"more",
    "avif exif": save(photo(), "AVIF", exif=b"Exif\0\0" + exif(1)),
    "avif xmp": save(photo(), "AVIF", xmp=b"<x/>"),
    "jxl exif": save(photo(), "JXL", lossless=True, exif=exif(1)),
    "jxl transcode": bytes(pillow_jxl.Encoder(mode="RGB", lossless=True)(JPEG, 64, 48, jpeg_encode=True)),
    "gif": save(photo(), "GIF"),
    "tiff": save(photo(), "TIFF"),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_files(name: str) -> None:
    assert holds_only_picture(CLEAN[name], name.split()[0])


@pytest.mark.parametrize("name", PASSENGERS)
def test_extra_parts(name: str) -> None:
    assert not holds_only_picture(PASSENGERS[name], name.split()[0])


def test_noise_is_not_taken_for_a_segment() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)).save(buffer, "JPEG", quality=98)
    assert holds_only_picture(buffer.getvalue(), "jpeg")
