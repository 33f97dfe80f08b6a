from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from router.detector.density.base import FromArrays, Whitening
from router.detector.density.contrast import Contrast
from router.detector.density.mahalanobis import Mahalanobis
from router.detector.density.neighbours import NEIGHBOUR, Neighbours
from router.detector.fusion import Fusion

Estimator = Mahalanobis | Neighbours | Contrast


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    rng = np.random.default_rng(3)
    mixed = np.concatenate([rng.normal(-2, 1, (200, 12)), rng.normal(2, 0.5, (200, 12))])
    return (mixed @ rng.normal(size=(12, 12)) + 100).astype(np.float32)


@pytest.fixture(scope="module")
def foreign(cloud: np.ndarray) -> np.ndarray:
    return cloud[::4] + 2 * cloud.std(0) * np.array([1] * 3 + [0] * 9, np.float32)


@pytest.fixture(params=["mahalanobis", "neighbours", "contrast", "contrast both ways"])
def density(request: pytest.FixtureRequest, cloud: np.ndarray, foreign: np.ndarray) -> Estimator:
    if request.param == "mahalanobis":
        return Mahalanobis.fit(cloud, components=6)
    if request.param == "neighbours":
        return Neighbours.fit(cloud, components=6)
    return Contrast.fit(cloud, foreign, both_ways=request.param == "contrast both ways")


def test_mahalanobis_is_that_of_scikit_learn(cloud: np.ndarray) -> None:
    ours = Mahalanobis.fit(cloud, components=6)
    white = PCA(6, whiten=True, svd_solver="full").fit(np.clip(StandardScaler().fit_transform(cloud), -8, 8))
    points = cloud[:50] + 3
    projected = white.transform(np.clip(StandardScaler().fit(cloud).transform(points), -8, 8))
    estimate = LedoitWolf().fit(white.transform(np.clip(StandardScaler().fit_transform(cloud), -8, 8)))
    np.testing.assert_allclose(ours.score_samples(points), np.log(estimate.mahalanobis(projected) / 6), atol=1e-3)


def test_neighbours_are_those_of_scikit_learn(cloud: np.ndarray) -> None:
    ours = Neighbours.fit(cloud, components=6)
    whitening = Whitening.fit(cloud, 6)
    points = cloud[:50] + 3
    found = NearestNeighbors(n_neighbors=NEIGHBOUR).fit(whitening(cloud)).kneighbors(whitening(points))[0][:, -1]
    np.testing.assert_allclose(ours.score_samples(points), np.log(found**2 / 6), atol=1e-3)


def test_contrast_is_scikit_learns_decision_function(cloud: np.ndarray, foreign: np.ndarray) -> None:
    ours = Contrast.fit(cloud, foreign, penalty=0.1)
    scaler = StandardScaler().fit(cloud)
    both = np.clip(scaler.transform(np.concatenate([cloud, foreign])), -8, 8)
    labels = np.r_[np.zeros(len(cloud)), np.ones(len(foreign))]
    theirs = LogisticRegression(C=0.1, max_iter=400, tol=1e-5, class_weight="balanced").fit(both, labels)
    np.testing.assert_allclose(ours.score_samples(np.concatenate([cloud, foreign])), theirs.decision_function(both), atol=2e-3)


def test_a_contrast_both_ways_sees_what_deviates_to_either_side(cloud: np.ndarray) -> None:
    side = np.where(np.arange(len(cloud)) % 2, 1, -1)[:, None]
    wide = cloud + side * 3 * cloud.std(0)  # same mean as the cloud: no direction tells them apart
    labels = np.r_[np.zeros(len(cloud)), np.ones(len(wide))]
    one, both = (
        roc_auc_score(labels, Contrast.fit(cloud, wide, both_ways=ways).score_samples(np.concatenate([cloud, wide])))
        for ways in (False, True)
    )
    assert both > 0.95 > one


def test_contrast_knows_the_direction_that_a_density_cannot(cloud: np.ndarray, foreign: np.ndarray) -> None:
    labels = np.r_[np.zeros(len(cloud)), np.ones(len(foreign))]
    both = np.concatenate([cloud, foreign])
    contrast = roc_auc_score(labels, Contrast.fit(cloud, foreign).score_samples(both))
    assert contrast > roc_auc_score(labels, Mahalanobis.fit(cloud, components=6).score_samples(both))


def test_weights_of_foreign_images_move_the_contrast(cloud: np.ndarray) -> None:
    up, down = cloud[:50] + 3 * cloud.std(0), cloud[50:100] - 3 * cloud.std(0)
    outside = np.concatenate([up, down])
    favoured = Contrast.fit(cloud, outside, np.r_[np.full(50, 20.0), np.full(50, 1.0)])
    assert favoured.score_samples(up).mean() > favoured.score_samples(down).mean()


def test_points_away_from_the_cloud_score_higher(density: Estimator, cloud: np.ndarray) -> None:
    away = cloud.mean(0, keepdims=True) + 6 * cloud.std(0) * np.array([1] * 3 + [0] * 9, np.float32)
    assert density.score_samples(away)[0] > np.quantile(density.score_samples(cloud), 0.95)


def test_arrays_round_trip(density: Estimator, cloud: np.ndarray) -> None:
    back = type(density).from_arrays(density.arrays("x"), "x")
    np.testing.assert_array_equal(back.score_samples(cloud), density.score_samples(cloud))


def test_a_score_does_not_depend_on_the_batch(density: Estimator, cloud: np.ndarray) -> None:
    alone = [density.score_samples(row[None])[0] for row in cloud[:5]]
    np.testing.assert_allclose(density.score_samples(cloud)[:5], alone, rtol=1e-9)


def test_extreme_features_give_finite_scores(density: Estimator) -> None:
    assert np.isfinite(density.score_samples(np.array([[1e30] * 12, [-1e30] * 12, [0.0] * 12]))).all()


@pytest.mark.parametrize("field", ["scale", "center"])
def test_arrays_that_do_not_fit_together_are_refused(density: FromArrays, field: str) -> None:
    arrays = density.arrays("x")
    with pytest.raises(ValueError, match="center"):
        type(density).from_arrays({**arrays, f"x.{field}": arrays[f"x.{field}"][:-1]}, "x")
    with pytest.raises(ValueError, match="float32"):
        type(density).from_arrays({**arrays, "x.center": np.full_like(arrays["x.center"], np.nan)}, "x")
    with pytest.raises(KeyError):
        type(density).from_arrays({}, "x")


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    rng = np.random.default_rng(1)
    inside, outside = rng.normal(0, [1, 5, 1], (400, 3)), rng.normal([2, 0, -1], [1, 5, 1], (100, 3))
    return Fusion.fit(inside, outside)


def test_the_fusing_rule_trusts_what_tells_apart_and_never_turns_a_score_round(fusion: Fusion) -> None:
    assert fusion.weights.sum() == pytest.approx(1)
    assert fusion.weights[0] > 0.8
    assert fusion.weights[2] == 0  # lower outside: a score that is wrong is left out, not reversed


def test_a_score_further_out_by_every_estimator_is_further_out(fusion: Fusion) -> None:
    rng = np.random.default_rng(2)
    low = rng.normal(size=(100, 3))
    assert (fusion(low + rng.random((100, 3))) >= fusion(low)).all()
    np.testing.assert_array_equal(Fusion.from_arrays(fusion.arrays("f"), "f")(low), fusion(low))
