"""Rate-distortion charts: mean curves of a set, one SVG for each metric.

Rates are on a logarithmic axis, so that an equal distance is an equal share of bytes. Published codecs are drawn on sets whose
name has "kodak" in it; their MS-SSIM is that of models trained for MSE unless it says otherwise. Their rates leave out file
headers, ours do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from router.evaluation.comparison.bd_rate import Points, envelope
from router.evaluation.comparison.curves import scaled
from training.codec.benchmark import svg
from training.codec.benchmark.baselines import FAMILIES, LABELS
from training.codec.benchmark.metrics import BUTTERAUGLI, METRICS
from training.codec.benchmark.report import PUBLISHED_METRICS, mean_curve, published_curve

_TITLES = {
    "ssimulacra2": "SSIMULACRA2",
    "ms_ssim": "MS-SSIM, dB",
    "psnr": "PSNR of RGB, dB",
    "butteraugli": "Butteraugli, maximum (less is better)",
    "butteraugli_3norm": "Butteraugli, 3-norm (less is better)",
}
_MODEL_COLOURS = ("#e4572e", "#7b5cd6", "#d1398f", "#2aa198")
_RIVAL_COLOURS = {"avif": "#2a8fd0", "jxl": "#c08a00", "webp": "#2a9d63", "jpeg": "#8a8f98"}
_BPP_TICKS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7)
_DISTANCE_TICKS = (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30)


@dataclass(frozen=True)
class _Published:
    codec: str
    """Key in the file of published curves."""
    label: str
    colour: str
    dashes: tuple[float, ...]
    metrics: tuple[str, ...] = ("psnr", "ms_ssim")


_PUBLISHED = (
    _Published("vtm", "VTM (VVC)", "#a0622d", (1, 1)),
    _Published("bpg", "BPG (HEVC)", "#8c7ae6", (1, 1)),
    _Published("bmshj2018-hyperprior_mse", "bmshj2018-hyperprior", "#d16ba5", (4, 1.5)),
    _Published("mbt2018-mean_mse", "mbt2018-mean", "#4f9a9a", (4, 1.5)),
    _Published("cheng2020-attn_mse", "cheng2020-attn", "#8a8a20", (4, 1.5)),
    _Published("cheng2020-attn_ms-ssim", "cheng2020-attn, MS-SSIM", "#8a8a20", (4, 1, 1, 1), ("ms_ssim",)),
)
PUBLISHED = tuple(p.codec for p in _PUBLISHED)
"""Codecs taken from a file of published curves, where it has them."""


def draw(sets: Mapping[str, Any], models: Sequence[str], folder: Path, published: Mapping[str, Any]) -> Iterator[Path]:
    """Write `folder`/rd-SET-METRIC.svg for every set and metric of `report.compare`'s results; yields the files."""
    for name, result in sets.items():
        for metric in METRICS:
            if any(metric in curve for curve in result["curves"].values()):
                file = folder / f"rd-{name}-{metric}.svg"
                with svg.chart(file) as (axes,):
                    axes.set_title(f"{name}: mean of {len(result['images'])} images", fontsize=9, loc="left")
                    _draw(axes, metric, result["curves"], models, published if "kodak" in name else {})
                yield file


def _draw(axes: Axes, metric: str, curves: Mapping[str, Any], models: Sequence[str], published: Mapping[str, Any]) -> None:
    ours = {model: envelope([mean_curve(curves[model], metric)]) for model in models if model in curves}
    for (model, points), colour in zip(ours.items(), _MODEL_COLOURS * len(ours), strict=False):
        axes.plot(*points.T, color=colour, linewidth=2.2, marker="o", markersize=3.5, label=model, zorder=3)
    shown = list(ours.values())
    for family, parts in FAMILIES.items():
        if all(part in curves for part in parts):
            points = envelope([mean_curve(curves[part], metric) for part in parts])
            axes.plot(*points.T, color=_RIVAL_COLOURS[family], linewidth=1.5, label=LABELS[family], zorder=2)
            shown.append(points)
    for codec in _PUBLISHED:
        if codec.codec in published and metric in codec.metrics and PUBLISHED_METRICS[metric] in published[codec.codec]:
            points = envelope([published_curve(published[codec.codec], metric)])
            axes.plot(*points.T, color=codec.colour, linewidth=1.2, dashes=codec.dashes, label=codec.label, zorder=1)
    _axes(axes, metric, list(ours.values()) or shown)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, handlelength=2.6)


def _axes(axes: Axes, metric: str, curves: Sequence[Points]) -> None:
    """The window is that of `curves`, with a margin."""
    points = np.concatenate(list(curves))
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.06 * (high[1] - low[1])
    axes.set_xscale("log")
    axes.set_xlim(low[0] / 1.15, high[0] * 1.25)
    axes.set_ylim(low[1] - margin, high[1] + 1.5 * margin)
    axes.xaxis.set_major_locator(FixedLocator(_BPP_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(_TITLES[metric])
    if metric in BUTTERAUGLI:
        ticks = scaled(METRICS[metric].value, np.array(_DISTANCE_TICKS))
        axes.yaxis.set_major_locator(FixedLocator(ticks.tolist()))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{10 ** (-value / 10):.2g}"))
