"""How well the detector tells each domain from the ones that count as natural: ROC, AUROC, what passes at 95 % TPR.

Higher scores are further out. "TPR" is the share of natural images that are accepted, as in the literature on the subject, so
that "FPR at 95 % TPR" is the share of a domain's images that are accepted at the line which accepts 95 % of the natural ones.
The ROC is drawn by what a person asks: of the domain's images, how many are turned away, at which price in natural ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.evaluation.statistics import IntervalEstimate, accepting_line, auroc, share

if TYPE_CHECKING:
    import pandas as pd

FEW = 12
"""Domains of fewer images are also pooled: their own intervals are wide."""
FLAGGED = 0.05

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """One domain, or several together.

    Attributes:
        scores: of its images, finite.
        roc: (share of natural images turned away, share of these turned away), from (0, 0) to (1, 1).
        auroc, fpr95: with intervals; see `statistics.auroc` and `fpr_at_95`.
        flagged: share with a p-value of at most 0.05, Wilson's interval.
    """

    name: str
    scores: Scores
    roc: list[tuple[float, float]]
    auroc: IntervalEstimate
    fpr95: IntervalEstimate
    flagged: IntervalEstimate


@dataclass(frozen=True)
class Detections:
    """`natural`: scores of the natural images; `natural_flagged` among them. `domains`: the others, and the small ones pooled.

    `ids`: of the detectors that scored; `wanted`: names of the domains that were to count as natural, found or not.
    """

    ids: list[str]
    wanted: list[str]
    natural_domains: list[str]
    natural: Scores
    natural_flagged: IntervalEstimate
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
    """The figures as JSON-able values.

    They are `detectors`, `natural` (domains, images, share flagged), and by domain `images`, `auroc`, `fpr_at_95_tpr`,
    `flagged` with their intervals, see `statistics.IntervalEstimate`.
    """
    return {
        "detectors": found.ids,
        "natural": {"domains": found.natural_domains, "images": len(found.natural), "flagged": found.natural_flagged.to_dict()},
        "domains": {
            one.name: {"images": len(one.scores), "auroc": one.auroc.to_dict(), "fpr_at_95_tpr": one.fpr95.to_dict()}
            | {"flagged": one.flagged.to_dict()}
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


def fpr_at_95(natural: Scores, outside: Scores) -> IntervalEstimate:
    """Share of `outside` accepted at the line which accepts 95 % of the natural images; Wilson's interval, for a fixed line."""
    if not len(natural) or not len(outside):
        return IntervalEstimate(None, None, None, len(outside))
    return share(outside <= accepting_line(natural))


def _flagged(rows: pd.DataFrame) -> IntervalEstimate:
    return share(rows["p_value"].to_numpy(float) <= FLAGGED)


def bins(sets: Sequence[Scores], most: int = 28) -> NDArray[np.float64]:
    """Edges of a histogram for all sets together: the middle 96 % of the scores of each lie inside; the rest goes to the ends."""
    ends = [np.quantile(found, (0.02, 0.98)) for found in sets if len(found)]
    low, high = (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (-1.0, 2.0)
    low, high = min(low, -0.5), max(min(high, low + 30.0), 1.5)
    return np.linspace(float(low), float(high), most + 1)
