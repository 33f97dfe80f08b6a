"""The regressor: kernel ridge regression of log(bytes neural / bytes of the best classical codec), with an interval; numpy alone.

One regressor a fold, each fitted without its fold; the estimate is their mean, and for an image that was fitted on, that of the
regressor that has not seen it. The interval is CV+ (R. F. Barber, E. J. Candes,
A. Ramdas, R. J. Tibshirani, Annals of Statistics 49, 2021) with residuals in units of a predicted scale: for each image that was
fitted on, what the regressor without its fold says here, plus or minus the image's own error then; the interval holds the share
`coverage` of these. It covers a new image of the same kind with about that chance, and at least 2 * coverage - 1, whatever the
distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.artefacts import SAVINGS_MODELS
from router.artefacts.bundle import vouch
from router.errors import ArtefactError
from router.prediction.savings import artefact
from router.prediction.savings.artefact import SavingsManifest
from router.prediction.savings.features import EMBEDDING, FEATURES_VERSION, Values, names
from router.reasons import ReasonCode

LIMIT = 5.0
"""Standardised features are cut to plus or minus this: a picture unlike all others is not extrapolated to."""

SAME = 0.9999
"""Kernel above which two images are one: features then differ by 0.0005 of their spread on average."""


@dataclass(frozen=True)
class SavingsEstimate:
    """Shares of bytes that the neural codec saves against the best classical one, negative where it is larger.

    The expected share, and the ends of the interval; `low` <= `bytes_saved` <= `high` < 1.
    """

    bytes_saved: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class GainModel:
    """Immutable; share freely between threads.

    Attributes (M support vectors, F features, K folds, T targets, N images):
        centre, spread: (F,) of the features.
        support: (M, F) standardised: all images as crops, then all as whole files; M = 2 N.
        dual, offset: (K, M, T) and (K, T): the log ratio.
        scale_dual, scale_offset: the same for the logarithm of the error's scale.
        residuals: (N, T) |error| / scale of each image by the regressor without its fold; NaN where it was not measured.
        fold: (N,) int.
    """

    manifest: SavingsManifest
    centre: Values
    spread: Values
    support: NDArray[np.float32]
    dual: NDArray[np.float32]
    offset: NDArray[np.float32]
    scale_dual: NDArray[np.float32]
    scale_offset: NDArray[np.float32]
    residuals: NDArray[np.float32]
    fold: NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path, *, model: str | None = None, model_sha256: str | None = None) -> GainModel:
        """Load and verify.

        Args:
            model, model_sha256: the neural model whose gain is to be estimated; another one is refused.

        Raises ArtefactError: ARTEFACT_DAMAGED; MODEL_MISMATCH if it was made with other weights; UNSUPPORTED_VERSION if with
        features that this build does not compute, or for a newer schema.
        """
        manifest = artefact.read_manifest(folder)
        if (model not in (None, manifest.model)) or (model_sha256 not in (None, manifest.model_sha256)):
            raise ArtefactError(
                f"gain model {manifest.gain_id} was made with other weights ({manifest.model} {manifest.model_sha256[:12]})",
                code=ReasonCode.MODEL_MISMATCH,
                hint="Fit it again: python -m training.savings.fit",
            )
        if (manifest.embedding, manifest.features_version) != (EMBEDDING, FEATURES_VERSION):
            raise ArtefactError(
                f"gain model {manifest.gain_id} was fitted on {manifest.embedding}, features {manifest.features_version}, "
                f"which this build does not compute",
                code=ReasonCode.UNSUPPORTED_VERSION,
                hint="Fit it again: python -m training.savings.fit",
            )
        try:
            return cls.from_arrays(manifest, artefact.read_arrays(folder, manifest))
        except (KeyError, ValueError) as error:
            raise artefact.damaged(folder, f"inconsistent arrays: {error}") from error

    @classmethod
    def from_arrays(cls, manifest: SavingsManifest, arrays: Mapping[str, Any]) -> GainModel:
        """Raises KeyError for a missing array, ValueError for arrays that do not fit together or hold what they must not."""
        fold = np.asarray(arrays["fold"], np.int64)
        found = {name: np.asarray(arrays[name], np.float32) for name in _FLOATS}
        features, targets = len(names()), len(manifest.targets)
        folds, vectors = (int(fold.max()) + 1 if fold.size else 0), len(found["support"])
        shapes = {
            **dict.fromkeys(("centre", "spread"), (features,)),
            "support": (2 * len(fold), features),
            **dict.fromkeys(("dual", "scale_dual"), (folds, vectors, targets)),
            **dict.fromkeys(("offset", "scale_offset"), (folds, targets)),
            "residuals": (len(fold), targets),
        }
        for name, shape in shapes.items():
            if found[name].shape != shape:
                raise ValueError(f"{name} is {found[name].shape}, not {shape}")
            if name != "residuals" and not np.isfinite(found[name]).all():
                raise ValueError(f"{name} is not finite")
        if not folds or fold.min() < 0 or not (found["spread"] > 0).all():
            raise ValueError("folds or spread out of range")
        if np.isnan(found["residuals"]).all(axis=0).any() or np.nanmin(found["residuals"]) < 0:
            raise ValueError("residuals")
        centre, spread = (found.pop(name).astype(np.float64) for name in ("centre", "spread"))
        return cls(manifest, centre, spread, fold=fold, **found)

    @property
    def id(self) -> str:
        """Goes into bundles."""
        return self.manifest.gain_id

    @property
    def sha256(self) -> str:
        """Content hash of the artefact."""
        return self.manifest.sha256

    @property
    def model(self) -> str:
        """Id of the neural model that it was made with."""
        return self.manifest.model

    @property
    def model_sha256(self) -> str:
        """Hash of that model's weights."""
        return self.manifest.model_sha256

    def covers(self, target: float) -> bool:
        """Whether there are estimates at this SSIMULACRA2."""
        return self.manifest.targets[0] <= target <= self.manifest.targets[-1]

    def estimate(self, features: Values, target: float) -> SavingsEstimate:
        """`features`: see `features.vector`; `target`: SSIMULACRA2, see `covers`."""
        ratios = self.log_ratios(features)
        centre, low, high = (float(np.interp(target, self.manifest.targets, row)) for row in ratios)
        return SavingsEstimate(-float(np.expm1(centre)), -float(np.expm1(high)), -float(np.expm1(low)))

    def log_ratios(self, features: Values) -> Values:
        """(3, T): expected log ratio and both ends of its interval, at each of the manifest's targets."""
        x = standardised(features[None], self.centre, self.spread)
        near = kernel(x, self.support, self.manifest.width)[0]
        folds = near @ self.dual + self.offset
        scales = np.exp(near @ self.scale_dual + self.scale_offset)
        errors = self.residuals * scales[self.fold]
        low, high = interval(folds[self.fold] - errors, folds[self.fold] + errors, self.manifest.coverage)
        same = int(np.argmax(near))
        # An image that was fitted on: what the regressor that did not see it says, or evaluations on such images would flatter.
        centre = folds[self.fold[same % len(self.fold)]] if near[same] > SAME else folds.mean(0)
        cap = self.manifest.cap
        found: Values = np.clip(np.stack([centre, np.minimum(low, centre), np.maximum(high, centre)]), -cap, cap)
        return found


_FLOATS = ("centre", "spread", "support", "dual", "offset", "scale_dual", "scale_offset", "residuals")


def standardised(features: Values, centre: Values, spread: Values) -> NDArray[np.float32]:
    """(N, F) features as regressors see them: what an image does not have is put at the mean, 0."""
    z = (np.asarray(features, np.float64) - centre) / spread
    return np.nan_to_num(np.clip(z, -LIMIT, LIMIT)).astype(np.float32)


def kernel(a: NDArray[np.float32], b: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """(N, M) float32 of (N, F) and (M, F): the Laplacian kernel, exp(-width * sum |x - y|)."""
    return np.stack([np.exp(-width * np.abs(row - b).sum(1)) for row in a])


def interval(lows: Values, highs: Values, coverage: float) -> tuple[Values, Values]:
    """CV+ ends, (T,) each, from (N, T) ends of each image, NaN where an image has none; infinite where there are too few."""
    found = []
    for values, sign in ((lows, -1.0), (highs, 1.0)):
        ordered = np.sort(sign * values, axis=0)  # NaN last
        counts = np.isfinite(values).sum(0)
        places = np.ceil(coverage * (counts + 1)).astype(int)
        ends = [ordered[p - 1, t] if p <= n else np.inf for t, (p, n) in enumerate(zip(places, counts, strict=True))]
        found.append(sign * np.array(ends))
    return found[0], found[1]


@cache
def shipped_for(model: str, model_sha256: str) -> GainModel | None:
    """The shipped gain model made with these weights; None if there is none.

    Raises ArtefactError where it is damaged, or one that cannot be read may have been the one.
    """
    problem: ArtefactError | None = None
    for file in sorted(SAVINGS_MODELS.glob(f"*/{artefact.MANIFEST_FILE}")):
        try:
            manifest = artefact.read_manifest(file.parent)
        except ArtefactError as error:
            problem = problem or error
            continue
        if (manifest.model, manifest.model_sha256) == (model, model_sha256):
            vouch("gains", manifest.sha256, manifest.gain_id, file.parent.name)
            return GainModel.load(file.parent, model=model, model_sha256=model_sha256)
    if problem is not None:
        raise problem
    return None


def read(folder: Path) -> GainModel:
    """Read and verify a folder, whatever weights it was made with. Errors as `GainModel.load`."""
    return GainModel.load(folder)
