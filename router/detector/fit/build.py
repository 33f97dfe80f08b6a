"""From photographs to a detector's folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router.detector import artefact, embeddings
from router.detector.artefact import DetectorManifest, KindManifest
from router.detector.calibration import DEFAULT_ALPHA
from router.detector.fit.corpus import View
from router.detector.fit.degradations import MIX
from router.detector.fit.outlier_exposure import KINDS
from router.detector.fit.scorer import EmbeddedPhotographs, Foreign, fit
from router.detector.scorer import SIZES
from router.errors import UsageError
from router.reasons import ReasonCode

SMALLEST_FIT = 60
"""Photographs; below, the density has fewer than 15 directions."""
_CALIBRATION_FACTOR = 2


def smallest_calibration(alpha: float) -> int:
    """Photographs without which the line at `alpha` is mostly chance: its rank k = floor(alpha (n + 1)) is then below 2."""
    return int(np.ceil(_CALIBRATION_FACTOR / alpha)) - 1


def build(
    out: Path,
    fitting: Sequence[Sequence[View]],
    groups: Sequence[int],
    calibrating: Sequence[Sequence[View]],
    foreign: Mapping[str, Foreign],
    *,
    alpha: float = DEFAULT_ALPHA,
    seed: int = 0,
    provenance: Mapping[str, Any],
) -> DetectorManifest:
    """Fit, calibrate and write the artefact into `out`, whose name becomes the detector's id. Returns its manifest.

    Args:
        fitting: views of each photograph to fit on; groups: the scene of each.
        calibrating: views of each photograph to calibrate with, one a size and kind; none of a scene that is fitted on.
        foreign: by kind of `KINDS`.
        provenance: JSON-able, goes into the manifest as it is.

    Raises UsageError (BAD_ARGUMENT) if there are too few photographs, saying how many are needed.
    """
    check_enough(len(fitting), len(calibrating), alpha)
    arrays: dict[str, Any] = {}
    parts: dict[str, KindManifest] = {}
    counts: dict[str, Any] = {}
    for kind in KINDS:
        gray = kind == "gray"
        seen = [(v.image, g) for views, g in zip(fitting, groups, strict=True) for v in views if v.image.gray == gray]
        held = [v for views in calibrating for v in views if v.image.gray == gray]
        found = Counter(v.size for v in held)
        if not _enough_to_calibrate(kind, found, alpha):
            continue  # a collection of gray images: colour then is out of distribution
        photographs = EmbeddedPhotographs([image for image, _ in seen], np.array([g for _, g in seen], np.intp))
        scorer = fit(photographs, foreign[kind], [v.image for v in held], embeddings.DEFAULT[0], seed)
        arrays |= scorer.estimators.arrays(kind) | scorer.fusion.arrays(f"{kind}.fusion")
        parts[kind] = KindManifest(
            calibration_scores={size: tuple(map(float, c.raw)) for size, c in scorer.calibration.items()},
            tile_median=scorer.tile_median,
            tile_upper=scorer.tile_upper,
        )
        counts[kind] = {
            "fitted_views": len(seen),
            "foreign_views": len(foreign[kind].whole),
            "calibration": dict(found),
            "calibration_histories": dict(Counter(v.history for v in held)),
        }
    manifest = DetectorManifest(
        schema_version=3,
        detector_id=out.name,
        embeddings=embeddings.DEFAULT,
        alpha=alpha,
        colour=parts.get("colour"),
        gray=parts["gray"],
        provenance={**provenance, "mix": MIX, "seed": seed, "views": counts},
        arrays_sha256="",
    )
    return artefact.write(out, manifest, arrays)


def _enough_to_calibrate(kind: str, found: Mapping[str, int], alpha: float) -> bool:
    """Whether there are photographs of every size; False where there are hardly any in colour. Raises UsageError for too few."""
    needed = smallest_calibration(alpha)
    if kind != "gray" and all(found[size] < needed for size in SIZES):
        return False
    for size in SIZES:
        if found[size] < needed:
            raise _too_few(f"{found[size]} {kind} photographs to calibrate the size {size!r} with", needed)
    return True


def check_enough(fitted: int, calibrated: int, alpha: float) -> None:
    """Raises UsageError (BAD_ARGUMENT) if there are too few photographs."""
    if fitted < SMALLEST_FIT:
        raise _too_few(f"{fitted} photographs to fit on", SMALLEST_FIT)
    if calibrated < smallest_calibration(alpha):
        raise _too_few(f"{calibrated} photographs to calibrate with at alpha {alpha}", smallest_calibration(alpha))


def _too_few(what: str, needed: int) -> UsageError:
    return UsageError(
        f"{what}: {needed} are needed",
        code=ReasonCode.BAD_ARGUMENT,
        hint="Give more photographs of different scenes, or a larger alpha",
    )
