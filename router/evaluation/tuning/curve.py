"""The trade-off: bytes against harm, of every setting that was tried."""

from __future__ import annotations

import io
import math
from importlib.util import find_spec

from router.evaluation.tuning import bounds
from router.evaluation.tuning.choose import Tuned

COLUMNS = ("alpha", "guard_quantile", "gain", "bytes", "against_avif", "images", "neural", "harmed", "share")
COLUMNS_OF_CLAIM = ("upper_limit", "certified", "chosen", "on_the_curve")


def rows(tuned: Tuned) -> list[dict[str, object]]:
    """One a setting.

    `share` and `upper_limit` (of one count, at the level that settings were tested at) are of what is bounded; `gain` is
    empty where there is no condition; `on_the_curve`: none has fewer bytes and no larger share.
    """
    found: list[dict[str, object]] = []
    shares = [o.harmed / max(o.trials(tuned.goal.rate), 1) for o in tuned.outcomes]
    for o, share, holds in zip(tuned.outcomes, shares, tuned.certified, strict=True):
        beaten = any(
            (p.bytes <= o.bytes and s < share) or (p.bytes < o.bytes and s <= share)
            for p, s in zip(tuned.outcomes, shares, strict=True)
        )
        values = (
            *(o.setting.alpha, o.setting.quantile, "" if o.setting.gain == -math.inf else o.setting.gain),
            round(o.bytes),
            round(o.against_avif, 5),
            o.images,
            o.neural,
            o.harmed,
            round(share, 5),
        )
        limit = bounds.upper_limit(o.harmed, o.trials(tuned.goal.rate), tuned.level)
        claim = (round(limit, 5), holds, o is tuned.chosen, not beaten)
        found.append(dict(zip((*COLUMNS, *COLUMNS_OF_CLAIM), (*values, *claim), strict=True)))
    return found


def csv_text(tuned: Tuned) -> str:
    """`rows` as CSV."""
    import csv

    out = io.StringIO()
    writer = csv.DictWriter(out, (*COLUMNS, *COLUMNS_OF_CLAIM), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(tuned))
    return out.getvalue()


def svg_text(tuned: Tuned) -> str | None:
    """The same as a picture; None where matplotlib is not installed. The same numbers give the same bytes."""
    if find_spec("matplotlib") is None:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    table = rows(tuned)
    with mpl.rc_context({"svg.hashsalt": "codec-router", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        for holds, colour, label in ((False, "#b0b0b0", "not certified"), (True, "#1f77b4", "certified")):
            points = [row for row in table if row["certified"] is holds]
            axes.scatter(*_xy(points), s=14, color=colour, label=label, linewidths=0)
        edge = sorted((row for row in table if row["on_the_curve"]), key=lambda row: _xy([row])[0])
        axes.plot(*_xy(edge), color="#404040", linewidth=0.8, label="best trade-off")
        axes.scatter(*_xy([row for row in table if row["chosen"]]), s=70, marker="*", color="#d62728", label="chosen", zorder=3)
        axes.axhline(100 * tuned.goal.epsilon, color="#404040", linewidth=0.8, linestyle=":", label="epsilon")
        axes.set_xlabel("bytes / always-AVIF")
        what = "images" if tuned.goal.rate == "image" else "neural-lane images"
        axes.set_ylabel(f"harmed, % of {what}")
        axes.legend(frameon=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _xy(points: list[dict[str, object]]) -> tuple[list[float], list[float]]:
    return [float(str(row["against_avif"])) for row in points], [100 * float(str(row["share"])) for row in points]
