"""An `OodReport` in a notebook: the score among those of the calibration photographs, and the heat map over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from router.display import fragment as f
from router.display.inline_images import picture, png
from router.display.svg import AxisScale, plain, tag
from router.display.words import number

if TYPE_CHECKING:
    from router.detector.report import OodReport

_BINS = 30
_LOW, _HIGH = -2.5, 4.0
"""Scores that the histogram shows at least; calibration photographs have a median of 0 and a 95th percentile of 1."""


def html(report: OodReport) -> Markup:
    """The whole output."""
    told = [
        f.head(f"{f.p_text(report.p_value, report.in_distribution)}"),
        *([] if report.calibration is None else [_distribution(report, report.calibration)]),
        f.facts(
            [
                ("score", f"{number(report.ood_score, 2)} (photographs: median 0, 95th percentile 1)"),
                ("p-value", f.p_strip(report.p_value, report.alpha) if report.calibration is None else _share(report)),
                ("compared with", report.stratum),
                ("detector", report.detector_id),
            ]
        ),
    ]
    seen = overlay(report)
    caption = "In colour: places further out than 95 % of the tiles of photographs"
    return f.fragment(told, [] if seen is None else [f.shot(picture(seen, "heat map over the picture"), caption=caption)])


def png_picture(report: OodReport) -> bytes | None:
    """The heat map over the picture; None without one."""
    seen = overlay(report)
    return None if seen is None else png(seen)


def overlay(report: OodReport) -> NDArray[np.uint8] | None:
    """(h, w, 3): the heat map over the thumbnail that the report holds; None without either."""
    from router.display.heat_map import heated

    if report.heatmap is None or report.tile_size is None or report.thumbnail is None or report.thumbnail_scale is None:
        return None
    return heated(report.thumbnail, report.heatmap, report.tile_size * report.thumbnail_scale)


def _share(report: OodReport) -> str:
    count = 0 if report.calibration is None else len(report.calibration)
    return (
        f"{number(report.p_value, 3)}: the share of {count} calibration photographs, and this image with them, that lies at "
        f"least so far out; {number(report.alpha, 2)} or less is out of distribution"
    )


def _distribution(report: OodReport, scores: NDArray[np.float64]) -> Markup:
    """A histogram of the calibration scores, those beyond the line in another colour, and where the image is."""
    width, height, left, right, top, bottom = 330, 120, 8, 8, 18, 30
    x = AxisScale(min(_LOW, float(scores.min())), max(_HIGH, float(scores.max())), left, width - right)
    counts, edges = np.histogram(scores, np.linspace(x.low, x.high, _BINS + 1))
    y = AxisScale(0.0, float(max(counts.max(), 1)), height - bottom, top)
    rank = int(report.alpha * (len(scores) + 1) + 1e-9)
    line = float(np.sort(scores)[-rank]) if rank else x.high
    parts = []
    for count, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
        if count:
            kind = "bar out" if a >= line else "bar"
            up = y(float(count))
            parts.append(tag("rect", x=x(a) + 0.5, y=up, width=x(b) - x(a) - 1, height=y(0.0) - up, class_=kind))
    parts.append(tag("line", x1=left, x2=width - right, y1=y(0.0), y2=y(0.0), class_="axis"))
    for value in x.ticks(6):
        parts.append(tag("text", plain(value), x=x(value), y=height - 16, class_="middle"))
    parts.append(tag("text", "score of calibration photographs", x=width / 2, y=height - 3, class_="middle"))
    here, beyond = x(report.ood_score), not x.low <= report.ood_score <= x.high
    parts.append(tag("line", x1=here, x2=here, y1=top, y2=y(0.0), class_="here"))
    side = "end" if here > width / 2 else None
    told = f"this image{f': {number(report.ood_score, 1)}, off the scale' if beyond else ''}"
    parts.append(tag("text", told, x=here - 4 if side else here + 4, y=top - 5, class_=side))
    label = f"{len(scores)} calibration scores; this image has {number(report.ood_score, 2)}"
    return tag("svg", *parts, viewBox=f"0 0 {width} {height}", width=width, height=height, role="img", aria_label=label)
