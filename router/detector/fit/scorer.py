"""Fit a calibrated scorer.

Estimators are fitted on photographs and foreign images, the fusing rule on scores from outside the fit, and the calibration
on photographs that neither has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.detector.calibration import ScoreCalibration
from router.detector.density.contrast import Contrast
from router.detector.density.mahalanobis import Mahalanobis
from router.detector.density.neighbours import Neighbours
from router.detector.embeddings.base import Array, Embedded
from router.detector.fusion import Fusion
from router.detector.scorer import SCORES, SIZES, CalibratedScorer, Estimators, scene, size_of, whole

FOLDS = 5
PHOTOGRAPH_TILES = 8
"""Tiles taken from each photograph for the contrast of tiles: they are many."""
TILE_PENALTY = 0.1
"""Of the contrast of tiles, as `contrast.PENALTY`: tiles are many and their features few."""
CALIBRATION_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class EmbeddedPhotographs:
    """Embedded photographs, all gray or all in colour.

    groups: (N,) integers, the same for views of one scene, which are never on both sides of a fold.
    """

    images: Sequence[Embedded]
    groups: NDArray[np.intp]

    def select(self, keep: NDArray[np.bool_]) -> EmbeddedPhotographs:
        """Those where `keep`, (N,), is True."""
        return EmbeddedPhotographs([i for i, kept in zip(self.images, keep, strict=True) if kept], self.groups[keep])


@dataclass(frozen=True, eq=False)
class Foreign:
    """What foreign images look like, all gray or all in colour.

    Attributes:
        scene: (M, D') scene statistics of the whole.
        whole: (M, D) features of all embeddings.
        weights: (M,) positive, how much each counts.
        groups: (M,) integers, the same for views of one image.
        tiles: (K, T) tile features, of foreign places only.
        owners: (K,) which of the M images a tile is from.
    """

    scene: Array
    whole: Array
    weights: NDArray[np.float64]
    groups: NDArray[np.intp]
    tiles: Array
    owners: NDArray[np.intp]

    def select(self, keep: NDArray[np.bool_]) -> Foreign:
        """Those where `keep`, (M,), is True."""
        local, place = keep[self.owners], np.cumsum(keep) - 1
        return Foreign(
            self.scene[keep],
            self.whole[keep],
            self.weights[keep],
            self.groups[keep],
            self.tiles[local],
            place[self.owners[local]],
        )


def fit(
    inside: EmbeddedPhotographs, outside: Foreign, held_out: Sequence[Embedded], scene_id: str, seed: int
) -> CalibratedScorer:
    """Fit to photographs `inside` and foreign images `outside`, calibrate on `held_out` photographs of every size.

    Each of `held_out` must be one draw of its photograph for its size: scores of one size then are exchangeable with those of
    new photographs. Raises ValueError when a size is missing from it.
    """
    estimators = _estimators(inside, outside, scene_id)
    fusion = Fusion.fit(*_scores_from_outside(inside, outside, scene_id, seed))
    raw = fusion(estimators.scores(held_out))
    sizes = np.array([size_of(len(image.tiles)) for image in held_out])
    calibration = {name: ScoreCalibration(np.round(raw[sizes == name], CALIBRATION_DECIMALS)) for name in SIZES}
    tiles = estimators.tiles.score_samples(np.concatenate([image.tiles for image in held_out]))
    median, upper = np.round(np.quantile(tiles, [0.5, 0.95]), CALIBRATION_DECIMALS)
    return CalibratedScorer(estimators, fusion, calibration, float(median), float(upper))


def _estimators(inside: EmbeddedPhotographs, outside: Foreign, scene_id: str) -> Estimators:
    statistics = scene(inside.images, scene_id)
    share = outside.weights[outside.owners] / np.bincount(outside.owners, minlength=len(outside.weights))[outside.owners]
    return Estimators(
        scene_id,
        Mahalanobis.fit(statistics),
        Neighbours.fit(statistics),
        Contrast.fit(whole(inside.images), outside.whole, outside.weights, both_ways=True),
        Contrast.fit(np.concatenate([_some_tiles(image) for image in inside.images]), outside.tiles, share, TILE_PENALTY),
    )


def _some_tiles(image: Embedded) -> Array:
    count = len(image.tiles)
    return image.tiles[np.linspace(0, count - 1, min(count, PHOTOGRAPH_TILES)).astype(np.intp)]


def _scores_from_outside(
    inside: EmbeddedPhotographs, outside: Foreign, scene_id: str, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores (N, K) and (M, K) of all images, each by estimators that have not seen its scene."""
    rng = np.random.default_rng(seed)
    near, far = _folds(inside.groups, rng), _folds(outside.groups, rng)
    of_inside, of_outside = np.zeros((len(near), len(SCORES))), np.zeros((len(far), len(SCORES)))
    for fold in range(FOLDS):
        fitted = _estimators(inside.select(near != fold), outside.select(far != fold), scene_id)
        of_inside[near == fold] = fitted.scores(inside.select(near == fold).images)
        left = outside.select(far == fold)
        tiles = [left.tiles[left.owners == i] for i in range(len(left.whole))]
        of_outside[far == fold] = fitted.scores_of(left.scene, left.whole, tiles)
    return of_inside, of_outside


def _folds(groups: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """(N,) fold of each image; a group is never split, folds hold about equally many groups."""
    names, index = np.unique(groups, return_inverse=True)
    order = rng.permutation(len(names)) % FOLDS
    return np.asarray(order[index], np.intp)
