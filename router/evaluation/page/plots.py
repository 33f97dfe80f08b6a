"""The kinds of figure: a dot with its interval, rate-distortion curves, a ROC, a histogram. SVG without colours of its own.

Every element has a class; the page's style sheet gives it a colour in light, dark and print. Codecs differ by dash and marker
too, not by colour alone, and curves carry their names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from router.display.svg import AxisScale, joined, mark, path, plain, tag
from router.evaluation.statistics import IntervalEstimate

CELL_WIDTH, CELL_HEIGHT = 190, 20
_LABEL = 12.0  # px between labels at the right of a panel


def interval_scale(estimates: Sequence[IntervalEstimate], *, log: bool, within: tuple[float, float]) -> AxisScale:
    """One scale for a column of `interval_cell`."""
    values = [v for e in estimates for v in (e.value, e.low, e.high)]
    return AxisScale.over(values, 6, CELL_WIDTH - 6, log=log, within=within)


def interval_cell(estimate: IntervalEstimate, scale: AxisScale, tip: str, kind: str, reference: float | None = None) -> Markup:
    """A dot with its interval, for a cell of a table; `kind` is a class. Without a value, the reference line alone."""
    middle = CELL_HEIGHT / 2
    parts = []
    if reference is not None and scale.low <= reference <= scale.high:
        parts.append(tag("line", x1=scale(reference), x2=scale(reference), y1=0, y2=CELL_HEIGHT, class_="reference"))
    if _known(estimate.value) is not None:
        shape = []
        if _known(estimate.low) is not None and _known(estimate.high) is not None:
            x1, x2 = scale(float(estimate.low or 0)), scale(float(estimate.high or 0))
            shape.append(tag("line", x1=x1, x2=x2, y1=middle, y2=middle, class_="whisker"))
        shape.append(tag("circle", cx=scale(float(estimate.value or 0)), cy=middle, r=3.5, class_="dot"))
        parts.append(mark(tip, *shape, class_=f"mark {kind}"))
    return _figure(CELL_WIDTH, CELL_HEIGHT, tip, parts, "cell")


def interval_axis(scale: AxisScale, unit: str) -> Markup:
    """The axis above a column of `interval_cell`."""
    parts = []
    for value in scale.ticks(5):
        parts.append(tag("line", x1=scale(value), x2=scale(value), y1=15, y2=20, class_="axis"))
        parts.append(tag("text", plain(value), x=scale(value), y=12, class_="tick middle"))
    parts.append(tag("line", x1=scale.start, x2=scale.end, y1=20, y2=20, class_="axis"))
    return _figure(CELL_WIDTH, 20, f"axis: {unit}", parts, "cell")


@dataclass(frozen=True)
class PlotLine:
    """One codec in a panel: `points` and the emphasised `stops`, each (x, y) with y rising; `tips` beside `stops`."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]
    stops: Sequence[tuple[float, float]]
    tips: Sequence[str]


def curves_panel(
    title: str,
    lines: Sequence[PlotLine],
    x_title: str,
    y_title: str,
    heights: tuple[float, float] | None,
    targets: Sequence[float],
) -> Markup:
    """Quality over bits per pixel on a logarithmic axis, names at the curves' ends; `heights`: range of the quality axis."""
    width, height, left, right, top, bottom = 350, 250, 40, 58, 8, 38
    inside = [(x, y) for line in lines for x, y in line.points if heights is None or heights[0] <= y <= heights[1]]
    if not inside:
        return Markup("")
    x = AxisScale.over([p[0] for p in inside], left, width - right, log=True)
    y = AxisScale.over([p[1] for p in inside], height - bottom, top, within=heights)
    parts = [*_axes(x, y, x_title, y_title, width, height, left, right, top, bottom)]
    parts += [tag("line", x1=left, x2=width - right, y1=y(t), y2=y(t), class_="target") for t in targets if y.low <= t <= y.high]
    ends = []
    for line in lines:
        shown = _clipped([(px, py) for px, py in line.points], y)
        if not shown:
            continue
        drawn = [(x(px), y(py)) for px, py in shown]
        stops = [s for s in zip(line.stops, line.tips, strict=True) if y.low <= s[0][1] <= y.high]
        marks = [mark(tip, _symbol(line.kind, x(px), y(py)), class_="mark") for (px, py), tip in stops]
        parts.append(tag("g", path(drawn, class_="curve"), *marks, class_=f"codec {line.kind}"))
        ends.append((drawn[-1], line))
    for (px, py), label_y, line in _apart(ends, top, height - bottom):
        column = width - right + 8
        leader = path([(px + 3, py), (column - 3, label_y)], class_="leader")
        parts.append(tag("g", leader, tag("text", line.name, x=column, y=label_y + 3.5, class_="name"), class_=line.kind))
    return _figure(width, height, f"{title}: {y_title} over {x_title}", parts, "panel")


def roc_panel(title: str, corners: Sequence[tuple[float, float]], value: str, tip: str) -> Markup:
    """Share of a domain that is turned away over the share of natural images that is; the line at 5 %; `value` is written in."""
    width, height, left, right, top, bottom = 208, 190, 44, 8, 6, 36
    x, y = AxisScale(0, 1, left, width - right), AxisScale(0, 1, height - bottom, top)
    parts = [
        tag("line", x1=x(0), y1=y(0), x2=x(1), y2=y(1), class_="chance"),
        tag("line", x1=x(0.05), x2=x(0.05), y1=y(0), y2=y(1), class_="reference"),
    ]
    shares = (0.0, 0.5, 1.0)
    axes = _axes(x, y, "natural turned away", "domain turned away", width, height, left, right, top, bottom, (shares, shares))
    steps: list[tuple[float, float]] = []
    for a, b in corners:
        if steps:
            steps.append((x(a), steps[-1][1]) if y(b) == steps[-1][1] else (steps[-1][0], y(b)))
        steps.append((x(a), y(b)))
    label = tag("text", value, x=x(0.96), y=y(0.08), class_="end value")
    parts = [*axes, *parts, mark(tip, path(steps, class_="roc")), label]
    return _figure(width, height, f"{title}: ROC. {tip}", parts, "panel")


def histogram_panel(title: str, natural: NDArray[np.float64], scores: NDArray[np.float64], edges: NDArray[np.float64]) -> Markup:
    """Shares of a domain's images by score as bars, of the natural images as an outline; one tick an image below the bars."""
    width, height, left, right, top, bottom = 338, 190, 46, 8, 6, 36
    shares = [_shares(found, edges) for found in (natural, scores)]
    highest = max([float(s.max()) for s in shares if len(s)] + [0.05])
    x, y = AxisScale(float(edges[0]), float(edges[-1]), left, width - right), AxisScale(0, 1.05 * highest, height - bottom, top)
    parts = [*_axes(x, y, "OOD score", "share of images", width, height, left, right, top, bottom)]
    for share, a, b in zip(shares[1], edges[:-1], edges[1:], strict=True):
        if share > 0:
            count = round(float(share) * len(scores))
            bar = tag("rect", x=x(a) + 0.5, width=max(1.0, x(b) - x(a) - 1), y=y(share), height=y(0) - y(share), class_="bar")
            parts.append(mark(f"{count} of {len(scores)} images, score {a:.2f} to {b:.2f}", bar))
    if len(natural):
        outline = [(x(edges[0]), y(0))]
        for share, a, b in zip(shares[0], edges[:-1], edges[1:], strict=True):
            outline += [(x(a), y(share)), (x(b), y(share))]
        parts.append(path([*outline, (x(edges[-1]), y(0))], class_="outline"))
    if x.low < 1 < x.high:
        parts.append(tag("line", x1=x(1), x2=x(1), y1=y(0), y2=y.end, class_="reference"))
    return _figure(width, height, f"{title}: histogram of the detector's scores, {len(scores)} images", parts, "panel")


def _shares(scores: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the scores in each bin; what lies outside is counted in the first and the last."""
    if not len(scores):
        return np.zeros(len(edges) - 1)
    found, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
    return np.asarray(found / len(scores))


def _axes(
    x: AxisScale,
    y: AxisScale,
    x_title: str,
    y_title: str,
    width: int,
    height: int,
    left: int,
    right: int,
    top: int,
    bottom: int,
    ticks: tuple[Sequence[float], Sequence[float]] | None = None,
) -> list[Markup]:
    across, up = ticks or (x.ticks(6), y.ticks(5))
    base = height - bottom
    parts = [tag("line", x1=left, x2=width - right, y1=y(value), y2=y(value), class_="grid") for value in up]
    parts += [tag("text", plain(value), x=left - 5, y=y(value) + 3.5, class_="tick end") for value in up]
    for value in across:
        parts.append(tag("line", x1=x(value), x2=x(value), y1=base, y2=base + 4, class_="axis"))
        parts.append(tag("text", plain(value), x=x(value), y=base + 15, class_="tick middle"))
    parts.append(tag("line", x1=left, x2=width - right, y1=base, y2=base, class_="axis"))
    parts.append(tag("text", x_title, x=(left + width - right) / 2, y=height - 6, class_="title middle"))
    middle = (top + base) / 2
    parts.append(tag("text", y_title, x=10, y=middle, transform=f"rotate(-90 10 {middle:g})", class_="title middle"))
    return parts


def _clipped(points: Sequence[tuple[float, float]], y: AxisScale) -> list[tuple[float, float]]:
    """The part of a rising curve inside the axis, with its ends interpolated there (the rate by its logarithm)."""
    xs, ys = np.log([p[0] for p in points]), np.array([p[1] for p in points])
    if not len(ys) or ys[-1] < y.low or ys[0] > y.high:
        return []
    low, high = max(y.low, float(ys[0])), min(y.high, float(ys[-1]))
    wanted = [low, *(float(v) for v in ys if low < v < high), *([high] if high > low else [])]
    return [(math.exp(float(np.interp(v, ys, xs))), v) for v in wanted]


def _apart(
    ends: Sequence[tuple[tuple[float, float], PlotLine]], low: float, high: float
) -> list[tuple[tuple[float, float], float, PlotLine]]:
    """Labels pushed apart, downwards from the highest and back from the bottom."""
    ordered = sorted(ends, key=lambda end: (end[0][1], end[0][0]))
    places: list[float] = []
    for (_, y), _ in ordered:
        places.append(max(y, places[-1] + _LABEL if places else low + 4))
    for i in range(len(places) - 1, -1, -1):
        most = high - 4 if i == len(places) - 1 else places[i + 1] - _LABEL
        places[i] = min(places[i], most)
    return [(end, place, line) for (end, line), place in zip(ordered, places, strict=True)]


def _symbol(kind: str, x: float, y: float) -> Markup:
    shapes: Mapping[str, Markup] = {
        "k-ncr": path([(x - 4, y), (x, y - 4), (x + 4, y), (x, y + 4), (x - 4, y)], class_="dot"),
        "k-avif": tag("rect", x=x - 3, y=y - 3, width=6, height=6, class_="dot"),
        "k-jxl": path([(x - 3.6, y + 3), (x, y - 3.6), (x + 3.6, y + 3), (x - 3.6, y + 3)], class_="dot"),
        "k-webp": path([(x - 3.6, y - 3), (x, y + 3.6), (x + 3.6, y - 3), (x - 3.6, y - 3)], class_="dot"),
    }
    return shapes.get(kind, tag("circle", cx=x, cy=y, r=3.2, class_="dot"))


def swatch(kind: str) -> Markup:
    """A codec's line and marker, for the key."""
    parts = [tag("g", path([(2, 7), (30, 7)], class_="curve"), _symbol(kind, 16, 7), class_=f"codec {kind}")]
    return Markup('<svg viewBox="0 0 32 14" width="32" height="14" aria-hidden="true">{}</svg>').format(joined(parts))


def _figure(width: int, height: int, label: str, parts: Sequence[Markup], kind: str) -> Markup:
    attributes = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria_label": label, "class_": f"chart {kind}"}
    size = {"width": width, "height": height} if kind == "cell" else {}
    return tag("svg", *parts, **attributes, **size)


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
