"""From points to figures: mean curves, BD-rates against every rival, each model's range and whether it rises; and a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from router.evaluation.comparison.bd_rate import bd_rate, envelope, overlap
from router.evaluation.comparison.curves import RateCurve
from router.evaluation.statistics import mean
from training.codec.benchmark.baselines import ANCHORS
from training.codec.benchmark.metrics import METRICS
from training.codec.benchmark.points import BenchmarkPoint

ByImage = Mapping[str, list[BenchmarkPoint]]
PUBLISHED_METRICS = {"psnr": "psnr", "ms_ssim": "ms-ssim"}
_NAMED = 10


def by_codec(points: Iterable[BenchmarkPoint]) -> dict[str, dict[str, list[BenchmarkPoint]]]:
    """Points of one set as codec, image, points in order of the setting."""
    found: dict[str, dict[str, list[BenchmarkPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in sorted(points, key=lambda p: (p.image, p.setting)):
        found[point.codec][point.image].append(point)
    return found


def curve_of(points: Sequence[BenchmarkPoint], metric: str) -> RateCurve:
    """The curve through an image's points of one codec."""
    return RateCurve.through(METRICS[metric].value, [p.bytes for p in points], [p.values[metric] for p in points])


def compare(points: Sequence[BenchmarkPoint], models: Sequence[str]) -> dict[str, Any]:
    """All figures of one set, JSON-able: `curves` (means over images by setting) and, by model, range, rising, BD-rates.

    BD-rates in per cent of the rival's bytes, negative where the model needs fewer; against an envelope where a rival has
    several curves. `of_mean_curves` is the BD-rate of the mean curves, as papers state it; `mean` that of the images'.
    """
    curves = by_codec(points)
    metrics = [name for name in METRICS if points and name in points[0].values]
    means = {codec: _mean_curve(images, metrics) for codec, images in curves.items()}
    anchors = {name: parts for name, parts in ANCHORS.items() if all(part in curves for part in parts)}
    return {
        "images": sorted({p.image for p in points}),
        "curves": means,
        "models": {
            model: {
                "lowest": {name: values[0] for name, values in means[model].items()},
                "top": {name: values[-1] for name, values in means[model].items()},
                "not_rising": _not_rising(curves[model], metrics),
                "bd_rate": {
                    anchor: {metric: _bd_rates(curves, means, model, parts, metric) for metric in metrics}
                    for anchor, parts in anchors.items()
                },
            }
            for model in models
            if model in curves
        },
    }


def against_published(result: dict[str, Any], published: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float | None]]]:
    """BD-rate of the mean curves of each model against published mean curves, by model, codec, metric (PSNR, MS-SSIM)."""
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for model in result["models"]:
        found[model] = {}
        for codec, curves in published.items():
            rates = {
                metric: _finite(
                    bd_rate(envelope([published_curve(curves, metric)]), envelope([mean_curve(result["curves"][model], metric)]))
                )
                for metric, name in PUBLISHED_METRICS.items()
                if name in curves
            }
            if rates:
                found[model][codec] = rates
    return found


def published_curve(curves: Mapping[str, Any], metric: str) -> RateCurve:
    """A published mean curve over bits per pixel."""
    return RateCurve.through(METRICS[metric].value, *np.array(curves[PUBLISHED_METRICS[metric]], float).T)


def mean_curve(means: Mapping[str, Any], metric: str) -> RateCurve:
    """One of `compare`'s mean curves over bits per pixel."""
    return RateCurve.through(METRICS[metric].value, np.array(means["bpp"]), np.array(means[metric]))


def table(name: str, result: dict[str, Any]) -> str:
    """The figures of one set as text."""
    lines = [f"{name}: {len(result['images'])} images"]
    lines += [f"  passed over: {image}: {why}" for image, why in result.get("refused", {}).items()]
    for model, figures in result["models"].items():
        low, top = figures["lowest"], figures["top"]
        scores = f"SSIMULACRA2 {low['ssimulacra2']:.1f} to {top['ssimulacra2']:.1f}"
        lines.append(f"  {model}: {low['bpp']:.3f} to {top['bpp']:.3f} bpp, {scores}")
        for quantity, offenders in figures["not_rising"].items():
            named = ", ".join(f"{o['image']} {o['from']}>{o['to']}" for o in offenders[:_NAMED])
            more = f" and {len(offenders) - _NAMED} more" if len(offenders) > _NAMED else ""
            lines.append(f"    {quantity} does not rise with the rate index: {named}{more}")
        if not figures["not_rising"]:
            lines.append("    bytes and every metric rise strictly with the rate index on every image")
        rows = list(figures["bd_rate"].items())
        if rows:
            lines.append("    BD-rate in %, mean over images [95 % interval]; n: images with a common quality range, if not all")
            lines.append(f"    {'against':10s}" + "".join(f"{metric:>30s}" for metric in rows[0][1]))
        lines += [f"    {anchor:10s}" + "".join(f"{_cell(s):>30s}" for s in by_metric.values()) for anchor, by_metric in rows]
        for codec, rates in figures.get("published", {}).items():
            lines.append(f"    mean curve against published {codec}: " + ", ".join(f"{m} {_signed(v)}" for m, v in rates.items()))
    return "\n".join(lines)


def _mean_curve(images: ByImage, metrics: Sequence[str]) -> dict[str, list[float]]:
    rows = [
        [[float(p.setting), p.bpp, float(p.bytes), *(p.values[name] for name in metrics)] for p in points]
        for points in images.values()
    ]
    columns = np.mean(rows, axis=0).T
    return {name: values.tolist() for name, values in zip(("setting", "bpp", "bytes", *metrics), columns, strict=True)}


def _bd_rates(
    curves: Mapping[str, ByImage], means: Mapping[str, Any], model: str, parts: Sequence[str], metric: str
) -> dict[str, Any]:
    rates, shares = {}, []
    for image, points in curves[model].items():
        ours = envelope([curve_of(points, metric)])
        theirs = envelope([curve_of(curves[part][image], metric) for part in parts])
        rates[image] = bd_rate(theirs, ours)
        shares.append(overlap(theirs, ours))
    of_means = bd_rate(
        envelope([mean_curve(means[part], metric) for part in parts]), envelope([mean_curve(means[model], metric)])
    )
    return summary(rates) | {"of_mean_curves": _finite(of_means), "overlap": float(np.mean(shares))}


def summary(per_image: Mapping[str, float]) -> dict[str, Any]:
    """Mean over the images that have a common range, with its interval.

    Keys: mean, low, high (None under two images), median, images (with a range), no_overlap (without), per_image (None without).
    """
    rates = np.array(list(per_image.values()))
    found = mean(rates)
    return {
        "mean": found.value,
        "low": found.low,
        "high": found.high,
        "median": float(np.nanmedian(rates)) if found.images else None,
        "images": found.images,
        "no_overlap": len(rates) - found.images,
        "per_image": {image: _finite(float(rate)) for image, rate in per_image.items()},
    }


def _not_rising(images: ByImage, metrics: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Steps of the rate index where bytes or a metric (on its rising scale) do not rise, by quantity."""
    found: dict[str, list[dict[str, Any]]] = {}
    for quantity in ("bytes", *metrics):
        for image, points in images.items():
            for a, b in pairwise(points):
                x, y = (p.bytes if quantity == "bytes" else p.values[quantity] for p in (a, b))
                if (y >= x) if quantity.startswith("butteraugli") else (y <= x):
                    found.setdefault(quantity, []).append({"image": image, "from": a.setting, "to": b.setting, "values": [x, y]})
    return found


def _cell(s: Mapping[str, Any]) -> str:
    if s["mean"] is None:
        return "no overlap"
    interval = f" [{s['low']:+.1f}, {s['high']:+.1f}]" if s["low"] is not None else ""
    return f"{s['mean']:+.1f}{interval}" + (f" n={s['images']}" if s["no_overlap"] else "")


def _signed(value: float | None) -> str:
    return "no overlap" if value is None else f"{value:+.1f} %"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
