"""How good the estimate is on images that it was not fitted on; the figures of docs/results/0.4/savings.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.prediction.savings.artefact import SavingsManifest
from router.prediction.savings.model import GainModel
from training.savings.measured import SavingsData
from training.savings.regression import FittedSavings, capped, fit, folds_of

Floats = NDArray[np.float64]
PHOTOGRAPHS = "natural"


def is_photograph(measured: SavingsData) -> NDArray[np.bool_]:
    """(N,) whether the domain is one of photographs, by its name."""
    return np.char.startswith(measured.domain, PHOTOGRAPHS)


def figures(measured: SavingsData, fitted: FittedSavings, manifest: SavingsManifest) -> dict[str, Any]:
    """JSON-able: errors of held-out folds, of held-out domains, and the interval's coverage in a cross-validation around it."""
    photos = is_photograph(measured)
    y = capped(measured.ratios)
    found: dict[str, Any] = {"photographs": {}, "others": {}, "others_domain_left_out": {}}
    domains = _without_domains(measured)
    covered, widths = coverage(measured, manifest)
    for t, target in enumerate(measured.targets):
        for name, rows, said in (
            ("photographs", photos, fitted.held_out),
            ("others", ~photos, fitted.held_out),
            ("others_domain_left_out", ~photos, domains),
        ):
            rows = rows & np.isfinite(y[:, t])
            if rows.sum() < 2:
                continue
            values = errors(y[rows, t], said[rows, t])
            if name != "others_domain_left_out":
                values |= {"coverage": float(covered[rows, t].mean()), "mean_width": float(widths[rows, t].mean())}
            if name == "photographs":
                values |= rule(y[rows, t], said[rows, t])
            found[name][f"{target:g}"] = {key: round(value, 4) for key, value in values.items()}
    return found


def errors(y: Floats, said: Floats) -> dict[str, float]:
    """The errors of log ratios."""
    variance = float(np.mean((y - y.mean()) ** 2))
    return {
        "images": float(len(y)),
        "mean": float(y.mean()),
        "r2": 1 - float(np.mean((y - said) ** 2)) / variance if variance else 0.0,
        "mae": float(np.abs(y - said).mean()),
    }


def rule(y: Floats, said: Floats) -> dict[str, float]:
    """What `gain.bytes_saved > 0.0` is worth where everything else would be neural.

    Bytes relative to the best classical codec, as means over images (an image counts alike whatever its size), with the
    rule, without it, and with perfect knowledge.
    """
    loses, turned_away = y > 0, said >= 0
    sizes = np.exp(y)
    found = {
        "loses": float(loses.mean()),
        "turned_away": float(turned_away.mean()),
        "bytes_always_neural": float(sizes.mean()),
        "bytes_by_rule": float(np.where(turned_away, 1.0, sizes).mean()),
        "bytes_perfect": float(np.minimum(sizes, 1.0).mean()),
    }
    if 0 < loses.sum() < len(loses):
        order = np.argsort(np.argsort(said)) + 1.0
        found["auc"] = float((order[loses].mean() - (loses.sum() + 1) / 2) / (~loses).sum())
    return found


def coverage(measured: SavingsData, manifest: SavingsManifest, parts: int = 5) -> tuple[NDArray[np.bool_], Floats]:
    """(N, T) whether the interval of a model without a fifth of the images covers these, and how wide it is."""
    y, part = capped(measured.ratios), folds_of(len(measured.domain), parts, seed=1)
    covered, widths = np.zeros(y.shape, bool), np.zeros(y.shape)
    for k in range(parts):
        model = GainModel.from_arrays(manifest, fit(measured.rows(part != k)).arrays)
        for row in np.flatnonzero(part == k):
            _, low, high = model.log_ratios(measured.whole[row])
            covered[row] = (low <= y[row]) & (y[row] <= high)
            widths[row] = high - low
    return covered, widths


def _without_domains(measured: SavingsData) -> Floats:
    """(N, T) of each image that is no photograph, what a model says that was fitted without its domain; NaN of photographs."""
    found = np.full(measured.ratios.shape, np.nan)
    for domain in sorted(set(measured.domain[~is_photograph(measured)])):
        inside = measured.domain == domain
        if (~inside).sum() < 20:
            continue
        arrays = fit(measured.rows(~inside)).arrays
        found[inside] = _mean_of_folds(arrays, measured.whole[inside])
    return found


def _mean_of_folds(arrays: dict[str, Any], features: Floats) -> Floats:
    from router.prediction.savings.model import kernel, standardised
    from training.savings.regression import WIDTH

    near = kernel(standardised(features, arrays["centre"], arrays["spread"]), arrays["support"], WIDTH / features.shape[1])
    return np.asarray((near @ arrays["dual"] + arrays["offset"][:, None]).mean(0), np.float64)


def baselines(measured: SavingsData) -> Iterator[str]:
    """Lines that compare other regressors by the same held-out folds; needs scikit-learn."""
    from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.multioutput import MultiOutputRegressor

    count, y = len(measured.domain), np.nan_to_num(capped(measured.ratios), nan=0.0)
    both = np.concatenate([measured.crop, measured.whole])
    from router.prediction.savings.model import standardised

    x = standardised(both, np.nan_to_num(np.nanmean(both, 0)), np.nan_to_num(np.nanstd(both, 0)) + 1e-6)
    fold, photos = folds_of(count), is_photograph(measured)
    boosting = {"n_estimators": 150, "max_depth": 4, "learning_rate": 0.07, "subsample": 0.5, "max_features": 0.15}
    makers: dict[str, Callable[[], Any]] = {
        "mean of the target": lambda: Ridge(1e9),
        "ridge": lambda: Ridge(300.0),
        "extra trees": lambda: ExtraTreesRegressor(100, max_features=0.3, min_samples_leaf=2, bootstrap=True, random_state=0),
        "gradient boosting": lambda: MultiOutputRegressor(GradientBoostingRegressor(**boosting, random_state=0)),
    }
    for name, make in makers.items():
        said = np.zeros_like(y)
        for k in range(fold.max() + 1):
            chosen = fold != k
            model = make().fit(x[np.tile(chosen, 2)], np.tile(y[chosen], (2, 1)))
            said[~chosen] = model.predict(x[count:][~chosen])
        yield f"{name:20} {line(measured, said, photos)}"


def line(measured: SavingsData, said: Floats, photos: NDArray[np.bool_]) -> str:
    """R2 and mean absolute error of photographs and of others, over all targets."""
    y = capped(measured.ratios)
    parts = []
    for name, rows in (("photographs", photos), ("others", ~photos)):
        known = np.isfinite(y[rows])
        found = errors(y[rows][known], said[rows][known]) if known.any() else {"r2": 0.0, "mae": 0.0}
        parts.append(f"{name}: R2 {found['r2']:.2f}, MAE {found['mae']:.3f}")
    return "; ".join(parts)
