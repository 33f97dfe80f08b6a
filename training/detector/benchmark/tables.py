"""The table by domain, its means, and the comparison of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from router.evaluation.statistics import IntervalEstimate, auroc, share
from training.detector.benchmark.data import FAR, NEAR, SMALLEST_DOMAIN
from training.detector.benchmark.methods import OURS, Scored
from training.detector.benchmark.statistics import Scores, fpr95, mean_of

ALPHA = 0.05
_POOLED = "under"
Row = dict[str, Any]


def rows_of(domains: Scored, smallest: int = SMALLEST_DOMAIN) -> dict[str, tuple[str, list[int]]]:
    """Row name -> group and subjects.

    There is a row for each domain, one for all far and one for all near domains that have fewer images than `smallest`.
    """
    members: dict[str, list[int]] = {}
    for i, subject in enumerate(domains.subjects):
        members.setdefault(subject.picture.domain, []).append(i)
    rows: dict[str, tuple[str, list[int]]] = {}
    pooled: dict[str, list[str]] = {}
    for domain, rows_in in sorted(members.items()):
        group = domains.subjects[rows_in[0]].picture.group
        if len(rows_in) >= smallest:
            rows[domain] = (group, rows_in)
        else:
            pooled.setdefault(group, []).append(domain)
    for group, names in pooled.items():
        rows[f"{_POOLED} {smallest} images: {', '.join(names)}"] = (group, sorted(i for name in names for i in members[name]))
    return rows


def domain_table(method: str, photographs: Scored, domains: Scored, smallest: int = SMALLEST_DOMAIN) -> dict[str, Any]:
    """One method's figures by domain and their means over far and over near rows, as `IntervalEstimate`s.

    AUROC and FPR at 95 % TPR against the photographs; flagged is the share with p <= 0.05, the line that ships.
    """
    inside = photographs.scores[method]
    rows: dict[str, Row] = {}
    for key, (name, (group, members)) in enumerate(rows_of(domains, smallest).items(), start=1):
        pooled = name.startswith(_POOLED)
        rows[name] = {"group": group, "images": len(members), "pooled": pooled} | _figures(inside, domains, method, members, key)
    means = {}
    for group in (FAR, NEAR):
        of_group = [row for row in rows.values() if row["group"] == group]
        if of_group:
            means[group] = {
                "rows": len(of_group),
                "images": sum(row["images"] for row in of_group),
                "auroc": mean_of([row["auroc"] for row in of_group]),
                "fpr95": mean_of([row["fpr95"] for row in of_group]),
                "flagged": float(np.mean([row["flagged"].value for row in of_group])),
                "worst": min(
                    ((row["auroc"].value, name) for name, row in rows.items() if row["group"] == group and not row["pooled"]),
                    default=None,
                ),
            }
    return {"rows": rows, "means": means}


def comparison(tables: Mapping[str, Any]) -> list[Row]:
    """Means of every method and how far ours is ahead: the difference of the means with a paired bootstrap interval."""
    ours = tables[OURS]["means"]
    out: list[Row] = []
    for name, table in tables.items():
        row: Row = {"method": name}
        for group, means in table["means"].items():
            for figure in ("auroc", "fpr95"):
                row[f"{group}_{figure}"] = means[figure]
                row[f"{group}_{figure}_ours_minus_this"] = difference(ours[group][figure], means[figure])
        out.append(row)
    return out


def difference(a: IntervalEstimate, b: IntervalEstimate) -> IntervalEstimate:
    """The difference a - b, both over the same resamples."""
    assert a.draws is not None
    assert b.draws is not None
    low, high = np.quantile(a.draws - b.draws, [0.025, 0.975])
    assert a.value is not None
    assert b.value is not None
    return IntervalEstimate(a.value - b.value, float(low), float(high), a.images)


def goals(tables: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What the detector is asked to reach, and whether it does, judged by the figures alone, not by their intervals."""
    ours, out = tables[OURS]["means"], []
    for group, least in ((FAR, 0.99), (NEAR, 0.90)):
        if group not in ours:
            continue
        mean = ours[group]["auroc"].value
        out.append((f"{group}: mean AUROC {mean:.3f}, at least {least:.2f}", mean >= least))
        if group == FAR:
            if ours[FAR]["worst"] is not None:
                worst, name = ours[FAR]["worst"]
                out.append((f"far: lowest AUROC {worst:.3f} ({name}), at least 0.95", worst >= 0.95))
            accepted = ours[FAR]["fpr95"].value
            out.append((f"far: mean FPR at 95 % TPR {accepted:.3f}, at most 0.03", accepted <= 0.03))
        rivals = {name: table["means"][group]["auroc"].value for name, table in tables.items() if name != OURS}
        if rivals:
            best = max(rivals, key=lambda name: rivals[name])
            out.append((f"{group}: ahead of every rival, the best being {best} at {rivals[best]:.3f}", mean > rivals[best]))
    return out


def _figures(inside: Scores, domains: Scored, method: str, members: Sequence[int], key: int) -> Row:
    outside = domains.scores[method][members]
    return {
        "auroc": auroc(inside, outside, key),
        "fpr95": fpr95(inside, outside, key),
        "flagged": share(domains.p_values[method][members] <= ALPHA),
    }
