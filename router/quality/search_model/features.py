"""What a picture looks like to a transform codec, in a few milliseconds: band energies, estimated rates, flatness, noise, light.

From at most 256 squares of 32 x 32 px, spread evenly: what it costs does not grow with the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.images.sample import Pixels

FEATURES_VERSION = 1
"""Raise it when any value changes: a search model that was fitted on others is refused then."""

_TILE = 32
_MOST = 256
_STEPS = (4.0, 12.0, 32.0, 90.0)
_BANDS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 14))

Block = NDArray[np.float32]

NAMES = (
    *(f"band-{low}-{high}" for low, high in _BANDS),
    "activity-mean",
    "activity-spread",
    "activity-10",
    "activity-50",
    "activity-90",
    *(f"rate-{step:g}" for step in _STEPS),
    *(f"empty-{step:g}" for step in _STEPS),
    *(f"half-band-{low}-{high}" for low, high in _BANDS[:3]),
    *(f"half-rate-{step:g}" for step in _STEPS[1:3]),
    "chroma-energy",
    "chroma-rate-12",
    "chroma-empty-12",
    "noise",
    "gradient",
    "gradient-peaks",
    "still",
    "block-edges",
    "light",
    "contrast",
    "dark",
    "bright",
    "area",
    "gray",
)
"""What the values stand for, in order."""


def features(pixels: Pixels) -> NDArray[np.float64]:
    """(len(NAMES),) finite values of (H, W, 1 to 4) uint8 or uint16 pixels of any size; an alpha channel is left out."""
    height, width, channels = pixels.shape
    tiles = _tiles(pixels[..., : 3 if channels > 2 else 1])
    if tiles.shape[-1] == 3:
        red, green, blue = (tiles[..., k] for k in range(3))
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        chroma = np.stack([0.564 * (blue - luma), 0.713 * (red - luma)])
    else:
        luma, chroma = tiles[..., 0], None
    found = [*_spectrum(luma), *_half_spectrum(_halved(luma)), *_chroma(chroma), *_gradients(luma), *_light(luma)]
    return np.array([*found, np.log(height * width), float(chroma is None or not np.any(chroma))], np.float64)


def _tiles(colour: NDArray[Any]) -> NDArray[np.float32]:
    """(N, 32, 32, C) in [0, 255], at places that are multiples of 8, so that blocks of an earlier JPEG can be told."""
    pad = [(0, max(0, _TILE - length)) for length in colour.shape[:2]]
    if any(after for _, after in pad):
        colour = np.pad(colour, (*pad, (0, 0)), mode="edge")
    height, width = colour.shape[:2]
    down, across = height // _TILE, width // _TILE
    if down * across > _MOST:
        ratio = (_MOST / (down * across)) ** 0.5
        down = min(down, max(1, round(down * ratio)))
        across = min(across, max(1, _MOST // down))
        down = min(down, _MOST // across)
    rows, columns = (
        (np.linspace(0, length - _TILE, count).astype(int) // 8) * 8 for length, count in ((height, down), (width, across))
    )
    found = np.stack([colour[top : top + _TILE, left : left + _TILE] for top in rows for left in columns])
    scale = 1.0 if colour.dtype == np.uint8 else 255 / 65_535
    return found.astype(np.float32) * np.float32(scale)


def _halved(luma: Block) -> Block:
    return 0.25 * (luma[:, ::2, ::2] + luma[:, 1::2, ::2] + luma[:, ::2, 1::2] + luma[:, 1::2, 1::2])


def _dct(planes: Block) -> Block:
    """(blocks, 64) orthonormal DCT-II coefficients of the 8 x 8 blocks of (N, S, S)."""
    count, side = len(planes), planes.shape[1] // 8
    blocks = planes.reshape(count, side, 8, side, 8).transpose(0, 1, 3, 2, 4).reshape(-1, 8, 8)
    return np.asarray(_DCT @ blocks @ _DCT.T, np.float32).reshape(-1, 64)


def _spectrum(luma: Block) -> list[float]:
    coefficients = _dct(luma)
    energy = np.square(coefficients)
    activity = np.log(energy[:, 1:].sum(axis=1) + 1)
    inner = np.quantile(activity, (0.1, 0.5, 0.9))
    sizes = np.abs(coefficients[:, 1:])
    return [
        *(_log(energy[:, _band(*band)].mean()) for band in _BANDS),
        float(activity.mean()),
        float(activity.std()),
        *map(float, inner),
        *(_rate(sizes, step) for step in _STEPS),
        *(_empty(sizes, step) for step in _STEPS),
    ]


def _half_spectrum(luma: Block) -> list[float]:
    coefficients = _dct(luma)
    energy, sizes = np.square(coefficients), np.abs(coefficients[:, 1:])
    return [*(_log(energy[:, _band(*band)].mean()) for band in _BANDS[:3]), *(_rate(sizes, step) for step in _STEPS[1:3])]


def _chroma(chroma: NDArray[np.float32] | None) -> list[float]:
    if chroma is None:
        return [_log(0.0), _log(0.0), 1.0]
    sizes = np.abs(_dct(_halved(chroma.reshape(-1, _TILE, _TILE)))[:, 1:])
    return [_log(np.square(sizes).mean()), _rate(sizes, 12.0), _empty(sizes, 12.0)]


def _gradients(luma: Block) -> list[float]:
    right, down = np.abs(np.diff(luma, axis=2)), np.abs(np.diff(luma, axis=1))
    diagonal = np.abs(luma[:, :-1, :-1] - luma[:, 1:, :-1] - luma[:, :-1, 1:] + luma[:, 1:, 1:])
    mean = 0.5 * (right.mean() + down.mean())
    rms = np.sqrt(0.5 * (np.square(right).mean() + np.square(down).mean()))
    at_edges = right[:, :, 7::8].mean()
    return [
        float(np.log(np.median(diagonal) + 0.1)),
        float(np.log(mean + 0.1)),
        float(np.log((rms + 0.1) / (mean + 0.1))),
        float((right < 0.5).mean()),
        float(np.log((at_edges + 0.1) / (mean + 0.1))),
    ]


def _light(luma: Block) -> list[float]:
    return [float(luma.mean()) / 255, float(luma.std()) / 255, float((luma < 24).mean()), float((luma > 232).mean())]


def _rate(sizes: Block, step: float) -> float:
    """Logarithm of about the bits a coefficient at a quantiser step."""
    return _log(np.log2(1 + sizes / np.float32(step)).mean(), 0.01)


def _empty(sizes: Block, step: float) -> float:
    """Share of blocks in which nothing is left."""
    return float((sizes.max(axis=1) < 0.5 * step).mean())


def _band(low: int, high: int) -> NDArray[np.intp]:
    return np.flatnonzero((low <= _RADIUS) & (high >= _RADIUS))


def _log(value: float | np.floating[Any], floor: float = 0.1) -> float:
    return float(np.log(value + floor))


_K = np.arange(8)
_DCT = (np.cos(np.pi * (2 * _K[None, :] + 1) * _K[:, None] / 16) * np.where(_K == 0, 0.125**0.5, 0.5)[:, None]).astype(np.float32)
_RADIUS = (_K[:, None] + _K[None, :]).ravel()
