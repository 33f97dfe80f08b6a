"""What each section of the page shows, from the tables of a report: plain values, texts and SVG for the template."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml
from markupsafe import Markup

from router.codecs.base import Lane
from router.evaluation.families import BETTER_AVIF, NEURAL
from router.evaluation.page import plots, words
from router.evaluation.page.bd_rate import METRICS, bd_rates
from router.evaluation.page.comparison import ANCHOR, ORACLE, ROUTER, Domain, comparison
from router.evaluation.page.detection import FEW, Detections, bins, detections
from router.evaluation.page.mean_curves import mean_curves
from router.evaluation.page.resampling import Estimate, mean
from router.evaluation.page.survival import LEVELS, WAYS, Survival
from router.evaluation.summary import POOLED, RIVALS

if TYPE_CHECKING:
    import pandas as pd

Context = dict[str, Any]

ALL_IMAGES = "all images"
NAMES = {
    "jpeg": "JPEG",
    "webp": "WebP",
    "avif": "AVIF",
    "avif420": "AVIF 4:2:0",
    "avif444": "AVIF 4:4:4",
    "jxl": "JPEG XL",
    NEURAL: "neural",
    "router": "router",
    "oracle": "oracle",
}
METRIC_NAMES = {"ssimulacra2": "SSIMULACRA2", "ms_ssim": "MS-SSIM, dB"}
_MOST_FAILURES = 40


def views(matched: pd.DataFrame, routed: pd.DataFrame, results: Mapping[str, Any]) -> list[Context]:
    """One a policy and target (without policies one a target): the sentence, rivals, domains, routing."""
    policies: list[str | None] = [*results["run"]["policies"]] or [None]
    found = []
    for policy in policies:
        for text, domains in results["targets"].items():
            compared = comparison(matched, routed, policy, float(text))
            pooled = domains[POOLED]
            summed = pooled["policies"].get(policy)
            found.append(
                {
                    "policy": policy,
                    "target": text,
                    "sentence": None if summed is None else words.headline(str(policy), text, pooled["images"], summed),
                    "rivals": _rivals(compared[0], pooled, policy),
                    "domains": _domains(compared, domains, policy),
                    "matrix": _matrix(compared),
                    "routing": _routing(domains, policy),
                }
            )
    return found


def summary_rows(results: Mapping[str, Any], of_views: Sequence[Context]) -> list[Context]:
    """One row a policy and target."""
    rows = []
    for view in of_views:
        found = results["targets"][view["target"]][POOLED]["policies"].get(view["policy"])
        if found is not None:
            ours = next(row for row in view["rivals"]["rows"] if row["kind"] == "k-router")
            rows.append({"policy": view["policy"], "target": view["target"], "found": found, "against": ours})
    return rows


def _rivals(pooled: Domain, results: Mapping[str, Any], policy: str | None) -> Context:
    summed = results["policies"].get(policy)
    scale = plots.interval_scale(list(pooled.against_avif.values()), log=True, within=(0.9, 1.1))
    rows = []
    for strategy, estimate in pooled.against_avif.items():
        details: Mapping[str, Any] = results["rivals"].get(strategy, {})
        if strategy == ROUTER and summed is not None:
            details = summed
        elif strategy == ORACLE and summed is not None:
            details = summed["oracle"] | {"share_of_oracle_seconds": 1.0}
        harm = (
            summed["harm"] if strategy == ROUTER and summed else results["neural_harm"] if strategy == "always-neural" else None
        )
        kind = f"k-{RIVALS.get(strategy, strategy)}"
        name = f"router, {policy}" if strategy == ROUTER else f"oracle of {policy}" if strategy == ORACLE else strategy
        tip = _tip(name, estimate, "of always-AVIF's bytes")
        cell = plots.interval_cell(estimate, scale, tip, kind, 1.0)
        rows.append({"name": name, "kind": kind, "estimate": estimate, "details": details, "harm": harm, "cell": cell})
    return {"rows": rows, "axis": plots.interval_axis(scale, "bytes against always-AVIF")}


def _domains(compared: Sequence[Domain], results: Mapping[str, Any], policy: str | None) -> Context | None:
    if policy is None or ROUTER not in compared[0].against_avif:
        return None
    scale = plots.interval_scale([d.against_oracle for d in compared], log=True, within=(0.95, 1.1))
    rows = []
    for domain in compared:
        tip = _tip(_label(domain.name), domain.against_oracle, "of the oracle's bytes")
        rows.append(
            {
                "name": _label(domain.name),
                "pooled": domain.name == POOLED,
                "images": domain.images,
                "against_avif": domain.against_avif[ROUTER],
                "against_oracle": domain.against_oracle,
                "found": results.get(domain.name, {}).get("policies", {}).get(policy),
                "cell": plots.interval_cell(domain.against_oracle, scale, tip, "k-router", 1.0),
            }
        )
    return {"rows": rows, "axis": plots.interval_axis(scale, "bytes against the oracle")}


def _matrix(compared: Sequence[Domain]) -> Context:
    strategies = [name for name in compared[0].against_avif if name != ANCHOR]
    rows = [
        {
            "name": _label(domain.name),
            "pooled": domain.name == POOLED,
            "images": domain.images,
            "cells": [_tinted(domain.against_avif[strategy].value) for strategy in strategies],
        }
        for domain in compared
    ]
    return {"strategies": strategies, "rows": rows}


def _tinted(value: float | None) -> Context:
    """A ratio to 1 with how strongly to shade it: fully at half, or twice, the bytes."""
    if value is None or not math.isfinite(value) or value <= 0:
        return {"value": None, "tint": 0, "sign": ""}
    strength = min(1.0, abs(math.log2(value)))
    return {"value": value, "tint": round(100 * strength), "sign": "less" if value < 1 else "more"}


def _routing(domains: Mapping[str, Any], policy: str | None) -> Context | None:
    found = {name: part["policies"][policy] for name, part in domains.items() if policy in part["policies"]}
    if not found:
        return None
    used = {lane for part in found.values() for lane in part["lanes"]}
    lanes = [str(lane) for lane in Lane if str(lane) in used]
    rows = []
    for name, part in found.items():
        images = domains[name]["images"]
        cells = [{"count": part["lanes"].get(lane, 0), "share": part["lanes"].get(lane, 0) / max(images, 1)} for lane in lanes]
        rows.append(
            {"name": _label(name), "pooled": name == POOLED, "images": images, "cells": cells, "none": part["out_of_reach"]}
        )
    rules = found[POOLED]["rules"] if POOLED in found else {}
    return {"lanes": lanes, "rows": rows, "rules": sorted(rules.items(), key=lambda rule: (-rule[1], rule[0]))}


def rate_distortion(points: pd.DataFrame, targets: Sequence[float]) -> list[Context]:
    """One a metric: panels by domain, and the table of BD-rates."""
    if not len(points):
        return []
    rates = bd_rates(points)
    return [
        {
            "metric": metric,
            "name": METRIC_NAMES[metric],
            "panels": _panels(points, metric, targets),
            "table": _bd_table(rates, metric),
        }
        for metric in METRICS
    ]


def _panels(points: pd.DataFrame, metric: str, targets: Sequence[float]) -> list[Context]:
    panels = []
    for found in mean_curves(points, metric, targets):
        heights = (max(0.0, min(targets) - 12), min(100.0, max(targets) + 8)) if metric == "ssimulacra2" else None
        lines = [_line(curve.family, curve.points, curve.at_targets, found.used, metric) for curve in found.curves]
        title = _label(found.domain)
        svg = plots.curves_panel(title, lines, "bits per pixel", METRIC_NAMES[metric], heights, targets if heights else ())
        note = words.counted(found.used, "image") if found.used == found.images else f"{found.used} of {found.images} images"
        left_out = ", ".join(NAMES.get(name, name) for name in found.left_out)
        panels.append({"title": title, "svg": svg, "note": note, "left_out": left_out})
    return panels


def _line(
    family: str, points: Sequence[tuple[float, float]], at: Sequence[tuple[float, float]], images: int, metric: str
) -> plots.Line:
    name = NAMES.get(family, family)
    stops = list(at) if metric == "ssimulacra2" else [points[i] for i in range(0, len(points), 6)]
    unit = METRIC_NAMES[metric].partition(",")[0]
    after = " dB" if metric == "ms_ssim" else ""
    tips = [
        f"{name}: {words.number(rate, 3)} bits per pixel at {unit} {value:.3g}{after}, {words.counted(images, 'image')}"
        for rate, value in stops
    ]
    return plots.Line(name, f"k-{family}", points, stops, tips)


def _bd_table(rates: pd.DataFrame, metric: str) -> Context | None:
    rows_of = rates[rates["metric"] == metric]
    if not len(rows_of):
        return None
    families = [name for name in NAMES if name in set(rows_of["family"])]
    domains = sorted(str(name) for name in rows_of["domain"].unique())
    names = ([POOLED] if len(domains) > 1 else []) + domains
    rows = []
    for name in names:
        part = rows_of if name == POOLED else rows_of[rows_of["domain"] == name]
        cells = []
        for family in families:
            values = part[part["family"] == family]["bd_rate"].to_numpy(float)
            estimate = mean(values)
            ratio = None if estimate.value is None else 1 + estimate.value / 100
            cells.append({"estimate": estimate, "missing": len(values) - estimate.images} | _tinted(ratio))
        images = int(part["image"].groupby(part["domain"]).nunique().sum())
        rows.append({"name": _label(name), "pooled": name == POOLED, "images": images, "cells": cells})
    anchor = NAMES.get(str(rows_of["anchor"].iloc[0]), str(rows_of["anchor"].iloc[0]))
    return {"anchor": anchor, "families": [NAMES[name] for name in families], "rows": rows}


def codec_key(points: pd.DataFrame) -> list[Context]:
    """The key of the rate-distortion panels."""
    present = set(points["family"])
    shown = [name for name in NAMES if name in present - set(BETTER_AVIF) or (name == "avif" and present & set(BETTER_AVIF))]
    return [{"name": NAMES[name], "swatch": plots.swatch(f"k-{name}")} for name in shown]


def detector(scores: pd.DataFrame, natural: Sequence[str]) -> Context:
    """Panels and a table by domain. Without natural domains there are histograms alone; without scores nothing."""
    found = detections(scores, natural)
    edges = bins([found.natural, *(one.scores for one in found.domains)])
    ids = sorted({str(name) for name in scores["detector"]}) if len(scores) else []
    panels = []
    for one in found.domains:
        tip = _tip("AUROC", one.auroc, "", 2) if one.auroc.value is not None else "no natural images to compare with"
        panels.append(
            {
                "title": one.name,
                "note": words.counted(len(one.scores), "image"),
                "histogram": plots.histogram_panel(one.name, found.natural, one.scores, edges),
                "roc": plots.roc_panel(one.name, one.roc, f"AUROC {words.number(one.auroc.value, 2)}", tip)
                if one.roc
                else Markup(""),
            }
        )
    return {
        "ids": ids,
        "few": FEW,
        "natural": _natural(found),
        "wanted": list(natural),
        "rows": found.domains,
        "panels": panels,
        "natural_panel": plots.histogram_panel("natural", found.natural, found.natural, edges) if len(found.natural) else None,
    }


def _natural(found: Detections) -> Context:
    return {"domains": found.natural_domains, "images": len(found.natural), "flagged": found.natural_flagged}


def survivals(found: Sequence[Survival] | None) -> Context | None:
    """Rows of the table; None where nothing was measured."""
    return None if found is None else {"rows": found, "ways": WAYS, "levels": LEVELS}


def run_facts(results: Mapping[str, Any]) -> Context:
    """Versions, machine, artefacts, images, refusals, failures, and each policy as YAML."""
    run = results["run"]
    facts = {
        "bundle": run["bundle"],
        "machine": run["machine"],
        "Python": run["python"],
        **run["versions"],
        "receiver": run["receiver"],
        "targets (SSIMULACRA2)": ", ".join(f"{t:g}" for t in run["targets"]),
        "quick subset": "yes" if run["quick"] else "no",
        "centre crop": "none" if run["max_side"] is None else f"at most {run['max_side']} px a side",
        "measured points": f"{run['points']:,}, of which {run['encoded_now']:,} encoded in this run",
        "harm": f"version {results['harm']['version']}",
    }
    refused = Counter((family, code) for _, _, family, code in run["refused"])
    return {
        "facts": facts,
        "images": run["images"],
        "families": {NAMES.get(name, name): config for name, config in run["families"].items()},
        "refused": [(NAMES.get(family, family), code, count) for (family, code), count in sorted(refused.items())],
        "failed": run["failed"][:_MOST_FAILURES],
        "failed_more": max(0, len(run["failed"]) - _MOST_FAILURES),
        "policies": [
            {"name": name, "sha256": p["sha256"], "text": policy_text(p["policy"])} for name, p in run["policies"].items()
        ],
    }


class _Yaml(yaml.SafeDumper):
    """Texts of several lines as blocks."""


_Yaml.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip() else None)
)


def policy_text(policy: Mapping[str, Any]) -> str:
    """A policy as YAML, without what is empty. Its comments are in its file only."""
    return str(yaml.dump(_filled(policy), Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=100))


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {str(key): _filled(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_filled(part) for part in value]
    return "\n".join(line.rstrip() for line in value.strip().split("\n")) if isinstance(value, str) else value


def _label(domain: str) -> str:
    return ALL_IMAGES if domain == POOLED else domain


def _tip(name: str, estimate: Estimate, after: str, digits: int = 3) -> str:
    if estimate.value is None:
        return f"{name}: nothing to compare"
    spread = f", 95 % interval {words.between(estimate, digits)}" if estimate.low is not None else ""
    return (
        f"{name}: {words.number(estimate.value, digits)} {after}".rstrip()
        + f"{spread}, {words.counted(estimate.images, 'image')}"
    )
