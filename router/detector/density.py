"""The density of photographs in feature space: standardise, clip, whiten by PCA, then a Gaussian mixture.

Fitted with scikit-learn, evaluated from plain arrays with numpy, so that scoring an image needs no scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

CLIP = 8.0
"""Standardised features are clipped here: one feature alone must not decide by how much an image is out."""

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MixtureDensity:
    """Arrays of a fitted density over D features, P principal components, K Gaussians. All float32, evaluated in float64.

    Attributes:
        center, scale: (D,) mean and standard deviation of each feature.
        pca_mean: (D,) mean after clipping.
        components: (P, D) principal axes, orthonormal rows.
        variances: (P,) variance along each axis.
        weights: (K,) summing to 1.
        means: (K, P).
        precisions_cholesky: (K, P, P) upper triangular, `precision = c @ c.T` as in scikit-learn.
    """

    center: Array
    scale: Array
    pca_mean: Array
    components: Array
    variances: Array
    weights: Array
    means: Array
    precisions_cholesky: Array

    def __post_init__(self) -> None:
        p, d = self.components.shape
        k = len(self.weights)
        expected = {
            "center": (d,),
            "scale": (d,),
            "pca_mean": (d,),
            "components": (p, d),
            "variances": (p,),
            "weights": (k,),
            "means": (k, p),
            "precisions_cholesky": (k, p, p),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite float32 of shape {shape}")
        if not ((self.scale > 0).all() and (self.variances > 0).all() and (self.weights > 0).all()):
            raise ValueError("scale, variances and weights must be positive")

    @classmethod
    def fit(cls, features: NDArray[np.float64], *, components: int, mixtures: int, shrink: float, seed: int) -> MixtureDensity:
        """Fit to (N, D) features of photographs with scikit-learn.

        Args:
            features: finite, N > components.
            components: P, whitened principal components kept.
            mixtures: K.
            shrink: added to each covariance's diagonal in whitened units, where 1 is the variance of all photographs.
            seed: of the mixture's start.
        """
        from sklearn.decomposition import PCA
        from sklearn.mixture import GaussianMixture
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(features)
        clipped = np.clip(scaler.transform(features), -CLIP, CLIP)
        pca = PCA(components, whiten=True, svd_solver="full").fit(clipped)
        mixture = GaussianMixture(mixtures, reg_covar=shrink, random_state=seed).fit(pca.transform(clipped))
        return cls(
            center=np.asarray(scaler.mean_, np.float32),
            scale=np.asarray(scaler.scale_, np.float32),
            pca_mean=np.asarray(pca.mean_, np.float32),
            components=np.asarray(pca.components_, np.float32),
            variances=np.asarray(pca.explained_variance_, np.float32),
            weights=np.asarray(mixture.weights_, np.float32),
            means=np.asarray(mixture.means_, np.float32),
            precisions_cholesky=np.asarray(mixture.precisions_cholesky_, np.float32),
        )

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.components.shape[1])

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Negative log-density of (N, D) features in whitened space, (N,) float64: higher = further out."""
        standard = np.clip((features - self.center) / self.scale, -CLIP, CLIP)
        white = (standard - self.pca_mean) @ self.components.T.astype(np.float64) / np.sqrt(self.variances.astype(np.float64))
        cholesky, means = self.precisions_cholesky.astype(np.float64), self.means.astype(np.float64)
        parts = np.empty((len(white), len(self.weights)))
        for k, root in enumerate(cholesky):
            residual = (white - means[k]) @ root
            parts[:, k] = np.log(np.diag(root)).sum() - 0.5 * (residual * residual).sum(1)
        parts += np.log(self.weights.astype(np.float64))
        highest = parts.max(1)
        log_sum = highest + np.log(np.exp(parts - highest[:, None]).sum(1))
        return cast("NDArray[np.float64]", 0.5 * white.shape[1] * np.log(2 * np.pi) - log_sum)

    def to_sklearn(self) -> Pipeline:
        """The scikit-learn pipeline that these arrays come from; its `score_samples` is `-score` (to float32 rounding)."""
        from sklearn.decomposition import PCA
        from sklearn.mixture import GaussianMixture
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        wide = {f.name: getattr(self, f.name).astype(np.float64) for f in fields(self)}
        scaler = StandardScaler()
        scaler.mean_, scaler.scale_, scaler.var_ = wide["center"], wide["scale"], wide["scale"] ** 2
        scaler.n_features_in_ = self.feature_count
        clip = FunctionTransformer(np.clip, kw_args={"a_min": -CLIP, "a_max": CLIP})
        pca = PCA(len(self.variances), whiten=True)
        pca.mean_, pca.components_, pca.explained_variance_ = wide["pca_mean"], wide["components"], wide["variances"]
        pca.n_components_, pca.n_features_in_ = len(self.variances), self.feature_count
        mixture = GaussianMixture(len(self.weights), covariance_type="full")
        mixture.weights_, mixture.means_ = wide["weights"], wide["means"]
        mixture.precisions_cholesky_ = wide["precisions_cholesky"]
        mixture.precisions_ = np.stack([c @ c.T for c in mixture.precisions_cholesky_])
        mixture.covariances_ = np.linalg.inv(mixture.precisions_)
        mixture.n_features_in_, mixture.converged_ = len(self.variances), True
        return make_pipeline(scaler, clip, pca, mixture)

    def arrays(self, prefix: str) -> dict[str, Array]:
        """All arrays by name, each prefixed with `prefix.`."""
        return {f"{prefix}.{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], prefix: str) -> MixtureDensity:
        """The inverse of `arrays`. Raises KeyError or ValueError if they do not fit together."""
        return cls(**{f.name: arrays[f"{prefix}.{f.name}"] for f in fields(cls)})
