"""Harm, version 1: did the neural lane give a worse picture than the classical codec would have, for the same bytes?

An image that was coded in the neural lane is harmed at a target if, at equal bytes with the policy's first classical codec, its
MS-SSIM is lower by more than tau: over the whole image, or in its worst square. MS-SSIM takes part neither in training nor in
the guard, so that neither can be tuned to it unnoticed.

Why these taus. -10 log10(1 - MS-SSIM) is proportional to the logarithm of what is lost, so that one threshold means the same at
every quality. Over the whole image, 1 dB is a loss of structure larger by a quarter (10^0.1 = 1.26). Along AVIF's curve from
SSIMULACRA2 50 to 70 it costs 22 % of the bytes (median of 147 development images of 18 domains; quartiles 17 and 28 %): beyond
tau a saving of that size was taken from the picture. It is clearly more than the noise of such a comparison (at equal bytes
AVIF 4:2:0 is behind the better of both samplings by 0.1 dB in the median and by 0.7 dB in one case of ten), and less than the
step from AVIF to WebP or JPEG XL (1.9 and 1.8 dB in the median). For the worst square it is 2 dB: the lowest of many values
scatters more, and the two codecs' worst squares need not be the same square.

AVIF is taken at the better of 4:2:0 and 4:4:4, separately for each metric, so that harm is never understated by that choice.
Where the classical codec has no file as small as the neural one, there is nothing to compare with: no harm, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from router.evaluation.comparison.matched import AVIF, RateDistortion, images
from router.evaluation.measure.variants import NEURAL
from router.evaluation.statistics import wilson

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Raise it with every change of the definition: figures of two versions must not be compared."""

TAU: Mapping[str, float] = {"ms_ssim": 1.0, "worst_tile_ms_ssim": 2.0}
"""Largest difference in dB that is no harm, by metric."""

COLUMNS = ["domain", "image", "target", "bytes", *(f"{metric}_gap" for metric in TAU), "compared", "harmed"]


def harm(frame: pd.DataFrame, targets: Iterable[float], *, neural: str = NEURAL, classical: str = AVIF) -> pd.DataFrame:
    """Every image that has neural points, at every target that they reach, as if the policy had sent it to the neural lane.

    Columns: domain, image, target; bytes of the neural file; `<metric>_gap`, what the classical codec is ahead by at these bytes
    in dB (NaN where it has no file as small); `compared`; `harmed`.
    """
    import pandas as pd

    wanted = tuple(float(target) for target in targets)
    rows = []
    for domain, image, by_family in images(frame):
        if neural not in by_family or classical not in by_family:
            continue
        for target in wanted:
            size = by_family[neural].bytes_at("ssimulacra2", target)
            if size is not None:
                gaps = {f"{metric}_gap": gap(by_family[neural], by_family[classical], metric, size) for metric in TAU}
                label = {"domain": domain, "image": image, "target": target, "bytes": size}
                rows.append(label | gaps | {"compared": not all(np.isnan(g) for g in gaps.values()), "harmed": harmed(gaps)})
    return pd.DataFrame(rows, columns=COLUMNS).astype({"target": float, "bytes": float, "compared": bool, "harmed": bool})


def gap(neural: RateDistortion, classical: RateDistortion, metric: str, size: float) -> float:
    """What `classical` is ahead by at `size` bytes, in dB; NaN where one of them has no such file."""
    ours, theirs = neural.value_at(metric, size), classical.value_at(metric, size)
    return np.nan if ours is None or theirs is None else theirs - ours


def harmed(gaps: Mapping[str, float]) -> bool:
    """Whether any `<metric>_gap` is larger than its tau."""
    return any(gaps[f"{metric}_gap"] > tau for metric, tau in TAU.items())


def summary(harmful: pd.DataFrame, images_in_all: int) -> dict[str, Any]:
    """Counts and shares, JSON-able, of rows of `harm` for what went to the neural lane.

    An image counts once, however many targets it was evaluated at, and as harmed if it is at any of them: its targets are not
    independent, and the interval must not pretend that they are. `images_in_all`: also those that went to other lanes.
    """
    by_image = harmful.groupby(["domain", "image"])["harmed"].any() if len(harmful) else harmful["harmed"]
    count, neural = int(by_image.sum()), len(by_image)
    return {
        "version": VERSION,
        "harmed_images": count,
        "neural_images": neural,
        "images": images_in_all,
        "per_neural_image": _share(count, neural),
        "per_image": _share(count, images_in_all),
        "not_compared": int((~harmful["compared"].astype(bool)).sum()) if len(harmful) else 0,
    }


def _share(count: int, trials: int) -> dict[str, float | None]:
    low, high = wilson(count, trials)
    return {"share": count / trials if trials else None, "low": low, "high": high}
