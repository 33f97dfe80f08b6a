"""The chart: ROC by group, and the scores of photographs, near and far images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from router.evaluation.detection.separation import roc
from router.evaluation.statistics import auroc
from training.codec.benchmark import svg
from training.detector.benchmark.data import FAR, NEAR, PHOTOGRAPH
from training.detector.benchmark.statistics import Scores

COLOURS = {PHOTOGRAPH: "#2a8fd0", NEAR: "#c08a00", FAR: "#e4572e"}
_LABELS = {PHOTOGRAPH: "photographs", NEAR: "near", FAR: "far"}


def draw(file: Path, groups: Mapping[str, Scores]) -> None:
    """Write `file` as SVG. `groups`: our scores by group; "photograph" is what the others are told from."""
    with svg.chart(file, columns=2, size=(9.0, 3.8)) as (left, right):
        _roc(left, groups)
        _histogram(right, {name: groups[name] for name in (PHOTOGRAPH, NEAR, FAR) if name in groups})


def _roc(axes: Axes, groups: Mapping[str, Scores]) -> None:
    inside = groups[PHOTOGRAPH]
    for name, outside in groups.items():
        if name == PHOTOGRAPH or not len(outside):
            continue
        label = f"{_LABELS.get(name, name)}: {auroc(inside, outside).value:.3f} ({len(outside)})"
        axes.plot(*np.array(roc(inside, outside)).T, color=COLOURS[name], linewidth=1.8, label=label)
    axes.plot([0, 1], [0, 1], color=svg.NEUTRAL, linewidth=0.8, linestyle=":")
    axes.axvline(0.05, color=svg.NEUTRAL, linewidth=0.8, linestyle="--")
    axes.set_xlabel("photographs rejected")
    axes.set_ylabel("others rejected")
    axes.set_title("AUROC over images (number)", fontsize=9, loc="left")
    axes.legend(loc="lower right", fontsize=8)


def _histogram(axes: Axes, groups: Mapping[str, Scores]) -> None:
    """Scores on a scale that is linear about 0 and logarithmic far out."""
    together = np.arcsinh(np.concatenate(list(groups.values())))
    edges = np.linspace(together.min(), together.max(), 41)
    for name, scores in groups.items():
        shares = np.full(len(scores), 1 / max(1, len(scores)))
        axes.hist(np.arcsinh(scores), bins=edges, weights=shares, color=COLOURS[name], alpha=0.55, label=_LABELS[name])
    ticks = np.array([-3, -1, 0, 1, 3, 10, 30, 100, 300, 1000])
    shown = ticks[(np.arcsinh(ticks) >= edges[0]) & (np.arcsinh(ticks) <= edges[-1])]
    axes.set_xticks(np.arcsinh(shown), [f"{tick:g}" for tick in shown])
    axes.set_xlabel("ood_score (1: 95th percentile of photographs)")
    axes.set_ylabel("share of the group")
    axes.legend(loc="upper right", fontsize=8)
