"""Bjontegaard delta rate, image by image: how many per cent more bytes a codec takes than AVIF at equal quality.

Package `bjontegaard` (G. Bjontegaard, VCEG-M33, 2001; C. Herglotz and others, "Beyond Bjontegaard", 2022) with the interpolation
that the rest of the evaluation uses (PCHIP of the logarithm of the bytes), over the range of quality that both curves have.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Lane
from router.evaluation.comparison.matched import AVIF, POOLED, Ladder, images
from router.evaluation.ladders.families import BETTER_AVIF, FAMILIES
from router.evaluation.resampling import mean

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("ssimulacra2", "ms_ssim")
COLUMNS = ["domain", "image", "metric", "family", "anchor", "bd_rate"]
_SAMPLES = 60

Curve = NDArray[np.float64]


def bd_rates(points: pd.DataFrame) -> pd.DataFrame:
    """One row an image, metric and lossy family; `bd_rate` in per cent, below 0 where the family takes fewer bytes.

    The anchor is AVIF at the better sampling; without AVIF the first family that was measured. NaN where the two curves
    have no quality in common or a curve is a single point. MS-SSIM is taken in decibels.
    """
    import pandas as pd

    rows = []
    anchor = _anchor(points)
    for domain, image, ladders in images(points):
        if anchor not in ladders:
            continue
        for metric in METRICS:
            base = curve(ladders[anchor], metric)
            for family, ladder in ladders.items():
                if family in (anchor, *BETTER_AVIF) or ladder.lane == Lane.LOSSLESS:
                    continue
                rows.append(
                    {"domain": domain, "image": image, "metric": metric, "family": family, "anchor": anchor}
                    | {"bd_rate": bd_rate(base, curve(ladder, metric))}
                )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"bd_rate": float})


def by_domain(rates: pd.DataFrame) -> dict[str, Any]:
    """JSON-able: `anchor`, a family; by metric and domain `images` and `families`, first all domains if there are several.

    `families`: name -> the mean over images in per cent, see `resampling.Estimate`; its `images` are those that have a BD-rate.
    """
    found: dict[str, Any] = {"anchor": str(rates["anchor"].iloc[0]) if len(rates) else None}
    families = [name for name in (*FAMILIES, AVIF) if name in set(rates["family"])]
    domains = sorted(str(name) for name in rates["domain"].unique())
    for metric in METRICS:
        of_metric = rates[rates["metric"] == metric]
        found[metric] = {}
        for domain in ([POOLED] if len(domains) > 1 else []) + domains:
            rows = of_metric if domain == POOLED else of_metric[of_metric["domain"] == domain]
            means = {family: asdict(mean(rows[rows["family"] == family]["bd_rate"].to_numpy(float))) for family in families}
            found[metric][domain] = {"images": len(rows[["domain", "image"]].drop_duplicates()), "families": means}
    return found


def bd_rate(anchor: Curve, test: Curve) -> float:
    """Per cent; each curve (n, 2): bytes and quality, both strictly rising."""
    import bjontegaard

    if min(len(anchor), len(test)) < 2:
        return float("nan")
    common = min(anchor[-1, 1], test[-1, 1]) - max(anchor[0, 1], test[0, 1])
    if not common > 1e-6:
        return float("nan")
    return float(
        bjontegaard.bd_rate(
            anchor[:, 0], anchor[:, 1], test[:, 0], test[:, 1], method="pchip", require_matching_points=False, min_overlap=0
        )
    )


def curve(ladder: Ladder, metric: str) -> Curve:
    """(n, 2) bytes and quality (MS-SSIM in decibels) of one family; of several the lower envelope, sampled densely."""
    parts = ladder.curves(metric)
    if len(parts) == 1:
        return np.stack([np.exp(parts[0].log_bytes), parts[0].values], axis=1)
    if not parts:
        return np.empty((0, 2))
    ends = [np.concatenate([part.values for part in parts])]
    wanted = np.unique(np.concatenate([*ends, np.linspace(ends[0].min(), ends[0].max(), _SAMPLES)]))
    sizes = [ladder.bytes_at(metric, measured(metric, value)) for value in wanted]
    found = np.array([(size, value) for size, value in zip(sizes, wanted, strict=True) if size is not None])
    # Below its lowest point a curve stays level: of equal sizes the last buys most.
    found = found[np.r_[np.diff(found[:, 0]) > 1e-6 * found[:-1, 0], True]]
    keeps = found[:, 0] >= np.maximum.accumulate(found[:, 0])
    return np.asarray(found[keeps])


def measured(metric: str, value: float) -> float:
    """From the scale on which curves are interpolated back to the metric as measured."""
    return float(value) if metric == "ssimulacra2" else float(1 - 10 ** (-value / 10))


def _anchor(points: pd.DataFrame) -> str:
    families = set(points["family"])
    if families & set(BETTER_AVIF):
        return AVIF
    lossy = points[points["lane"] != str(Lane.LOSSLESS)]["family"]
    return str(lossy.iloc[0]) if len(lossy) else AVIF
