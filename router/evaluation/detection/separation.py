"""How well the detector tells each domain from the ones that count as natural: ROC, AUROC, what passes at 95 % TPR.

Higher scores are further out. "TPR" is the share of natural images that are accepted, as in the literature on the subject, so
that "FPR at 95 % TPR" is the share of a domain's images that are accepted at the line which accepts 95 % of the natural ones.
The ROC is drawn by what a person asks: of the domain's images, how many are turned away, at which price in natural ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.evaluation.intervals import Z_95, wilson
from router.evaluation.resampling import Estimate, counts, interval

if TYPE_CHECKING:
    import pandas as pd

FEW = 12
"""Domains of fewer images are also pooled: their own intervals are wide."""
TPR = 0.95
FLAGGED = 0.05

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """One domain, or several together.

    Attributes:
        scores: of its images, finite.
        roc: (share of natural images turned away, share of these turned away), from (0, 0) to (1, 1).
        auroc, fpr95: with intervals; see `auroc` and `fpr_at_95`.
        flagged: share with a p-value of at most 0.05, Wilson's interval.
    """

    name: str
    scores: Scores
    roc: list[tuple[float, float]]
    auroc: Estimate
    fpr95: Estimate
    flagged: Estimate


@dataclass(frozen=True)
class Detections:
    """`natural`: scores of the natural images; `natural_flagged` among them. `domains`: the others, and the small ones pooled.

    `ids`: of the detectors that scored; `wanted`: names of the domains that were to count as natural, found or not.
    """

    ids: list[str]
    wanted: list[str]
    natural_domains: list[str]
    natural: Scores
    natural_flagged: Estimate
    domains: list[Detection]


def detections(scores: pd.DataFrame, natural: Collection[str]) -> Detections:
    """`scores`: see `scores.detector_scores`; `natural`: names of domains, matched without regard to case."""
    wanted = {name.casefold() for name in natural}
    table = scores[np.isfinite(scores["ood_score"].to_numpy(float))]
    is_natural = np.array([str(domain).casefold() in wanted for domain in table["domain"]], bool)
    inside, outside = table[is_natural], table[~is_natural]
    known = inside["ood_score"].to_numpy(float)
    groups = [(str(name), rows) for name, rows in outside.groupby("domain", sort=True)]
    few = [rows for _, rows in groups if len(rows) < FEW]
    if len(few) > 1:
        import pandas as pd

        groups.append((f"{len(few)} domains under {FEW} images, pooled", pd.concat(few)))
    return Detections(
        ids=sorted({str(name) for name in scores["detector"]}),
        wanted=list(natural),
        natural_domains=sorted({str(name) for name in inside["domain"]}),
        natural=known,
        natural_flagged=_flagged(inside),
        domains=[_of(name, rows, known) for name, rows in groups],
    )


def summary(found: Detections) -> dict[str, Any]:
    """JSON-able: `detectors`, `natural` (domains, images, share flagged), and by domain `images`, `auroc`, `fpr_at_95_tpr`,
    `flagged` with their intervals, see `resampling.Estimate`."""
    return {
        "detectors": found.ids,
        "natural": {"domains": found.natural_domains, "images": len(found.natural), "flagged": asdict(found.natural_flagged)},
        "domains": {
            one.name: {"images": len(one.scores), "auroc": asdict(one.auroc), "fpr_at_95_tpr": asdict(one.fpr95)}
            | {"flagged": asdict(one.flagged)}
            for one in found.domains
        },
    }


def _of(name: str, rows: pd.DataFrame, natural: Scores) -> Detection:
    found = rows["ood_score"].to_numpy(float)
    return Detection(name, found, roc(natural, found), auroc(natural, found), fpr_at_95(natural, found), _flagged(rows))


def roc(natural: Scores, outside: Scores) -> list[tuple[float, float]]:
    """Corners of the curve over every threshold; empty without images on either side."""
    if not len(natural) or not len(outside):
        return []
    lines = np.unique(np.r_[natural, outside])[::-1]
    corners = [(float(np.mean(natural >= line)), float(np.mean(outside >= line))) for line in lines]
    return [(0.0, 0.0), *corners]


def auroc(natural: Scores, outside: Scores) -> Estimate:
    """Chance that one of `outside` scores higher than a natural image, ties counted half; percentile bootstrap over both sets.

    Where the two do not overlap every resample agrees; there the interval is Newcombe's (Statistics in Medicine 25, 2006,
    part 2, method 5): the values whose own Hanley-McNeil variance does not reject what was seen.
    """
    m, n = len(natural), len(outside)
    if not m or not n:
        return Estimate(None, None, None, n)
    wins = (outside[:, None] > natural[None]) + 0.5 * (outside[:, None] == natural[None])
    value = float(wins.mean())
    if value in (0.0, 1.0):
        return Estimate(value, *_newcombe(value, m, n), n)
    draws = np.einsum("bi,ij,bj->b", counts(n, 1) / n, wins, counts(m) / m, optimize=True)
    return Estimate(value, *interval(np.clip(draws, 0, 1)), n)  # shares of the weights may sum to a rounding more than 1


def fpr_at_95(natural: Scores, outside: Scores) -> Estimate:
    """Share of `outside` accepted at the line which accepts 95 % of the natural images; Wilson's interval, for a fixed line."""
    if not len(natural) or not len(outside):
        return Estimate(None, None, None, len(outside))
    line = float(np.quantile(natural, TPR, method="higher"))
    return _share(outside <= line)


def _flagged(rows: pd.DataFrame) -> Estimate:
    return _share(rows["p_value"].to_numpy(float) <= FLAGGED)


def _share(hits: NDArray[np.bool_]) -> Estimate:
    if not len(hits):
        return Estimate(None, None, None, 0)
    return Estimate(float(hits.mean()), *wilson(int(hits.sum()), len(hits)), len(hits))


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    from scipy.optimize import brentq

    size = (m + n) / 2 - 1

    def gap(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + size * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return float((1 - theta) - Z_95 * variance**0.5)

    low = float(brentq(gap, 1e-9, 1 - 1e-9))
    return (low, 1.0) if value == 1 else (0.0, 1 - low)


def bins(sets: Sequence[Scores], most: int = 28) -> NDArray[np.float64]:
    """Edges of a histogram for all sets together: the middle 96 % of the scores of each lie inside; the rest goes to the ends."""
    ends = [np.quantile(found, (0.02, 0.98)) for found in sets if len(found)]
    low, high = (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (-1.0, 2.0)
    low, high = min(low, -0.5), max(min(high, low + 30.0), 1.5)
    return np.linspace(float(low), float(high), most + 1)
