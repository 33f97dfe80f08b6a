"""The interface of an estimator, and the standardisation that all of them start with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

CLIP = 8.0
"""Standardised features are clipped here: one feature alone must not decide by how much an image is out."""

Stored = NDArray[np.float32]
Vectors = NDArray[np.floating[Any]]
Scores = NDArray[np.float64]


class DensityEstimator(Protocol):
    """A fitted estimator. Scores are deterministic; arrays are float32, arithmetic is float64."""

    def score_samples(self, features: Vectors) -> Scores:
        """(N, D) features -> (N,) finite scores, higher = further out (the opposite of scikit-learn's sign)."""
        ...


@dataclass(frozen=True, eq=False)
class FromArrays:
    """A set of float32 arrays that can be stored under a prefix and rebuilt. Subclasses check shapes in `_check`."""

    def __post_init__(self) -> None:
        for field in fields(self):
            array = getattr(self, field.name)
            if not isinstance(array, np.ndarray) or array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"{type(self).__name__}.{field.name} must be finite float32")
        self._check()

    def _check(self) -> None:
        """Raises ValueError where arrays do not fit together."""

    def arrays(self, prefix: str) -> dict[str, Stored]:
        """Name -> array, for storage; `from_arrays` is the inverse."""
        return {f"{prefix}.{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Stored], prefix: str) -> Self:
        """Raises KeyError for a missing array, ValueError for arrays that do not fit together."""
        return cls(**{field.name: arrays[f"{prefix}.{field.name}"] for field in fields(cls)})


@dataclass(frozen=True, eq=False)
class Standard(FromArrays):
    """Centre, scale and clip each feature. center, scale: (D,)."""

    center: Stored
    scale: Stored

    def _check(self) -> None:
        if self.center.ndim != 1 or self.scale.shape != self.center.shape or not (self.scale > 0).all():
            raise ValueError("center and scale must be vectors of one length, scale positive")

    @classmethod
    def fit(cls, features: Vectors) -> Standard:
        """To (N, D) features, N >= 2; a constant feature gets the scale 1."""
        spread = features.std(0, dtype=np.float64)
        center = features.mean(0, dtype=np.float64)
        return cls(center.astype(np.float32), np.where(spread > 1e-6, spread, 1).astype(np.float32))

    def __call__(self, features: Vectors) -> Scores:
        """(N, D) -> (N, D) float64 in [-CLIP, CLIP]."""
        return np.clip((features - self.center.astype(np.float64)) / self.scale, -CLIP, CLIP)


@dataclass(frozen=True, eq=False)
class Whitening(FromArrays):
    """Standardise, then whiten by PCA. axes: (D, P), the principal axes over their deviations; offset: (P,)."""

    center: Stored
    scale: Stored
    axes: Stored
    offset: Stored

    def _check(self) -> None:
        Standard(self.center, self.scale)
        if self.axes.shape != (len(self.center), len(self.offset)):
            raise ValueError("axes must be (features, components)")

    @classmethod
    def fit(cls, features: Vectors, components: int) -> Whitening:
        """To (N, D) features; at most `components` axes, and no more than N / 4 or D."""
        from sklearn.decomposition import PCA

        standard = Standard.fit(features)
        count = max(1, min(components, len(features) // 4, features.shape[1]))
        pca = PCA(count, svd_solver="full").fit(standard(features))
        axes = pca.components_.T / np.sqrt(np.maximum(pca.explained_variance_, 1e-9))
        return cls(standard.center, standard.scale, axes.astype(np.float32), (pca.mean_ @ axes).astype(np.float32))

    def __call__(self, features: Vectors) -> Scores:
        """(N, D) -> (N, P) float64, about unit variance on what it was fitted to."""
        white: Scores = Standard(self.center, self.scale)(features) @ self.axes.astype(np.float64) - self.offset
        return white
