"""Router, oracle and baselines at each target under each policy: the sentence, bytes, regret by domain, routing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from router.codecs.base import Lane
from router.evaluation.comparison.baselines import ALWAYS, ANCHOR
from router.evaluation.comparison.matched import POOLED
from router.evaluation.page import plots, words
from router.evaluation.page.ratios import ORACLE, PERMITTED, ROUTER, Domain, ratios
from router.evaluation.page.sections.names import Context, label, tinted, tip
from router.evaluation.summary import share_of_seconds

if TYPE_CHECKING:
    import pandas as pd


ALWAYS_NEURAL = "always-neural"


def views(baselines: pd.DataFrame, routed: pd.DataFrame, results: Mapping[str, Any]) -> list[Context]:
    """One a policy and target (without policies one a target): the sentence, baselines, domains, routing."""
    policies: list[str | None] = [*results["run"]["policies"]] or [None]
    cropped = results["run"]["max_side"] is not None
    found = []
    for policy in policies:
        for text, domains in results["targets"].items():
            compared = ratios(baselines, routed, policy, float(text))
            pooled = domains[POOLED]
            summed = pooled["policies"].get(policy)
            found.append(
                {
                    "policy": policy,
                    "target": text,
                    "sentence": None if summed is None else words.headline(str(policy), text, pooled["images"], summed, cropped),
                    "rivals": _baselines(compared[0], pooled, policy, cropped),
                    "causes": _causes(pooled, policy),
                    "domains": _domains(compared, domains, policy, cropped),
                    "matrix": _matrix(compared),
                    "routing": _routing(domains, policy),
                }
            )
    return found


def verdicts(results: Mapping[str, Any]) -> list[Context]:
    """One a target: a line for every policy, and one for the neural codec by itself."""
    cropped = results["run"]["max_side"] is not None
    found = []
    for text, domains in results["targets"].items():
        pooled = domains[POOLED]
        lines = [
            words.verdict(policy, pooled["images"], pooled["policies"][policy], cropped)
            for policy in results["run"]["policies"]
            if policy in pooled["policies"]
        ]
        if lines and ALWAYS_NEURAL in pooled["rivals"]:
            lines.append(words.verdict_of_neural(pooled["images"], pooled["rivals"][ALWAYS_NEURAL]))
        found.append({"target": text, "lines": [line.partition(": ") for line in lines]})
    return found


def summary_rows(results: Mapping[str, Any], of_views: Sequence[Context]) -> list[Context]:
    """One row a policy and target."""
    rows = []
    for view in of_views:
        found = results["targets"][view["target"]][POOLED]["policies"].get(view["policy"])
        if found is not None:
            ours = next(row for row in view["rivals"]["rows"] if row["kind"] == "k-router")
            share = share_of_seconds(found, results["run"]["max_side"] is not None)
            row = {"policy": view["policy"], "target": view["target"], "found": found, "against": ours}
            rows.append(row | {"share_of_seconds": share})
    return rows


def _baselines(pooled: Domain, results: Mapping[str, Any], policy: str | None, cropped: bool) -> Context:
    found = _found(results, policy)
    scale = plots.interval_scale(list(pooled.against_avif.values()), log=True, within=(0.9, 1.1))
    most = found[ORACLE]["seconds"] if ORACLE in found else None
    rows = []
    for strategy, estimate in pooled.against_avif.items():
        details = found[strategy]
        kind = f"k-{ALWAYS.get(strategy, strategy)}"
        name = _NAMES.get(strategy, "{strategy}").format(strategy=strategy, policy=policy)
        cell = plots.interval_cell(estimate, scale, tip(name, estimate, "of always-AVIF's bytes"), kind, 1.0)
        row = {"name": name, "kind": kind, "estimate": estimate, "details": details, "harm": details.get("harm"), "cell": cell}
        share = details["seconds"] / most if most else None
        if strategy == ROUTER:
            share = share_of_seconds(details, cropped)
        rows.append(row | {"share_of_seconds": share})
    return {"rows": rows, "axis": plots.interval_axis(scale, "bytes against always-AVIF")}


_NAMES = {ROUTER: "router, {policy}", PERMITTED: "oracle within the rule", ORACLE: "oracle of {policy}"}


def _found(results: Mapping[str, Any], policy: str | None) -> dict[str, Mapping[str, Any]]:
    """Strategy -> its part of results.json."""
    found: dict[str, Mapping[str, Any]] = dict(results["rivals"])
    if policy in results["policies"]:
        ours = results["policies"][policy]
        found |= {ROUTER: ours, PERMITTED: ours["permitted"], ORACLE: ours["oracle"]}
    return found


def _causes(results: Mapping[str, Any], policy: str | None) -> Context | None:
    """Regret by rule, and by what kind of choice it is; all rules first."""
    ours = results["policies"].get(policy)
    if ours is None or not ours["regret_by_rule"]["rules"]:
        return None
    parts = {"all rules": ours["regret_by_rule"]["all"]} | ours["regret_by_rule"]["rules"]
    rows = [
        {"name": name, "pooled": number == 0, "part": part, "cells": [_shaded(part[kind]["share"]) for kind in CAUSES]}
        for number, (name, part) in enumerate(parts.items())
    ]
    return {"rows": rows, "titles": list(CAUSES.values())}


CAUSES = {
    "over": "Regret",
    "caution": "of it caution",
    "order": "of it order",
    "neural_smaller": "neural smaller",
    "would_be_harmed": "would be harmed",
}
"""Columns of the table of regret by rule."""


def _shaded(share: float | None) -> Context:
    """A share of the oracle's bytes with how strongly to shade it: fully at 5 %."""
    return {"value": share, "tint": min(100, round(2000 * abs(share or 0.0))), "sign": "more" if (share or 0.0) > 0 else "less"}


def _domains(compared: Sequence[Domain], results: Mapping[str, Any], policy: str | None, cropped: bool) -> Context | None:
    if policy is None or ROUTER not in compared[0].against_avif:
        return None
    scale = plots.interval_scale([d.against_oracle for d in compared], log=True, within=(0.95, 1.1))
    rows = []
    for domain in compared:
        explained = tip(label(domain.name), domain.against_oracle, "of the oracle's bytes")
        of_policy = results.get(domain.name, {}).get("policies", {}).get(policy)
        rows.append(
            {
                "name": label(domain.name),
                "pooled": domain.name == POOLED,
                "images": domain.images,
                "against_avif": domain.against_avif[ROUTER],
                "against_oracle": domain.against_oracle,
                "found": of_policy,
                "share_of_seconds": None if of_policy is None else share_of_seconds(of_policy, cropped),
                "cell": plots.interval_cell(domain.against_oracle, scale, explained, "k-router", 1.0),
            }
        )
    return {"rows": rows, "axis": plots.interval_axis(scale, "bytes against the oracle")}


def _matrix(compared: Sequence[Domain]) -> Context:
    strategies = [name for name in compared[0].against_avif if name != ANCHOR]
    rows = [
        {
            "name": label(domain.name),
            "pooled": domain.name == POOLED,
            "images": domain.images,
            "cells": [tinted(domain.against_avif[strategy].value) for strategy in strategies],
        }
        for domain in compared
    ]
    return {"strategies": strategies, "rows": rows}


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
            {"name": label(name), "pooled": name == POOLED, "images": images, "cells": cells, "none": part["out_of_reach"]}
        )
    rules = found[POOLED]["rules"] if POOLED in found else {}
    return {"lanes": lanes, "rows": rows, "rules": sorted(rules.items(), key=lambda rule: (-rule[1], rule[0]))}
