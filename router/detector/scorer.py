"""What gray or colour images are judged by: the estimators, the rule that fuses them, and the calibration by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.detector.calibration import ScoreCalibration
from router.detector.density.base import Scores, Stored
from router.detector.density.contrast import Contrast
from router.detector.density.mahalanobis import Mahalanobis
from router.detector.density.neighbours import Neighbours
from router.detector.embeddings.base import Array, Embedded
from router.detector.fusion import Fusion
from router.detector.patches import MAX_TILES

SCORES = ("scene-mahalanobis", "scene-neighbours", "contrast", "tiles-mean", "tiles-highest")
"""The scores that are fused, in the order of `Fusion`'s arrays."""
SIZES = {"few": 6, "some": MAX_TILES - 1, "full": MAX_TILES}
"""Strata by number of tiles, each up to the number given: the highest of 25 tiles is higher than the highest of 4."""


def size_of(tiles: int) -> str:
    """Which of SIZES an image with so many tiles belongs to."""
    return next(name for name, most in SIZES.items() if tiles <= most)


def whole(images: Sequence[Embedded]) -> Array:
    """(N, D): the features of all embeddings of each image in a row."""
    return np.stack([np.concatenate(list(image.whole.values())) for image in images])


def scene(images: Sequence[Embedded], scene_id: str) -> Array:
    """(N, D'): the scene statistics alone."""
    return np.stack([image.whole[scene_id] for image in images])


@dataclass(frozen=True, eq=False)
class Estimators:
    """Fitted estimators of one of the two feature sets.

    Attributes:
        scene_id: the embedding that the two densities look at; high-dimensional features of a backbone only cost them accuracy.
        mahalanobis, neighbours: densities of photographs over scene statistics.
        contrast: foreign images against photographs over all features of the whole.
        tiles: the same over single tiles.
    """

    scene_id: str
    mahalanobis: Mahalanobis
    neighbours: Neighbours
    contrast: Contrast
    tiles: Contrast

    def scores(self, images: Sequence[Embedded]) -> Scores:
        """(N, K) in the order of SCORES."""
        return self.scores_of(scene(images, self.scene_id), whole(images), [image.tiles for image in images])

    def scores_of(self, statistics: Array, everything: Array, tiles: Sequence[Array]) -> Scores:
        """As `scores`, from scene statistics (N, D'), features of the whole (N, D) and the tiles (n, T) of each."""
        local = [self.tiles.score_samples(own) for own in tiles]
        return np.stack(
            [
                self.mahalanobis.score_samples(statistics),
                self.neighbours.score_samples(statistics),
                self.contrast.score_samples(everything),
                np.array([own.mean() for own in local]),
                np.array([own.max() for own in local]),
            ],
            axis=1,
        )

    def arrays(self, prefix: str) -> dict[str, Stored]:
        """Name -> array, for storage."""
        return {
            **self.mahalanobis.arrays(f"{prefix}.mahalanobis"),
            **self.neighbours.arrays(f"{prefix}.neighbours"),
            **self.contrast.arrays(f"{prefix}.contrast"),
            **self.tiles.arrays(f"{prefix}.tiles"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Stored], prefix: str, scene_id: str) -> Estimators:
        """Raises KeyError for a missing array, ValueError for arrays that do not fit together."""
        return cls(
            scene_id,
            Mahalanobis.from_arrays(arrays, f"{prefix}.mahalanobis"),
            Neighbours.from_arrays(arrays, f"{prefix}.neighbours"),
            Contrast.from_arrays(arrays, f"{prefix}.contrast"),
            Contrast.from_arrays(arrays, f"{prefix}.tiles"),
        )


@dataclass(frozen=True, eq=False)
class CalibratedScorer:
    """What gray or colour images are scored by, on a calibrated scale.

    Attributes:
        estimators, fusion: see there.
        calibration: by name of SIZES.
        tile_median, tile_upper: median and 95th percentile of single tiles of calibration photographs.
    """

    estimators: Estimators
    fusion: Fusion
    calibration: Mapping[str, ScoreCalibration]
    tile_median: float
    tile_upper: float

    def raw(self, images: Sequence[Embedded]) -> Scores:
        """Fused scores before the scale of their stratum, (N,)."""
        return self.fusion(self.estimators.scores(images))

    def score(self, image: Embedded) -> tuple[float, float, str]:
        """(score on the reported scale, p-value, name of SIZES)."""
        size = size_of(len(image.tiles))
        calibration = self.calibration[size]
        score = float(calibration.scale(self.raw([image]))[0])
        return score, calibration.p_value(score), size

    def tile_scores(self, features: Array) -> Scores:
        """(N,) scores of single tiles: 0 at the median tile of photographs, 1 at the 95th percentile."""
        scores: Scores = self.estimators.tiles.score_samples(features)
        return (scores - self.tile_median) / max(self.tile_upper - self.tile_median, 1e-9)
