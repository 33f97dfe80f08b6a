"""From an image to one feature vector: statistics of full-resolution tiles, pooled, and of the small view.

Pooling keeps the mean and the spread over tiles: a photograph varies from place to place in its own way, a scan or a chart in
another. Features whose name holds "colour." exist for colour images only; gray images are judged by the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from router.detector import statistics
from router.detector.statistics import Features, Stack
from router.detector.views import Views, views
from router.images.sample import ImageSample

EMBEDDING_VERSION = 1
"""Changes whenever any feature's value changes; an artefact fitted with another version is refused."""
MIN_SIDE = 32
"""Below this many pixels on the shorter side there is too little to measure; `embed` must not be called."""


@dataclass(frozen=True)
class Embedding:
    """Attributes:
    vector: (D,) float64, finite; D = len(feature_names(gray)).
    tiles: (N, T) float64 local features; T = len(tile_feature_names(gray)).
    gray: which of the two feature sets this is.
    """

    vector: NDArray[np.float64]
    tiles: NDArray[np.float64]
    gray: bool


def embed(sample: ImageSample) -> Embedding:
    """Embed one image of at least MIN_SIDE pixels a side. Deterministic. Raises InputError if it cannot be decoded."""
    seen = views(sample)
    local = tile_features(seen.tiles)
    vector = np.concatenate([local.mean(0), np.log(local.std(0) + 1e-3), _as_matrix(_view_statistics(seen))[0]])
    return Embedding(vector=vector, tiles=local, gray=seen.gray)


def tile_features(tiles: Stack) -> NDArray[np.float64]:
    """(N, T) float64 local features of (N, h, w, C) float32 tiles in [0, 255]."""
    return _as_matrix(_tile_statistics(tiles))


@cache
def tile_feature_names(gray: bool) -> tuple[str, ...]:
    """Names of the columns of `tile_features`, in order."""
    return tuple(_tile_statistics(np.zeros((1, MIN_SIDE, MIN_SIDE, 1 if gray else 3), np.float32)))


@cache
def feature_names(gray: bool) -> tuple[str, ...]:
    """Names of the entries of `Embedding.vector`, in order."""
    blank = np.zeros((1, MIN_SIDE, MIN_SIDE, 1 if gray else 3), np.float32)
    local = tile_feature_names(gray)
    view = _view_statistics(Views(tiles=blank, small=blank[0], gray=gray))
    return (*(f"mean.{n}" for n in local), *(f"spread.{n}" for n in local), *view)


def _tile_statistics(tiles: Stack) -> Features:
    y = statistics.luma(tiles)
    half = statistics.halve(y)
    out = statistics.mscn_statistics(y, "s1")
    out |= statistics.mscn_statistics(half, "s2")
    out |= statistics.mscn_statistics(statistics.halve(half), "s4")
    out |= statistics.gradient_statistics(y)
    out |= statistics.tone_statistics(y)
    if tiles.shape[-1] == 3:
        out |= statistics.colour_statistics(tiles)
    return out


def _view_statistics(seen: Views) -> Features:
    small = seen.small[None]
    y = statistics.luma(small)
    out = statistics.mscn_statistics(y, "mscn")
    out |= statistics.gradient_statistics(y)
    out |= statistics.tone_statistics(y)
    out |= statistics.layout_statistics(y)
    if not seen.gray:
        out |= statistics.colour_statistics(small)
        out |= statistics.palette_statistics(small)
    return {f"view.{name}": value for name, value in out.items()}


def _as_matrix(features: Features) -> NDArray[np.float64]:
    return np.stack(list(features.values()), axis=1).astype(np.float64)
