"""Encoders for the sample files: the same pixels give the same bytes (no dates, no software tags)."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


def png(image: Image.Image, **info: Any) -> bytes:
    """`image` as an optimised PNG without any metadata but what `info` names (`icc_profile=`, `transparency=`)."""
    image.info = {}  # Pillow writes back what it read: dpi, comments and profiles of the source would come along
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True, **info)
    return out.getvalue()


def png16(pixels: NDArray[np.uint16]) -> bytes:
    """(H, W) or (H, W, 3) RGB `pixels` as a 16-bit PNG. OpenCV writes it, because Pillow has no 16-bit RGB mode."""
    ok, data = cv2.imencode(".png", pixels if pixels.ndim == 2 else pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not ok:
        raise RuntimeError("OpenCV could not encode the PNG")
    return bytes(data)


def jpeg(image: Image.Image, quality: int, **options: Any) -> bytes:
    """`image` as a JPEG with optimised Huffman tables; `options` go to Pillow (`subsampling=`, `progressive=`, `exif=` ...)."""
    image.info = {}
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True, **options)
    return out.getvalue()


def srgb_profile() -> bytes:
    """LittleCMS's built-in sRGB profile ("no copyright, use freely"), its creation date set to 2000-01-01."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # ICC.1:2022, 7.2.8: dateTimeNumber at byte 24
    return bytes(profile)
