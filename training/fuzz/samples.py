"""Small image files of every format, each with what its format can carry: what the image targets begin with."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

import router
from router.limits import Limits

LIMITS = Limits(max_pixels=1 << 18, max_side=4096, max_file_bytes=1 << 24)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:d="http://d/" d:t="kept"/></rdf:RDF></x:xmpmeta>'
)


@functools.cache
def seeds() -> tuple[bytes, ...]:
    """Small files, each with what its format can carry."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (20, 28, 4)).cumsum(1).astype(np.uint8)
    rgb, rgba, gray = (Image.fromarray(c) for c in (colours[..., :3].copy(), colours, colours[..., 0].copy()))
    deep = Image.fromarray(colours[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    exif.get_ifd(0x8769)[0x9286] = b"a comment"
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    text.add_text("Comment", "text", zip=True)
    found = [
        _saved(rgb, "JPEG", exif=exif, xmp=XMP, icc_profile=_srgb(), comment=b"said"),
        _saved(gray, "JPEG", progressive=True),
        _saved(rgb.convert("CMYK"), "JPEG"),
        _saved(rgb, "PNG", pnginfo=text, exif=exif, icc_profile=_srgb()),
        _saved(rgba, "PNG"),
        _saved(rgb.quantize(16), "PNG", transparency=3),
        _saved(deep, "PNG"),
        _saved(rgb, "WEBP", exif=exif, xmp=XMP, icc_profile=_srgb()),
        _saved(rgba, "WEBP", lossless=True),
        _saved(rgb.quantize(16), "GIF", comment=b"said"),
        _saved(rgb, "GIF", save_all=True, append_images=[gray.convert("RGB")]),
        _saved(rgb, "BMP"),
        _saved(gray, "PPM"),
        *(_saved(rgb, "TIFF", compression=c, exif=exif) for c in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")),
        _saved(rgba, "TIFF", compression="tiff_deflate"),
        _saved(deep, "TIFF"),
        _saved(gray.convert("1"), "TIFF", compression="group4"),
    ]
    if features.check("avif"):
        found += [_saved(rgb, "AVIF", exif=exif, xmp=XMP, icc_profile=_srgb()), _saved(rgba, "AVIF")]
    found += [router.compress(c, codec=codec).data for c in (colours[..., :3], colours) for codec in ("jxl-lossless", "jxl")]
    found.append(router.compress(_saved(rgb, "JPEG", exif=exif), codec="jxl-transcode").data)
    return tuple(found)


def repaired(data: bytes) -> bytes:
    """In half of all cases, a PNG with right checksums as far as its chunks can be followed; everything else as it is."""
    if zlib.crc32(data) & 1 or not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        end = at + 12 + int.from_bytes(out[at : at + 4], "big")
        if end > len(out):
            break
        out[end - 4 : end] = struct.pack(">I", zlib.crc32(out[at + 4 : end - 4]))
        at = end
    return bytes(out)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _srgb() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
