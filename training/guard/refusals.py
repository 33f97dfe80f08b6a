"""How often the guard refuses a neural result, by domain and target: what it costs on photographs, what it stops elsewhere.

    python -m training.guard.refusals --data DIR --cache POINTS [--targets 30 50 70 85] [--max-side 512] [--every 2] [--jobs 1]

DIR holds one folder a domain. Every image is measured at several rates (what the cache of `codec-router evaluate` holds is
not coded again). A target is answered by the point nearest to it, at most `NEAR` away, whose own score stands for the target.
Level `full`, default quantile; Wilson intervals, 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from router.evaluation.measure.folder import TARGETS, measure_folder
from router.evaluation.statistics import wilson

if TYPE_CHECKING:
    import pandas as pd

NEAR = 3.0
"""SSIMULACRA2 points."""
_FEWEST = 12
"""Images below which a domain is not thinned."""


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--cache", type=Path, default=Path("build/points"))
    ap.add_argument("--targets", type=float, nargs="+", default=list(TARGETS))
    ap.add_argument("--max-side", type=int, default=512)
    ap.add_argument("--every", type=int, default=1, help="each n-th image of the domains that are not natural")
    ap.add_argument("--jobs", type=int, default=1)
    args = ap.parse_args(arguments)
    folders = [folder for folder in args.data.iterdir() if folder.is_dir()]
    thin = [f.name for f in folders if not f.name.startswith("natural") and len(list(f.iterdir())) >= _FEWEST]
    points = measure_folder(
        args.data, args.cache, ["ncr"], args.jobs, args.max_side, targets=args.targets, every=dict.fromkeys(thin, args.every)
    )
    print("\n".join(table(points, args.targets)))


def table(points: pd.DataFrame, targets: Sequence[float]) -> list[str]:
    """Markdown: refused of measured, and the commonest reason; a line a domain, and one for all photographs."""
    lines = ["| domain | " + " | ".join(f"target {target:g}" for target in targets) + " |", "|---" * (1 + len(targets)) + "|"]
    natural = points["domain"].str.startswith("natural")
    groups = [*points.groupby("domain"), ("all photographs", points[natural]), ("all others", points[~natural])]
    for name, group in groups:
        lines.append(f"| {name} | " + " | ".join(_cells(group, targets)) + " |")
    return lines


def _cells(points: pd.DataFrame, targets: Sequence[float]) -> Iterator[str]:
    for target in targets:
        away = (points["ssimulacra2"] - target).abs()
        nearest = points.assign(away=away)[away <= NEAR].sort_values("away").drop_duplicates(["domain", "image"])
        refused = nearest[~nearest["guard_passed"]]
        if nearest.empty:
            yield "-"
            continue
        low, high = wilson(len(refused), len(nearest))
        why = f", {refused['guard_code'].mode()[0].removeprefix('GUARD_').lower()}" if len(refused) else ""
        yield f"{len(refused)} of {len(nearest)} [{low:.0%}, {high:.0%}]{why}"


if __name__ == "__main__":
    main()
