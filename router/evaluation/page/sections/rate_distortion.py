"""Curves by domain and codec, and the tables of BD-rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from router.evaluation.comparison.bd_rate import METRICS
from router.evaluation.comparison.matched import POOLED
from router.evaluation.measure.variants import BETTER_AVIF
from router.evaluation.page import plots, words
from router.evaluation.page.mean_curves import mean_curves
from router.evaluation.page.sections.names import METRIC_NAMES, NAMES, Context, label, tinted
from router.evaluation.statistics import IntervalEstimate

if TYPE_CHECKING:
    import pandas as pd


def panels_and_rates(points: pd.DataFrame, rates: Mapping[str, Any], targets: Sequence[float]) -> list[Context]:
    """One a metric: panels by domain, and the table of BD-rates (`rates`: see `bd_rate.by_domain`)."""
    if not len(points):
        return []
    return [
        {
            "metric": metric,
            "name": METRIC_NAMES[metric],
            "panels": _panels(points, metric, targets),
            "table": _bd_table(rates[metric], rates["anchor"]),
        }
        for metric in METRICS
    ]


def _panels(points: pd.DataFrame, metric: str, targets: Sequence[float]) -> list[Context]:
    panels = []
    for found in mean_curves(points, metric, targets):
        heights = (max(0.0, min(targets) - 12), min(100.0, max(targets) + 8)) if metric == "ssimulacra2" else None
        lines = [_line(curve.family, curve.points, curve.at_targets, found.used, metric) for curve in found.curves]
        title = label(found.domain)
        svg = plots.curves_panel(title, lines, "bits per pixel", METRIC_NAMES[metric], heights, targets if heights else ())
        note = words.counted(found.used, "image") if found.used == found.images else f"{found.used} of {found.images} images"
        left_out = ", ".join(NAMES.get(name, name) for name in found.left_out)
        panels.append({"title": title, "svg": svg, "note": note, "left_out": left_out})
    return panels


def _line(
    family: str, points: Sequence[tuple[float, float]], at: Sequence[tuple[float, float]], images: int, metric: str
) -> plots.PlotLine:
    name = NAMES.get(family, family)
    stops = list(at) if metric == "ssimulacra2" else [points[i] for i in range(0, len(points), 6)]
    unit = METRIC_NAMES[metric].partition(",")[0]
    after = " dB" if metric == "ms_ssim" else ""
    tips = [
        f"{name}: {words.number(rate, 3)} bits per pixel at {unit} {value:.3g}{after}, {words.counted(images, 'image')}"
        for rate, value in stops
    ]
    return plots.PlotLine(name, f"k-{family}", points, stops, tips)


def _bd_table(rates: Mapping[str, Any], anchor: str) -> Context | None:
    found = {family for part in rates.values() for family in part["families"]}
    families = [name for name in NAMES if name in found]
    if not families:
        return None
    rows = []
    for domain, part in rates.items():
        cells = []
        for family in families:
            estimate = IntervalEstimate(**part["families"][family])
            ratio = None if estimate.value is None else 1 + estimate.value / 100
            cells.append({"estimate": estimate, "missing": part["images"] - estimate.images} | tinted(ratio))
        rows.append({"name": label(domain), "pooled": domain == POOLED, "images": part["images"], "cells": cells})
    return {"anchor": NAMES.get(anchor, anchor), "families": [NAMES[name] for name in families], "rows": rows}


def codec_key(points: pd.DataFrame) -> list[Context]:
    """The key of the rate-distortion panels."""
    present = set(points["family"])
    shown = [name for name in NAMES if name in present - set(BETTER_AVIF) or (name == "avif" and present & set(BETTER_AVIF))]
    return [{"name": NAMES[name], "swatch": plots.swatch(f"k-{name}")} for name in shown]
