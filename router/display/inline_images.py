"""Pictures inside a document: as data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray


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
