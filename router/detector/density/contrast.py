"""Log density ratio of foreign images to photographs, by logistic regression: what neither density alone can know.

A density of photographs weighs every feature by how little photographs vary in it. Which of these matter is known only from
images that are no photographs: outlier exposure (Hendrycks, Mazeika, Dietterich, ICLR 2019), and the argument of relative
Mahalanobis distance (Ren et al., 2021) for a background model. For balanced classes the logit of a discriminative model is the
log ratio of the two densities (Sugiyama, Suzuki, Kanamori, "Density Ratio Estimation in Machine Learning", 2012, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router.detector.density.base import FromArrays, Scores, Standard, Stored, Vectors

PENALTY = 0.01
"""Inverse strength of the ridge penalty on standardised features, chosen on the development set."""


@dataclass(frozen=True, eq=False)
class Contrast(FromArrays):
    """Arrays of a fitted estimator. center, scale: see `Standard`. weights: (D,). intercept: (1,)."""

    center: Stored
    scale: Stored
    weights: Stored
    intercept: Stored

    def _check(self) -> None:
        if self.weights.shape != Standard(self.center, self.scale).center.shape or self.intercept.shape != (1,):
            raise ValueError("weights must be (D,) and intercept (1,)")

    @classmethod
    def fit(cls, inside: Vectors, outside: Vectors, outside_weights: Vectors | None = None, penalty: float = PENALTY) -> Contrast:
        """To (N, D) features of photographs and (M, D) of foreign images; both sides weigh the same in sum.

        `outside_weights`: (M,) relative weights of the foreign images, equal if None.
        """
        from sklearn.linear_model import LogisticRegression

        standard = Standard.fit(inside)
        features = np.concatenate([standard(inside), standard(outside)])
        labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
        share = np.ones(len(outside)) if outside_weights is None else np.asarray(outside_weights, np.float64)
        # the penalty is per sample: a mean weight of 1 keeps its meaning whatever the sizes of the two sides
        half = len(features) / 2
        weights = np.r_[np.full(len(inside), half / len(inside)), half * share / share.sum()]
        model = LogisticRegression(C=penalty, max_iter=400, tol=1e-5).fit(features, labels, sample_weight=weights)
        return cls(standard.center, standard.scale, model.coef_[0].astype(np.float32), model.intercept_.astype(np.float32))

    def score_samples(self, features: Vectors) -> Scores:
        """The logit, (N,)."""
        logit: Scores = Standard(self.center, self.scale)(features) @ self.weights.astype(np.float64) + float(self.intercept[0])
        return logit
