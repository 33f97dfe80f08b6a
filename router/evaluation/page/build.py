"""From the tables of a report to the page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from router.codecs.base import Lane
from router.display import colours
from router.evaluation.comparison.baselines import LINE
from router.evaluation.detection.separation import Detections
from router.evaluation.harm import TAU
from router.evaluation.page import survival as survivals
from router.evaluation.page import words
from router.evaluation.page.cases import Case
from router.evaluation.page.sections import detector, rate_distortion, run, strategies
from router.evaluation.page.survival import Survival

if TYPE_CHECKING:
    import pandas as pd

_PREFERRED_TARGET = 70.0


@dataclass(frozen=True)
class ReportPage:
    """What the page is made of.

    Attributes:
        points, baselines, routed, detections, results: of a `report.Report`.
        cases: the worst cases; may be empty.
        survival: None where nothing was measured.
    """

    points: pd.DataFrame
    baselines: pd.DataFrame
    routed: pd.DataFrame
    detections: Detections
    results: Mapping[str, Any]
    cases: Sequence[Case] = ()
    survival: Sequence[Survival] | None = None


def build(page: ReportPage) -> bytes:
    """The page: HTML, UTF-8, whole in itself."""
    style, early, late = (_asset(name) for name in ("style.css", "early.js", "page.js"))
    style = colours.page_rules() + style
    views = strategies.views(page.baselines, page.routed, page.results)
    targets = [float(target) for target in page.results["run"]["targets"]]
    shown = min(page.results["targets"], key=lambda text: abs(float(text) - _PREFERRED_TARGET), default="")
    html = (
        _environment()
        .get_template("page.html")
        .render(
            style=Markup(style),  # noqa: S704 - our own files, as the two scripts are
            early=Markup(early),  # noqa: S704
            late=Markup(late),  # noqa: S704
            policy_of_content=_content_policy(early, late),
            policies=list(page.results["run"]["policies"]),
            targets=list(page.results["targets"]),
            shown=(views[0]["policy"] if views else None, shown),
            views=views,
            verdicts=strategies.verdicts(page.results),
            cropped=page.results["run"]["max_side"],
            rows=strategies.summary_rows(page.results, views),
            over_targets=page.results["harm"]["over_targets"],
            second=page.results["harm"].get("butteraugli"),
            harm_version=page.results["harm"]["version"],
            tau=dict(TAU),
            images=sum(page.results["run"]["images"].values()),
            domains=len(page.results["run"]["images"]),
            complexity_line=LINE,
            metrics=rate_distortion.panels_and_rates(page.points, page.results["bd_rates"], targets),
            key=rate_distortion.codec_key(page.points),
            detector=detector.detector(page.detections),
            cases=list(page.cases),
            has_neural=bool((page.points["lane"] == Lane.NEURAL).any()),
            survival=survivals.section(page.survival),
            facts=run.run_facts(page.results),
        )
    )
    # Names of files may hold what is no UTF-8; it is shown as an escape.
    return html.encode("utf-8", "backslashreplace")


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "number": words.number,
        "percent": words.percent,
        "size": words.size,
        "between": words.between,
        "between_shares": words.between_shares,
        "share": words.share,
    }
    environment.globals |= {"counted": words.counted}
    return environment


def _shown(value: Any) -> Any:
    return "" if value is None else value


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _content_policy(*scripts: str) -> str:
    """Nothing is loaded from anywhere, and no script runs but these: neither could a domain's name that slipped through."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    parts = ("default-src 'none'", "img-src data:", "style-src 'unsafe-inline'", f"script-src {allowed}")
    return "; ".join((*parts, "base-uri 'none'", "form-action 'none'"))
