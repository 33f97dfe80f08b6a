"""Small pictures for screens: as shown in sRGB, 8 bits."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from router.images.sample import Pixels

LIGHT_GRAY = 230
"""Level of the ground that transparent pictures are shown on."""
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
