"""Distance to the k-th nearest photograph: no assumption on the shape of the distribution.

Sun, Ming, Zhu, Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022; without their normalisation to unit
length, which lost accuracy on scene statistics (training/RUNS.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router.detector.density.base import FromArrays, Scores, Stored, Vectors, Whitening

COMPONENTS = 64
NEIGHBOUR = 10
MOST_REFERENCES = 2000


@dataclass(frozen=True, eq=False)
class Neighbours(FromArrays):
    """Arrays of a fitted estimator. references: (R, P) whitened vectors of photographs; the others: see `Whitening`."""

    center: Stored
    scale: Stored
    axes: Stored
    offset: Stored
    references: Stored

    def _check(self) -> None:
        p = Whitening(self.center, self.scale, self.axes, self.offset).offset.shape[0]
        if self.references.ndim != 2 or self.references.shape[1] != p or not len(self.references):
            raise ValueError("references must be (R, P)")

    @classmethod
    def fit(cls, features: Vectors, components: int = COMPONENTS) -> Neighbours:
        """To (N, D) features of photographs; at most MOST_REFERENCES of them, evenly spread, are kept."""
        whitening = Whitening.fit(features, components)
        kept = features[np.linspace(0, len(features) - 1, min(len(features), MOST_REFERENCES)).round().astype(np.intp)]
        return cls(whitening.center, whitening.scale, whitening.axes, whitening.offset, whitening(kept).astype(np.float32))

    def score_samples(self, features: Vectors) -> Scores:
        """Log of the mean squared distance per component to the k-th nearest reference, (N,)."""
        white = Whitening(self.center, self.scale, self.axes, self.offset)(features)
        references = self.references.astype(np.float64)
        k = min(NEIGHBOUR, len(references)) - 1
        out = np.empty(len(white))
        for i, row in enumerate(white):  # one at a time: the same sum whatever the batch
            squared = np.square(references - row).sum(1)
            out[i] = np.partition(squared, k)[k] / references.shape[1]
        return np.log(out + 1e-12)
