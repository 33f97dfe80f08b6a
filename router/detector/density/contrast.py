"""Log density ratio of foreign images to photographs, by logistic regression: what neither density alone can know.

A density of photographs weighs every feature by how little photographs vary in it. Which of these matter is known only from
images that are no photographs: outlier exposure (Hendrycks, Mazeika, Dietterich, ICLR 2019), and the argument of relative
Mahalanobis distance (Ren et al., 2021) for a background model. For balanced classes the logit of a discriminative model is the
log ratio of the two densities (Sugiyama, Suzuki, Kanamori, "Density Ratio Estimation in Machine Learning", 2012, section 4).

With `both_ways` it may also weigh how far a feature lies from its mean on either side. Of two normal densities of different
spread the log ratio is quadratic; the absolute value is that, without letting one far feature outweigh the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router.detector.density.base import FromArrays, Scores, Standard, Stored, Vectors

PENALTY = 0.01
"""Inverse strength of the ridge penalty on standardised features, chosen on the development set."""
_MEAN_DEVIATION = 0.8
"""Mean absolute value of a standard normal: centres the deviations, so that the fit converges in few steps."""


@dataclass(frozen=True, eq=False)
class Contrast(FromArrays):
    """Arrays of a fitted estimator.

    Attributes:
        center, scale: see `Standard`.
        weights: (D,), or (2 D,) where deviations on either side count as well.
        intercept: (1,).
    """

    center: Stored
    scale: Stored
    weights: Stored
    intercept: Stored

    def _check(self) -> None:
        (d,) = Standard(self.center, self.scale).center.shape
        if self.weights.shape not in ((d,), (2 * d,)) or self.intercept.shape != (1,):
            raise ValueError("weights must be (D,) or (2 D,), as center says, and intercept (1,)")

    @classmethod
    def fit(
        cls,
        inside: Vectors,
        outside: Vectors,
        outside_weights: Vectors | None = None,
        penalty: float = PENALTY,
        both_ways: bool = False,
    ) -> Contrast:
        """To (N, D) features of photographs and (M, D) of foreign images; both sides weigh the same in sum.

        `outside_weights`: (M,) relative weights of the foreign images, equal if None. `both_ways`: see above.
        """
        from sklearn.linear_model import LogisticRegression

        standard = Standard.fit(inside)
        features = _terms(np.concatenate([standard(inside), standard(outside)]), both_ways)
        labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
        share = np.ones(len(outside)) if outside_weights is None else np.asarray(outside_weights, np.float64)
        # the penalty is per sample: a mean weight of 1 keeps its meaning whatever the sizes of the two sides
        half = len(features) / 2
        weights = np.r_[np.full(len(inside), half / len(inside)), half * share / share.sum()]
        model = LogisticRegression(C=penalty, max_iter=400, tol=1e-5).fit(features, labels, sample_weight=weights)
        return cls(standard.center, standard.scale, model.coef_[0].astype(np.float32), model.intercept_.astype(np.float32))

    def score_samples(self, features: Vectors) -> Scores:
        """The logit, (N,)."""
        terms = _terms(Standard(self.center, self.scale)(features), len(self.weights) > len(self.center))
        logit: Scores = terms @ self.weights.astype(np.float64) + float(self.intercept[0])
        return logit


def _terms(standardised: Scores, both_ways: bool) -> Scores:
    """(N, D), or (N, 2 D) with the deviations behind."""
    return np.concatenate([standardised, np.abs(standardised) - _MEAN_DEVIATION], axis=1) if both_ways else standardised
