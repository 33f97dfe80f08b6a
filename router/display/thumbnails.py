"""Small pictures for screens: as shown in sRGB, 8 bits, inside a document as data URIs."""

from __future__ import annotations

import base64
import io
from typing import cast

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from router.display.colours import LIGHT_GRAY
from router.images.sample import Pixels

LONGEST_SIDE = 640
"""px of a thumbnail."""


def thumbnail(pixels: Pixels, icc: bytes | None = None, longest: int = LONGEST_SIDE) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 in sRGB, sides at most `longest`, of (H, W, C) pixels under a profile; on light gray where transparent."""
    import cv2

    from router.images.colour import as_shown

    height, width = pixels.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 1:
        small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
        pixels = cast("Pixels", small.reshape(size[1], size[0], pixels.shape[2]))
    eight = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels.astype(np.uint8)
    return on_light_gray(as_shown(icc)(eight).astype(np.uint8))


def on_light_gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) of (H, W, C) pixels: gray widened, transparent ones over LIGHT_GRAY."""
    shown = pixels
    if pixels.shape[2] in (2, 4):
        alpha = pixels[..., -1:].astype(np.float32) / 255
        shown = np.rint(pixels[..., :-1] * alpha + LIGHT_GRAY * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)).astype(np.uint8))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of (H, W, 3) pixels."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def data_uri(pixels: NDArray[np.uint8], *, lossless: bool = True) -> str:
    """(H, W, 3) pixels as a WebP inside a URI; not `lossless`: at quality 90, a tenth of the bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=lossless, quality=100 if lossless else 90, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def picture(pixels: NDArray[np.uint8], alt: str, *, lossless: bool = False) -> Markup:
    """An `img` element that keeps its proportions and grows no wider than its place."""
    height, width = pixels.shape[:2]
    return Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(
        data_uri(pixels, lossless=lossless), alt, width, height
    )
