"""Fit a detector on a user's own images, against the foreign images that ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from router.detector.artefact import Manifest
from router.detector.calibration import DEFAULT_ALPHA
from router.detector.fit import outlier_exposure as foreign
from router.detector.fit.build import build, check_enough
from router.detector.fit.corpus import all_views, digest, image_files, scenes
from router.detector.scorer import SIZES
from router.errors import InputError
from router.files import is_folder
from router.folders import LeftOut
from router.reasons import ReasonCode

HELD_OUT_SHARE = 3
"""One scene in this many is kept for calibration where no folder is given for it."""


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
    progress: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
    left_out: LeftOut | None = None,
) -> Manifest:
    """Fit on the images below `folder`, calibrate on those below `held_out` or on a third of the scenes, and write `out`.

    Near-duplicates are kept on one side. `mixed`: give images histories of the mix (`histories.MIX`); without, only the sizes
    vary. `views`: of each image, to fit on. Embeddings go into `cache`, so that a stopped run goes on. `left_out` is told of the
    files that are no images here.

    Raises InputError (NOT_FOUND, or an image that cannot be read), UsageError if there are too few images, saying how many
    are needed.
    """
    files = image_files(_existing(folder), left_out)
    others = [] if held_out is None else image_files(_existing(held_out), left_out)
    group = scenes([*files, *others]) if files or others else np.zeros(0, np.intp)
    if held_out is None:
        chosen = _third(group, [digest(path) for path in files])
        kept = [(path, g) for path, g in zip(files, group, strict=True) if g not in chosen]
        calibration = [path for path, g in zip(files, group, strict=True) if g in chosen]
    else:
        known = set(group[len(files) :].tolist())
        kept = [(path, g) for path, g in zip(files, group, strict=False) if g not in known]
        calibration = others
    check_enough(len(kept), len(calibration), alpha)
    common: dict[str, Any] = {"seed": seed, "mixed": mixed, "cache": cache, "jobs": jobs, "progress": progress}
    calibrating = all_views(calibration, tuple(SIZES), **common)
    fitting = all_views([path for path, _ in kept], (None,) * views, **common)
    return build(
        out,
        fitting,
        [int(g) for _, g in kept],
        calibrating,
        foreign.read(),
        alpha=alpha,
        seed=seed,
        provenance={
            "fitted_on": {folder.name: len(kept)},
            "calibrated_on": {(held_out or folder).name: len(calibration)},
            "mixed": mixed,
        },
    )


def _third(group: np.ndarray, contents: list[str]) -> set[int]:
    """The scenes to calibrate with, by the content of one of their images: stable when others are added."""
    first: dict[int, str] = {}
    for g, content in zip(group.tolist(), contents, strict=True):
        first[g] = min(content, first.get(g, content))
    return {g for g, content in first.items() if int(content[:8], 16) % HELD_OUT_SHARE == 0}


def _existing(folder: Path) -> Path:
    if not is_folder(folder):
        raise InputError(f"{folder} is not a folder", code=ReasonCode.NOT_FOUND)
    return folder
