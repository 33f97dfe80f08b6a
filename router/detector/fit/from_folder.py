"""Fit a detector on a user's own images, against the foreign images that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router.detector.artefact import DetectorManifest
from router.detector.calibration import DEFAULT_ALPHA
from router.detector.fit import outlier_exposure as foreign
from router.detector.fit.build import build
from router.detector.fit.corpus import all_views
from router.detector.fit.plan import FitPlan, Progress, plan_fit
from router.detector.scorer import SIZES
from router.folders import LeftOut


def fit_folder(
    folder: Path,
    out: Path,
    *,
    held_out: Path | None = None,
    alpha: float = DEFAULT_ALPHA,
    mixed: bool = True,
    views: int = 2,
    cache: Path | None = None,
    jobs: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    left_out: LeftOut | None = None,
    plan: FitPlan | None = None,
) -> DetectorManifest:
    """Fit on the images below `folder`, calibrate on those below `held_out` or on a third of the scenes, and write `out`.

    It takes `smallest_collection(alpha)` photographs of different scenes, in colour unless the collection is gray: 99 at alpha
    0.05, 60 to fit on and 39 to calibrate with. They are looked at, and too few are refused, before any work; `plan_fit` says the
    same, and how long it will take, without fitting.

    Near-duplicates are kept on one side. `mixed`: give images histories of the mix (`histories.MIX`); without, only the sizes
    vary. `views`: of each image, to fit on. Embeddings go into `cache`, so that a stopped run goes on. `left_out` is told of the
    files that are no images here. `plan`: what `plan_fit` gave for the same arguments, so that nothing is looked at twice.

    Images that cannot be read are left out; `plan_fit` names them. Raises InputError (NOT_FOUND) for a folder that is not there,
    UsageError if there are too few images, saying how many are needed.
    """
    if plan is None:
        plan = plan_fit(folder, held_out=held_out, alpha=alpha, mixed=mixed, views=views, jobs=jobs, seed=seed, left_out=left_out)
    plan.require()
    common: dict[str, Any] = {"seed": seed, "mixed": mixed, "cache": cache, "jobs": jobs, "progress": progress}
    calibrating = all_views(plan.calibrating, tuple(SIZES), **common)
    fitting = all_views(plan.fitting, (None,) * views, **common)
    return build(
        out,
        fitting,
        plan.groups,
        calibrating,
        foreign.read(),
        alpha=alpha,
        seed=seed,
        provenance={
            "fitted_on": {folder.name: len(plan.fitting)},
            "calibrated_on": {(held_out or folder).name: len(plan.calibrating)},
            "mixed": mixed,
        },
    )
