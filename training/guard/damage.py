"""What the guard finds: planted damage by kind and strength, against false alarms on the same photographs undamaged.

    python -m training.guard.damage --data DIR [--images 12] [--targets 50 70] [--level full] [--quantile 0.99]

The photographs are the images of every folder of DIR whose name begins with "natural" (their middle 512 px), coded by the
neural codec at each target. Damage is looked for in tiles only: the whole image's score is left out. Detection is counted
among photographs that pass undamaged. A table, and JSON in --out.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router.codecs.base import Lane
from router.codecs.neural.codec import NeuralCodec
from router.evaluation.measure.to_target import coded_to_target
from router.images.arrays import from_pixels
from router.quality.guard import GuardLevel, GuardReport, check
from router.quality.target import Target
from training.guard.damages import DAMAGES, Picture
from training.guard.pictures import centre_crop, image_files

SIDE = 512


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--images", type=int, default=12, help="photographs, evenly from all")
    ap.add_argument("--targets", type=float, nargs="+", default=[50.0, 70.0])
    ap.add_argument("--level", type=GuardLevel, default=GuardLevel.FULL, choices=list(GuardLevel))
    ap.add_argument("--quantile", type=float, default=0.99)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--cache", type=Path, default=Path("build/guard"))
    ap.add_argument("--out", type=Path, default=Path("build/guard-damage.json"))
    args = ap.parse_args(arguments)
    paths = [p for folder in sorted(args.data.glob("natural*")) for p in image_files(folder)]
    if not paths:
        ap.error(f"{args.data} has no folder natural* with images")
    chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, args.images).astype(int))]
    rows = [
        row
        for number, path in enumerate(chosen)
        for target in args.targets
        for row in one(
            path, target, args.level, args.quantile, np.random.default_rng([args.seed, number, int(target)]), args.cache
        )
    ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    report = {"level": args.level, "quantile": args.quantile, "photographs": len(chosen), "rows": rows}
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table(rows)))


def one(
    path: Path, target: float, level: GuardLevel, quantile: float, rng: np.random.Generator, cache: Path
) -> list[dict[str, Any]]:
    """Undamaged first, then every damage; empty where the codec cannot reach the target."""
    source = centre_crop(path, SIDE)
    result = coded_to_target(from_pixels(source), "ncr", target, cache)
    if result is None:
        return []

    def look(a: Picture, b: Picture) -> GuardReport:
        codec = NeuralCodec()
        return check(
            a,
            b,
            lane=Lane.NEURAL,
            carries=codec.carries,
            level=level,
            target=Target.quality(target),
            score=None,
            quantile=quantile,
            model=codec.model,
        )

    passed = look(source, result.pixels).passed
    rows = [{"target": target, "kind": "", "strength": 0.0, "clean": passed, "found": not passed, "measure": ""}]
    for kind, damage in DAMAGES.items():
        for strength in damage.strengths:
            report = look(*damage.plant(source, result.pixels, rng, strength))
            measure = "" if report.passed or report.worst is None else report.worst.measure
            rows.append(
                {
                    "target": target,
                    "kind": kind,
                    "strength": strength,
                    "clean": passed,
                    "found": not report.passed,
                    "measure": measure,
                }
            )
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown: a line a kind and strength, a column a target."""
    targets = sorted({row["target"] for row in rows})
    groups: dict[tuple[str, float, float], list[bool]] = defaultdict(list)
    for row in rows:
        if row["clean"] or not row["kind"]:
            groups[row["kind"], row["strength"], row["target"]].append(row["found"])
    lines = [
        "| damage | strength | " + " | ".join(f"target {t:g}" for t in targets) + " |",
        "|---|---|" + "---|" * len(targets),
        _line("none (false alarms)", "", [groups["", 0.0, t] for t in targets]),
    ]
    for kind, damage in DAMAGES.items():
        for strength in damage.strengths:
            lines.append(_line(kind, f"{strength:g} {damage.unit}", [groups[kind, strength, t] for t in targets]))
    return lines


def _line(kind: str, strength: str, found: list[list[bool]]) -> str:
    return f"| {kind} | {strength} | " + " | ".join(f"{sum(f)} of {len(f)}" for f in found) + " |"


if __name__ == "__main__":
    main()
