from __future__ import annotations

import numpy as np
import pytest

from router.detector.density import MixtureDensity


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    rng = np.random.default_rng(3)
    mixed = np.concatenate([rng.normal(-2, 1, (200, 12)), rng.normal(2, 0.5, (200, 12))])
    return mixed @ rng.normal(size=(12, 12)) + 100


@pytest.fixture(scope="module")
def density(cloud: np.ndarray) -> MixtureDensity:
    return MixtureDensity.fit(cloud, components=6, mixtures=3, shrink=0.1, seed=0)


def test_numpy_scores_are_those_of_the_rebuilt_scikit_learn_pipeline(density: MixtureDensity, cloud: np.ndarray) -> None:
    far = cloud + np.random.default_rng(0).normal(0, 30, cloud.shape)
    for batch in (cloud, far):
        np.testing.assert_allclose(density.score(batch), -density.to_sklearn().score_samples(batch), rtol=1e-9, atol=1e-9)


def test_points_away_from_the_cloud_score_higher(density: MixtureDensity, cloud: np.ndarray) -> None:
    spread = cloud.std(0)
    assert density.score(cloud.mean(0, keepdims=True) + 6 * spread)[0] > np.quantile(density.score(cloud), 0.99)


def test_fitting_is_deterministic_and_arrays_round_trip(density: MixtureDensity, cloud: np.ndarray) -> None:
    again = MixtureDensity.fit(cloud, components=6, mixtures=3, shrink=0.1, seed=0)
    back = MixtureDensity.from_arrays(density.arrays("x"), "x")
    np.testing.assert_array_equal(again.score(cloud), density.score(cloud))
    np.testing.assert_array_equal(back.score(cloud), density.score(cloud))


def test_extreme_features_give_finite_scores(density: MixtureDensity) -> None:
    assert np.isfinite(density.score(np.array([[1e30] * 12, [-1e30] * 12, [0.0] * 12]))).all()


def test_arrays_that_do_not_fit_together_are_refused(density: MixtureDensity) -> None:
    arrays = density.arrays("x")
    with pytest.raises(ValueError, match="means"):
        MixtureDensity.from_arrays({**arrays, "x.means": arrays["x.means"][:, :-1]}, "x")
    with pytest.raises(ValueError, match="positive"):
        MixtureDensity.from_arrays({**arrays, "x.scale": -arrays["x.scale"]}, "x")
    with pytest.raises(KeyError):
        MixtureDensity.from_arrays({}, "x")
