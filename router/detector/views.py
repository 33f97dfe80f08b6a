"""What the detector looks at: a bounded number of full-resolution tiles and one small view of the whole image.

Shrinking a large image would hide what matters to a codec (noise, JPEG history, one-pixel lines), so tiles are cut at full
resolution from an even grid. The small view adds what tiles cannot see: colour balance and coarse structure. Both have a
fixed upper size, so the cost does not grow with the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.images.sample import ImageSample, Pixels

TILE = 96
"""Side of a tile in pixels (shorter only where the image is)."""
MAX_TILES = 25
VIEW_SIDE = 256
"""Longest side of the small view."""
THINNEST_VIEW = 16
"""Shortest side of the small view of a long image, so that every statistic has something to measure."""
GRAY_CHROMA = 0.5
"""An image whose channels differ by less than this on average (of 255) counts as gray."""
_READ_PIXELS = 1 << 21


@dataclass(frozen=True)
class Views:
    """Float32 in [0, 255] whatever the depth. Alpha is left out: the neural lane codes the colour planes as they are and
    stores alpha losslessly, so colour under transparency counts and compositing would show pixels that nobody codes.

    Attributes:
        tiles: (N, h, w, C), C = 1 where `gray`, otherwise 3 (RGB).
        small: (H', W', C), the whole image, sides at most VIEW_SIDE.
        gray: no colour worth modelling; luma then is the first channel (bit-equal for "L" and gray "RGB").
    """

    tiles: NDArray[np.float32]
    small: NDArray[np.float32]
    gray: bool


def views(sample: ImageSample) -> Views:
    """Tiles and small view of `sample`. Raises InputError if the pixels cannot be decoded."""
    pixels = _colour_planes(sample)
    small = _small_view(pixels)
    gray = _is_gray(small)
    if gray:
        pixels, small = pixels[..., :1], small[..., :1]
    corners = grid(pixels.shape[0], pixels.shape[1])
    return Views(tiles=cut(pixels, corners), small=small, gray=gray)


def tile_views(sample: ImageSample, corners: NDArray[np.intp], gray: bool) -> NDArray[np.float32]:
    """(N, h, w, C) float32 tiles with their upper left at `corners` (N, 2) rows and columns."""
    pixels = _colour_planes(sample)
    return cut(pixels[..., :1] if gray else pixels, corners)


def grid(height: int, width: int) -> NDArray[np.intp]:
    """(N, 2) upper-left corners of at most MAX_TILES tiles spread evenly over the image, rows first."""
    full_rows, full_cols = -(-height // TILE), -(-width // TILE)
    cols = int(np.clip(round((MAX_TILES * width / height) ** 0.5), 1, min(full_cols, MAX_TILES)))
    rows = min(full_rows, MAX_TILES // cols)
    cols = min(full_cols, MAX_TILES // rows)
    ys = np.linspace(0, max(height - TILE, 0), rows).round()
    xs = np.linspace(0, max(width - TILE, 0), cols).round()
    return np.stack(np.meshgrid(ys, xs, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.intp)


def cut(pixels: Pixels, corners: NDArray[np.intp]) -> NDArray[np.float32]:
    """(N, h, w, C) float32 in [0, 255]; h and w are TILE or the image's side where that is shorter."""
    stacked = np.stack([pixels[y : y + TILE, x : x + TILE] for y, x in corners])
    return _to_255(stacked)


def _colour_planes(sample: ImageSample) -> Pixels:
    pixels = sample.pixels
    return pixels[..., :-1] if sample.has_alpha else pixels


def _small_view(pixels: Pixels) -> NDArray[np.float32]:
    """Area-averaged to VIEW_SIDE; very long images are squeezed less across, to keep THINNEST_VIEW pixels. Of images above 2 MP
    every k-th row is read, at least one for each row of the view."""
    import cv2

    height, width, channels = pixels.shape
    scale = VIEW_SIDE / max(height, width)
    if scale >= 1:
        return _to_255(pixels)
    rows, cols = (min(side, max(THINNEST_VIEW, round(side * scale))) for side in (height, width))
    step = min(max(1, height * width // _READ_PIXELS), height // rows)
    small = cv2.resize(pixels[step // 2 :: step], (cols, rows), interpolation=cv2.INTER_AREA)
    # whole steps of 1/255 for any depth, so that tone statistics of 8 and 16 bit agree
    return np.rint(_to_255(small.reshape(rows, cols, channels)))


def _is_gray(small: NDArray[np.float32]) -> bool:
    if small.shape[-1] == 1:
        return True
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return float(spread.mean()) < GRAY_CHROMA


def _to_255(pixels: NDArray[Any]) -> NDArray[np.float32]:
    out = pixels.astype(np.float32)
    if pixels.dtype == np.uint16:
        out /= np.float32(257)
    return out
