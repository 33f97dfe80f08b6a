"""Mahalanobis distance with a shrunk covariance.

Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018, with
one class; covariance by Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router.detector.density.base import FromArrays, Scores, Stored, Vectors, Whitening

COMPONENTS = 64


@dataclass(frozen=True, eq=False)
class Mahalanobis(FromArrays):
    """Arrays of a fitted estimator over D features and P principal components.

    center, scale, axes, offset: see `Whitening`. location: (P,). root: (P, P), root @ root.T is the precision.
    """

    center: Stored
    scale: Stored
    axes: Stored
    offset: Stored
    location: Stored
    root: Stored

    def _check(self) -> None:
        p = Whitening(self.center, self.scale, self.axes, self.offset).offset.shape[0]
        if self.location.shape != (p,) or self.root.shape != (p, p):
            raise ValueError("location must be (P,) and root (P, P)")

    @classmethod
    def fit(cls, features: Vectors, components: int = COMPONENTS) -> Mahalanobis:
        """To (N, D) features of photographs, N >= 8."""
        from sklearn.covariance import LedoitWolf

        whitening = Whitening.fit(features, components)
        estimate = LedoitWolf().fit(whitening(features))
        root = np.linalg.cholesky(estimate.precision_)
        return cls(
            whitening.center,
            whitening.scale,
            whitening.axes,
            whitening.offset,
            estimate.location_.astype(np.float32),
            root.astype(np.float32),
        )

    def score_samples(self, features: Vectors) -> Scores:
        """Log of the mean squared distance per component, (N,)."""
        white = Whitening(self.center, self.scale, self.axes, self.offset)(features)
        residual = (white - self.location) @ self.root.astype(np.float64)
        return np.asarray(np.log(np.mean(residual * residual, axis=1) + 1e-12))
