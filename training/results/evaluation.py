"""The tables of docs/results/0.4/evaluation.md from a report of `codec-router evaluate`.

    python -m training.results.evaluation REPORT [--policy balanced] [--photographs natural_kodak,natural_other,natural_bsds_test]
                                          [--page docs/results/0.4/evaluation.md]

As Markdown: strategies at every target, the search's outcomes, and the router by domain; printed, or put into the page.
Photographs are the domains that are named, together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.results.page import put

Figures = dict[str, Any]
_RIVALS = ("always-neural", "complexity-rule", "always-jpeg", "always-webp", "always-jxl")
PHOTOGRAPHS = "natural_kodak,natural_other,natural_bsds_test"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("report", type=Path)
    ap.add_argument("--policy", default="balanced")
    ap.add_argument("--photographs", default=PHOTOGRAPHS)
    ap.add_argument("--page", type=Path, help="put the tables there, between its marks; by default they are printed")
    args = ap.parse_args(arguments)
    targets = json.loads((args.report / "results.json").read_text(encoding="utf-8"))["targets"]
    tables = {
        "strategies": _strategies(targets, args.policy, args.photographs.split(",")),
        "searches": _searches(targets, args.policy),
        "domains": _domains(targets, args.policy),
    }
    for name, lines in tables.items():
        if args.page is None:
            print(*lines, sep="\n", end="\n\n")
        else:
            put(args.page, name, "\n".join(lines))


def _strategies(targets: Figures, policy: str, photographs: Sequence[str]) -> list[str]:
    columns = "".join(f" {t}: bytes / AVIF | bytes / open oracle | seconds / oracle | harmed of neural |" for t in targets)
    lines = [f"| |{columns}", "|---" * (1 + 4 * len(targets)) + "|"]
    pooled = [figures["all"] for figures in targets.values()]
    lines.append(_row(f"**router, `{policy}`**", [_strategy(p["policies"][policy], p, policy) for p in pooled]))
    for name, key in (("open oracle: any lane", "oracle"), ("permitted oracle: the lanes of the rule applied", "permitted")):
        lines.append(_row(name, [_strategy(p["policies"][policy][key], p, policy) for p in pooled]))
    for rival in (name for name in _RIVALS if all(name in p["rivals"] for p in pooled)):
        lines.append(_row(rival, [_strategy(p["rivals"][rival], p, policy) for p in pooled]))
    lines.append(_row("photographs alone: router", [_together(f, photographs, policy) for f in targets.values()]))
    return lines


def _strategy(found: Figures, pooled: Figures, policy: str) -> list[str]:
    oracle = pooled["policies"][policy]["oracle"]
    return [
        f"{found['against_avif']:.3f}",
        f"{found['bytes'] / oracle['bytes']:.3f}",
        f"{found['seconds'] / oracle['seconds']:.2f}",
        _harm(found.get("harm")),
    ]


def _harm(harm: Figures | None) -> str:
    if harm is None:
        return ""
    share = harm["per_neural_image"]
    return f"{harm['harmed_images']} of {harm['neural_images']}, {share['low']:.0%} to {share['high']:.0%}"


def _together(domains: Figures, names: Sequence[str], policy: str) -> list[str]:
    found = [domains[name] for name in names if name in domains]
    router = sum(d["policies"][policy]["bytes"] for d in found)
    avif = sum(d["policies"][policy]["bytes"] / d["policies"][policy]["against_avif"] for d in found)
    oracle = sum(d["policies"][policy]["oracle"]["bytes"] for d in found)
    return [f"{router / avif:.3f}", f"{router / oracle:.3f}", "", ""] if found else ["", "", "", ""]


def _searches(targets: Figures, policy: str) -> list[str]:
    lines = [
        "| target | searched | within tolerance | at the cheapest setting | missed | released bytes / interpolated |",
        "|---" * 6 + "|",
    ]
    for target, domains in targets.items():
        found = domains["all"]["policies"][policy]["search"]
        outcomes = found["outcomes"]
        lines.append(
            f"| {target} | {found['searched']} | {outcomes.get('within', 0)} | {outcomes.get('cheapest', 0)} | {found['missed']} "
            f"| {'' if found['bytes'] is None else format(1 + found['bytes'], '.3f')} |"
        )
    return lines


def _domains(targets: Figures, policy: str) -> list[str]:
    columns = "".join(f" {t}: bytes / AVIF | bytes / open oracle | neural | harmed |" for t in targets)
    lines = [f"| domain | images |{columns}", "|---" * (2 + 4 * len(targets)) + "|"]
    first = next(iter(targets.values()))
    for domain in sorted(d for d in first if d != "all"):
        cells = []
        for domains in targets.values():
            found = domains[domain]["policies"][policy]
            harm = found["harm"]
            cells.append(
                [
                    f"{found['against_avif']:.3f}",
                    f"{found['bytes'] / found['oracle']['bytes']:.3f}",
                    str(harm["neural_images"]),
                    str(harm["harmed_images"]),
                ]
            )
        lines.append(_row(f"{domain} | {first[domain]['images']}", cells))
    return lines


def _row(name: str, cells: Sequence[Sequence[str]]) -> str:
    return f"| {name} | " + " | ".join(cell for target in cells for cell in target) + " |"


if __name__ == "__main__":
    main()
