"""Published detectors on backbone features, through pytorch-ood 0.4, fitted on the same photographs as ours.

All are used as the package has them, with these choices: one class (labels all 0), because photographs have none; double
precision for the covariance, which has more dimensions than single precision can invert; one thread. RMDS is left out: with one
class the class distance and the background distance are the same and the score is 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.detector.benchmark.features import Head
from training.torchvision_compat import declare_missing_operators

NEIGHBOURS = 50
"""The package's default."""
Matrix = NDArray[np.float64]
Judge = Callable[[Matrix], NDArray[np.float64]]
"""(N, d) features to (N,) scores, higher = further out."""


def fit_rivals(photographs: Matrix, head: Head | None) -> dict[str, Judge]:
    """Every rival by name, fitted on the (N, d) features of photographs. Raises ValueError for fewer than 2."""
    if len(photographs) < 2:
        raise ValueError("rivals need the features of at least 2 photographs to be fitted on")
    return {
        "Mahalanobis": mahalanobis(photographs),
        "Mahalanobis++": mahalanobis_l2(photographs),
        "KNN": knn(photographs),
        "ViM" if head is not None else "ViM, residual only": vim(photographs, head),
    }


def mahalanobis(photographs: Matrix) -> Judge:
    """One Gaussian (K.

    Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018).
    """
    with _double():
        detector = _package().Mahalanobis(None).fit_features(torch.tensor(photographs), _labels(photographs))
    return _judge(detector, torch.float64)


def mahalanobis_l2(photographs: Matrix) -> Judge:
    """The same on features of unit length (M. Mueller, M. Hein, "Mahalanobis++", ICML 2025)."""
    inner = mahalanobis(_unit(photographs))
    return lambda features: inner(_unit(features))


def knn(photographs: Matrix, neighbours: int = NEIGHBOURS) -> Judge:
    """Distance to the 50th nearest photograph, features of unit length (Y.

    Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022).
    """
    detector = _package().KNN(None, k=min(neighbours, len(photographs)))
    detector.knn.set_params(n_jobs=1)
    return _judge(detector.fit_features(torch.tensor(photographs), _labels(photographs)), torch.float64)


def vim(photographs: Matrix, head: Head | None) -> Judge:
    """Residual outside the principal space, as a virtual logit against the energy of the real ones (H.

    Wang et al., "ViM: out-of-distribution with virtual-logit matching", CVPR 2022). The principal space has the paper's 1000
    dimensions of 2048 features or more, 512 of more than 512, and the package's half of fewer.

    Only the features that the classifier stands on are looked at. Without a classifier there are no logits: then all are,
    centred at the photographs' mean, and one constant logit takes their place, which leaves the residual alone.
    """
    if head is not None:
        weights, biases = head
        origin = np.zeros(weights.shape[1])
    else:
        weights, biases = np.zeros((1, photographs.shape[1]), np.float32), np.ones(1, np.float32)
        origin = photographs.mean(axis=0)
    width = len(origin)
    dimension = 1000 if width >= 2048 else 512 if width > 512 else width // 2
    detector = _package().ViM(None, dimension, torch.tensor(weights), torch.tensor(biases))
    inner = _judge(detector.fit_features(torch.tensor(photographs[:, :width] - origin), _labels(photographs)), torch.float32)
    return lambda features: inner(features[:, :width] - origin)


def _judge(detector: Any, dtype: torch.dtype) -> Judge:
    def judge(features: Matrix) -> NDArray[np.float64]:
        with torch.no_grad():
            scores: NDArray[np.float64] = detector.predict_features(torch.tensor(features, dtype=dtype)).numpy()
        return scores.astype(np.float64)

    return judge


def _package() -> Any:
    declare_missing_operators()  # pytorch-ood imports torchvision
    from pytorch_ood import detector

    return detector


def _labels(photographs: Matrix) -> torch.Tensor:
    return torch.zeros(len(photographs), dtype=torch.int64)


def _unit(features: Matrix) -> Matrix:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


@contextmanager
def _double() -> Iterator[None]:
    """The package makes its covariance in torch's default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
