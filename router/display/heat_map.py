"""A heatmap as a picture over the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.detector.report import OodReport
from router.images.colour import as_shown
from router.images.sample import ImageSample

LONGEST_SIDE = 2048
TOP = 3.0
"""The score shown in the hottest colour; 1, the 95th percentile of the tiles of photographs, is where colour starts."""
_STRENGTH = 0.65


def picture(sample: ImageSample, report: OodReport) -> NDArray[np.uint8]:
    """(H', W', 3) uint8, sides at most LONGEST_SIDE: the image in gray, cells above the 95th percentile of photographs in colour.

    `report` must hold a heatmap of `sample`. Raises InputError if the pixels cannot be decoded, ValueError without a heatmap.
    """
    import cv2

    if report.heatmap is None or report.tile_size is None:
        raise ValueError("the report holds no heatmap")
    pixels = as_shown(sample.metadata.icc)(sample.pixels)
    pixels = pixels[..., :-1] if sample.has_alpha else pixels
    scale = min(1.0, LONGEST_SIDE / max(sample.width, sample.height))
    size = (max(1, round(sample.width * scale)), max(1, round(sample.height * scale)))
    eight = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    small = cv2.resize(np.ascontiguousarray(eight), size, interpolation=cv2.INTER_AREA)
    gray = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return heated(np.asarray(gray, np.uint8), report.heatmap, report.tile_size * scale)


def heated(small: NDArray[np.uint8], heatmap: NDArray[np.float32], cell: float) -> NDArray[np.uint8]:
    """(h, w, 3): a picture, (h, w) or (h, w, 3), in gray, with the cells above 1 in colour.

    `cell`: px of the picture that a cell covers on each side.
    """
    import cv2

    gray = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    rows, cols = heatmap.shape
    # cells reach past the image: enlarge them whole, then cut
    whole = (max(width, round(cols * cell)), max(height, round(rows * cell)))
    heat = cv2.resize(heatmap, whole)[:height, :width]
    share = np.clip((heat - 1) / (TOP - 1), 0, 1)
    colours = cv2.cvtColor(cv2.applyColorMap((64 + share * 191).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    weight = np.where(heat > 1, _STRENGTH, 0.0)[..., None]
    mixed = gray[..., None] * (1 - weight) + colours * weight
    shown: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return shown
