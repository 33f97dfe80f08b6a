"""Natural-scene statistics: of full-resolution tiles, pooled over the image, and of the small view.

Pooling keeps the mean and the spread over tiles: a photograph varies from place to place in its own way, a scan or a chart in
another. Features whose name holds "colour." exist for colour images only; gray images are judged by the rest. Needs numpy and
OpenCV only.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from router.detector.embeddings import statistics
from router.detector.embeddings.base import Array, Embedding, Features
from router.detector.embeddings.statistics import Features as Statistics
from router.detector.embeddings.statistics import Stack
from router.detector.patches import MIN_SIDE, Patches


class Scene(Embedding):
    """MSCN moments on three scales, gradients, tone, colour, layout and palette: 211 numbers in colour, 155 in gray."""

    id = "scene-2"

    def embed(self, patches: Patches) -> Features:
        """See `Embedding.embed`."""
        local = self.tile_features(patches.tiles, patches.gray)
        even = local[: patches.even].astype(np.float64)  # tiles chosen for being conspicuous would bias what is pooled
        whole = np.concatenate([even.mean(0), np.log(even.std(0) + 1e-3), _as_matrix(_view_statistics(patches))[0]])
        return Features(whole=whole.astype(np.float32), tiles=local)

    def tile_features(self, tiles: Array, gray: bool) -> Array:
        """See `Embedding.tile_features`."""
        return _as_matrix(_tile_statistics(tiles))


@cache
def tile_feature_names(gray: bool) -> tuple[str, ...]:
    """Names of the columns of `Scene.tile_features`, in order."""
    return tuple(_tile_statistics(np.zeros((1, MIN_SIDE, MIN_SIDE, 1 if gray else 3), np.float32)))


@cache
def feature_names(gray: bool) -> tuple[str, ...]:
    """Names of the entries of the whole image's features, in order."""
    blank = np.zeros((1, MIN_SIDE, MIN_SIDE, 1 if gray else 3), np.float32)
    local = tile_feature_names(gray)
    view = _view_statistics(Patches(tiles=blank, corners=np.zeros((1, 2), np.intp), even=1, small=blank[0], gray=gray))
    return (*(f"mean.{n}" for n in local), *(f"spread.{n}" for n in local), *view)


def _tile_statistics(tiles: Stack) -> Statistics:
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


def _view_statistics(seen: Patches) -> Statistics:
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


def _as_matrix(features: Statistics) -> Array:
    return np.stack(list(features.values()), axis=1).astype(np.float32)
