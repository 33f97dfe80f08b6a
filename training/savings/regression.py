"""Fitting: kernel ridge regressions of all folds, their errors, and the scale of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from router.prediction.savings.artefact import Arrays, SavingsManifest
from router.prediction.savings.features import Values
from router.prediction.savings.model import GainModel, kernel, standardised
from training.savings.measured import SavingsData

Floats = NDArray[np.float64]

FOLDS = 8
CAP = 1.0
"""Ratios beyond e and 1 / e are all as bad, or as good: which it is must not weigh on the others."""
RIDGE, SCALE_RIDGE = 0.1, 1.0
WIDTH = 0.2
"""Over the number of features. Chosen with RIDGE by cross-validation on development images, see docs/internals/savings.md."""
_LEAST_ERROR = 0.02
"""Added to errors before the logarithm: a lucky hit says little about the scale."""


@dataclass(frozen=True, eq=False)
class FittedSavings:
    """`arrays`: of `GainModel`; `held_out`: (N, T) what the regressor without an image's fold says of its whole file."""

    arrays: Arrays
    held_out: Floats


def folds_of(count: int, folds: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """(count,) numbers below `folds`, as many of each as can be; an image is in one fold with all its targets and views."""
    found = np.empty(count, np.int64)
    found[np.random.default_rng(seed).permutation(count)] = np.arange(count) % min(folds, count)
    return found


def capped(ratios: Values) -> Floats:
    """(N, T) as regressors see them."""
    return np.clip(ratios, -CAP, CAP)


def fit(measured: SavingsData, *, seed: int = 0) -> FittedSavings:
    """All folds' regressors.

    Every image counts twice: as the crop that was coded, and as the whole file that a policy will see. An image's own error
    is that on its whole file. Raises ValueError for fewer than 2 * FOLDS images.
    """
    count = len(measured.domain)
    if count < 2 * FOLDS:
        raise ValueError(f"{count} images are too few, {2 * FOLDS} are the least")
    both = np.concatenate([measured.crop, measured.whole])
    seen = np.isfinite(both).any(0)
    centre = np.where(seen, np.nanmean(np.where(seen, both, 0.0), axis=0), 0.0)
    spread = np.where(seen, np.nanstd(np.where(seen, both, 0.0), axis=0), 1.0) + 1e-6
    x = standardised(both, centre, spread)
    width = WIDTH / x.shape[1]
    near = kernel(x, x, width).astype(np.float64)
    y, fold = capped(measured.ratios), folds_of(count, seed=seed)
    dual, offset, held_out = _folds(near, y, fold, RIDGE)
    errors = np.abs(y - held_out)
    # The scale of a fold's errors must not be learnt from regressors that saw the fold: folds within folds.
    scale_dual, scale_offset, scales = [np.zeros_like(dual), np.zeros_like(offset), np.ones_like(y)]
    for k in range(fold.max() + 1):
        inside = fold != k
        inner = _folds(near[np.ix_(np.tile(inside, 2), np.tile(inside, 2))], y[inside], _closed(fold[inside]), RIDGE)[2]
        logs = np.full_like(y, np.nan)
        logs[inside] = np.log(np.abs(y[inside] - inner) + _LEAST_ERROR)
        scale_dual[k], scale_offset[k] = _ridge(near, logs, inside, SCALE_RIDGE)
        scales[~inside] = np.exp(near[count:][~inside] @ scale_dual[k] + scale_offset[k])
    arrays: Arrays = {
        "centre": centre,
        "spread": spread,
        "support": x,
        "dual": dual,
        "offset": offset,
        "scale_dual": scale_dual,
        "scale_offset": scale_offset,
        "residuals": errors / scales,
    }
    return FittedSavings({name: a.astype(np.float32) for name, a in arrays.items()} | {"fold": fold}, held_out)


def model_of(manifest: SavingsManifest, fitted: FittedSavings) -> GainModel:
    """As it will be read back."""
    return GainModel.from_arrays(manifest, fitted.arrays)


def _folds(near: Floats, y: Floats, fold: NDArray[np.int64], ridge: float) -> tuple[Floats, Floats, Floats]:
    """Duals (K, 2 N, T) and offsets (K, T) of the regressors without each fold, and what they say of its whole files (N, T)."""
    count, folds = len(y), int(fold.max()) + 1
    dual, offset = np.zeros((folds, 2 * count, y.shape[1])), np.zeros((folds, y.shape[1]))
    held_out = np.zeros_like(y)
    for k in range(folds):
        dual[k], offset[k] = _ridge(near, y, fold != k, ridge)
        held_out[fold == k] = near[count:][fold == k] @ dual[k] + offset[k]
    return dual, offset, held_out


def _ridge(near: Floats, y: Floats, chosen: NDArray[np.bool_], ridge: float) -> tuple[Floats, Floats]:
    """One regressor on `chosen` images, each as crop and as whole: dual (2 N, T), zero for others, and offset (T,)."""
    dual, offset = np.zeros((2 * len(y), y.shape[1])), np.zeros(y.shape[1])
    for target in range(y.shape[1]):
        known = chosen & np.isfinite(y[:, target])
        rows = np.flatnonzero(np.tile(known, 2))
        if not len(rows):
            continue
        offset[target] = y[known, target].mean()
        wanted = np.tile(y[:, target], 2)[rows] - offset[target]
        dual[rows, target] = KernelRidge(alpha=ridge, kernel="precomputed").fit(near[np.ix_(rows, rows)], wanted).dual_coef_
    return dual, offset


def _closed(fold: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same folds numbered from 0 without a gap."""
    return np.unique(fold, return_inverse=True)[1].astype(np.int64)
