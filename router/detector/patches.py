"""What the detector looks at: a bounded number of full-resolution tiles and one small view of the whole image.

Shrinking a large image would hide what matters to a codec (noise, JPEG history, one-pixel lines), so tiles are cut at full
resolution: most from an even grid, some where the image is most conspicuous (hard edges, exactly flat areas), so that a caption
on a photograph is seen. The small view adds what tiles cannot see: colour balance, coarse structure, what is shown. All have
a fixed upper size, so the cost hardly grows with the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.images.colour import as_shown
from router.images.sample import ImageSample, Pixels

MIN_SIDE = 32
"""Below this many pixels on the shorter side there is too little to measure; `extract_patches` must not be called."""
TILE = 96
"""Side of a tile in pixels (shorter only where the image is)."""
MAX_TILES = 25
EVEN_TILES = 16
"""Of larger images: this many tiles from the even grid, the others where the image is conspicuous."""
VIEW_SIDE = 256
"""Longest side of the small view."""
THINNEST_VIEW = 16
"""Shortest side of the small view of a long image, so that every statistic has something to measure."""
GRAY_CHROMA = 0.5
"""An image whose channels differ by less than this on average (of 255) counts as gray."""
_READ_PIXELS = 1 << 21
_SEARCHED_PIXELS = 1 << 24
_HARD_EDGE = 96


@dataclass(frozen=True, eq=False)
class Patches:
    """Float32 in [0, 255] whatever the depth, as a screen shows them (`colour.as_shown`).

    Alpha is left out: the neural lane codes the colour planes as they are and stores alpha losslessly, so colour under
    transparency counts and compositing would show pixels that nobody codes.

    Attributes:
        tiles: (N, h, w, C), C = 1 where `gray`, otherwise 3 (RGB); N at most MAX_TILES.
        corners: (N, 2) upper-left rows and columns of the tiles, in pixels.
        even: the first so many tiles are from the even grid, the others were chosen for what they show.
        small: (H', W', C), the whole image, sides at most VIEW_SIDE.
        gray: no colour worth modelling; luma then is the first channel (bit-equal for "L" and gray "RGB").
    """

    tiles: NDArray[np.float32]
    corners: NDArray[np.intp]
    even: int
    small: NDArray[np.float32]
    gray: bool


def extract_patches(sample: ImageSample) -> Patches:
    """Tiles and small view of `sample`. Raises InputError if the pixels cannot be decoded."""
    pixels = _colour_planes(sample)
    small = _small_view(pixels)
    gray = is_gray(small)
    if gray:
        pixels, small = pixels[..., :1], small[..., :1]
    corners, even = choose_tiles(pixels)
    return Patches(tiles=cut(pixels, corners), corners=corners, even=even, small=small, gray=gray)


def shows_gray(sample: ImageSample) -> bool:
    """Whether an image has no colour worth modelling, by its small view; below `MIN_SIDE` only where no pixel has any.

    A scan that was stored as a JPEG in colour keeps a trace of it. Raises InputError if the pixels cannot be decoded.
    """
    if sample.is_gray or min(sample.width, sample.height) < MIN_SIDE:
        return sample.is_gray
    return is_gray(_small_view(_colour_planes(sample)))


def extract_tiles(sample: ImageSample, corners: NDArray[np.intp], gray: bool) -> NDArray[np.float32]:
    """(N, h, w, C) float32 tiles with their upper left at `corners` (N, 2) rows and columns."""
    pixels = _colour_planes(sample)
    return cut(pixels[..., :1] if gray else pixels, corners)


def choose_tiles(pixels: Pixels) -> tuple[NDArray[np.intp], int]:
    """Corners (N, 2) of the tiles of an (H, W, C) image, and how many of them are from the even grid."""
    height, width = pixels.shape[:2]
    if -(-height // TILE) * -(-width // TILE) <= MAX_TILES:
        covering = grid(height, width, MAX_TILES)
        return covering, len(covering)
    even = grid(height, width, EVEN_TILES)
    return np.concatenate([even, _conspicuous(pixels, MAX_TILES - len(even))]), len(even)


def tile_count(height: int, width: int) -> int:
    """How many tiles `choose_tiles` takes from an image of this size, at most MAX_TILES."""
    covering = -(-height // TILE) * -(-width // TILE) <= MAX_TILES
    return len(grid(height, width, MAX_TILES)) if covering else MAX_TILES


def grid(height: int, width: int, most: int) -> NDArray[np.intp]:
    """(N, 2) upper-left corners of at most `most` tiles spread evenly over the image, rows first."""
    full_rows, full_cols = -(-height // TILE), -(-width // TILE)
    cols = int(np.clip(round((most * width / height) ** 0.5), 1, min(full_cols, most)))
    rows = min(full_rows, most // cols)
    cols = min(full_cols, most // rows)
    ys = np.linspace(0, max(height - TILE, 0), rows).round()
    xs = np.linspace(0, max(width - TILE, 0), cols).round()
    return np.stack(np.meshgrid(ys, xs, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.intp)


def cut(pixels: Pixels, corners: NDArray[np.intp]) -> NDArray[np.float32]:
    """(N, h, w, C) float32 in [0, 255]; h and w are TILE or the image's side where that is shorter."""
    stacked = np.stack([pixels[y : y + TILE, x : x + TILE] for y, x in corners])
    return _to_255(stacked)


def _conspicuous(pixels: Pixels, count: int) -> NDArray[np.intp]:
    """Corners of the `count` blocks with the most hard edges, or with exactly flat areas beside edges, half each.

    Blocks lie side by side; of images above 16 MP every second, third ... row of blocks is searched.
    """
    import cv2

    height, width = pixels.shape[:2]
    rows, cols = max(1, height // TILE), max(1, width // TILE)
    step = -(-height * width // _SEARCHED_PIXELS)
    edges, flat = [], []
    searched = range(0, rows, step)
    tall, wide = min(TILE, height), min(TILE, width)
    for row in searched:
        strip = _bytes(pixels[row * TILE : row * TILE + tall, : cols * wide])
        luma = strip if strip.ndim == 2 else cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY)
        change = cv2.add(cv2.absdiff(luma[:-1, 1:], luma[:-1, :-1]), cv2.absdiff(luma[1:, :-1], luma[:-1, :-1]))
        change = np.pad(change, ((0, 1), (0, 1)), mode="edge")
        blocks = change.reshape(tall, cols, wide)
        edges.append((blocks > _HARD_EDGE).mean((0, 2)))
        flat.append((blocks == 0).mean((0, 2)))
    edge, flatness = np.concatenate(edges), np.concatenate(flat)
    graphic = flatness * np.minimum(1, 20 * edge)
    first = np.argsort(-edge, kind="stable")[: count - count // 2]
    others = [i for i in np.argsort(-graphic, kind="stable") if i not in set(first.tolist())][: count // 2]
    chosen = np.concatenate([first, np.array(others, np.intp)])
    return np.stack([np.asarray(searched)[chosen // cols] * TILE, chosen % cols * TILE], axis=1).astype(np.intp)


def _bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """(h, w) or (h, w, 3) uint8."""
    eight = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else np.asarray(pixels, np.uint8)
    return np.ascontiguousarray(eight[..., 0] if eight.shape[2] == 1 else eight)


def _colour_planes(sample: ImageSample) -> Pixels:
    pixels = as_shown(sample.metadata.icc)(sample.pixels)
    return pixels[..., :-1] if sample.has_alpha else pixels


def _small_view(pixels: Pixels) -> NDArray[np.float32]:
    """Area-averaged to VIEW_SIDE; very long images are squeezed less across, to keep THINNEST_VIEW pixels.

    Of images above 2 MP every k-th row is read, at least one for each row of the view.
    """
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


def is_gray(small: NDArray[np.float32]) -> bool:
    """Whether a small view, (H, W, C) in [0, 255], has no colour worth modelling."""
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
