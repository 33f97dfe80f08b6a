"""What the gain model is fitted on: images with their features, and the log ratio of bytes at each target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.detector.patches import MIN_SIDE
from router.evaluation.comparison.matched import disadvantage
from router.evaluation.measure.folder import TARGETS, measure_folder
from router.evaluation.measure.pictures import DomainImage, open_picture, pictures_in, thinned
from router.evaluation.measure.variants import NEURAL
from router.images.read import read
from router.images.sample import ImageSample
from router.prediction.savings.features import Values, names, vector
from router.prediction.savings.scene import scene_statistics

SIDE = 512
"""Centre crops that are coded, in px. Fixed costs count for more in larger images only where files are tiny."""
CLASSICAL = ("avif", "jxl", "lossless")
"""Among these is the best classical codec of every development photograph; JPEG and WebP never are."""
NEURAL_TARGETS, NEURAL_MOST = (30.0, 50.0, 70.0), 6
"""Brackets of the neural sweep; it is read off at all targets, and 85 lies near one of its fixed settings."""


@dataclass(frozen=True, eq=False)
class SavingsData:
    """N images at T targets.

    Attributes:
        domain, image: (N,) names.
        whole, crop: (N, F) features of the whole file, as a policy sees it, and of the crop that was coded.
        ratios: (N, T) log(bytes neural / bytes of the best classical codec); +inf where the neural codec does not reach the
            target, NaN where no classical codec does.
    """

    domain: NDArray[np.str_]
    image: NDArray[np.str_]
    whole: Values
    crop: Values
    ratios: Values
    targets: tuple[float, ...]

    def rows(self, chosen: NDArray[np.bool_]) -> SavingsData:
        """These images."""
        parts = {name: getattr(self, name)[chosen] for name in ("domain", "image", "whole", "crop", "ratios")}
        return replace(self, **parts)


def measure(
    folder: Path,
    cache: Path,
    *,
    every: Mapping[str, int] | None = None,
    targets: tuple[float, ...] = TARGETS,
    jobs: int = 1,
    side: int = SIDE,
    tell: Callable[[Any], None] | None = None,
) -> SavingsData:
    """Measure all images below `folder` (`<domain>/*`); what the cache holds is not encoded again."""
    import pandas as pd

    common: dict[str, Any] = {"jobs": jobs, "max_side": side, "every": every, "tell": tell}
    points = pd.concat(
        [
            measure_folder(folder, cache, CLASSICAL, **common),
            measure_folder(folder, cache, [NEURAL], targets=NEURAL_TARGETS, most=NEURAL_MOST, **common),
        ]
    )
    pictures = {(p.domain, p.image): p for p in thinned(pictures_in([folder]), every or {})}
    return from_points(points, pictures, targets, side)


def from_points(
    points: Any, pictures: Mapping[tuple[str, str], DomainImage], targets: tuple[float, ...], side: int
) -> SavingsData:
    """The data of the images that have neural and classical points (see `measure_folder`)."""
    import pandas as pd

    table = pd.concat([disadvantage(points, target) for target in targets])
    ratios = table.pivot(index=["domain", "image"], columns="target", values="disadvantage").dropna(how="all")
    keys, whole, crop, kept = [], [], [], []
    for row, key in enumerate(ratios.index):
        path = pictures[key].path
        features = [_features(sample, file) for file in (read(path),) for sample in (file, open_picture(path, side))]
        if features[0] is not None and features[1] is not None:
            keys.append(key)
            whole.append(features[0])
            crop.append(features[1])
            kept.append(row)
    domain, image = (np.array([str(key[k]) for key in keys]) for k in (0, 1))
    found = ratios.to_numpy(float)[kept]
    return SavingsData(domain, image, np.stack(whole), np.stack(crop), found, tuple(float(t) for t in ratios.columns))


def _features(sample: ImageSample, file: ImageSample) -> Values | None:
    if min(sample.width, sample.height) < MIN_SIDE:
        return None
    seen = scene_statistics(sample)
    assert seen is not None
    # Facts are those of the file, also for the crop: that is what a policy will know.
    found = vector(*seen, file)
    assert found.shape == (len(names()),)
    return found
