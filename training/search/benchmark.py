"""Encodings that the quality search takes, and how well it ends: by codec and target, with and without a prior.

    python -m training.search.benchmark --data DIR --split eval --targets 30 50 70 85 [--every N] [--max-side PX]
    python -m training.search.benchmark --data DIR --split dev --prior FOLDER --hold-out 3

Compared on the same pictures: `prior` (each codec alone), `history` (codecs one after the other on each picture, each knowing
what those before it have measured), `generic` (the same search without the prior) and `bisection` (interpolating bisection from
a fixed start, at most 10 encodings: the search before). Each setting is encoded once and kept in the cache. `--hold-out n` takes
those pictures of dev that `fit --hold-out n` leaves out. Metrics of size: `--metric bpp`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from router.errors import CodecError, RouterError
from router.evaluation.ladders.families import FAMILIES, Family
from router.evaluation.ladders.pictures import Picture, open_picture, thinned
from router.quality.prior import Guide, Prior, features, read, unguided
from router.quality.search import Outcome, search
from router.quality.target import Target
from training.search.bisection import bisect
from training.search.fit import newest
from training.search.measure import Curves, Point
from training.search.pictures import by_domain, held_out
from training.search.settings import CLASSICAL, NEURAL

WAYS = ("prior", "history", "generic", "bisection")
ORDER = ("avif444", "avif420", "jxl", "webp", "jpeg", NEURAL)
_FIELDS = {"ssimulacra2": "ssimulacra2", "psnr": "psnr", "ms-ssim": "ms_ssim"}


@dataclass(frozen=True)
class Row:
    """One search. `outcome`: see `router.quality.search.Outcome`, or "unreached". `over`: score less target, or the share of a
    size target that was used."""

    domain: str
    image: str
    family: str
    target: float
    way: str
    steps: int
    outcome: str
    over: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--split", choices=["eval", "dev"], required=True)
    ap.add_argument("--metric", choices=[*_FIELDS, "bpp"], default="ssimulacra2")
    ap.add_argument("--targets", type=float, nargs="+", default=[30.0, 50.0, 70.0, 85.0])
    ap.add_argument("--families", nargs="+", choices=[*CLASSICAL, NEURAL], default=[*CLASSICAL, NEURAL])
    ap.add_argument("--domains", nargs="+", default=None)
    ap.add_argument("--every", type=int, default=1, help="of each domain, take each n-th picture")
    ap.add_argument("--max-side", type=int, default=None)
    ap.add_argument("--hold-out", type=int, default=None)
    ap.add_argument("--prior", type=Path, default=None, help="default: the newest that ships")
    ap.add_argument("--cache", type=Path, default=Path("build/search"))
    ap.add_argument("--out", type=Path, default=Path("build/search-benchmark.json"))
    args = ap.parse_args(arguments)
    cv2.setNumThreads(1)
    prior = read(args.prior or newest())
    began = time.monotonic()
    chosen = [
        picture
        for domain, pictures in by_domain(args.data / args.split).items()
        if args.domains is None or domain in args.domains
        for picture in thinned(held_out(pictures, args.hold_out) if args.hold_out else pictures, {domain: args.every})
    ]
    families = [FAMILIES[name] for name in ORDER if name in args.families]
    rows: list[Row] = []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for picture in track(chosen, description="searching", transient=True):
        rows += searched(picture, families, prior, args.metric, args.targets, args.max_side, args.cache)
        report = {"prior": prior.sha256, "split": args.split, "metric": args.metric, "rows": [asdict(row) for row in rows]}
        args.out.write_text(json.dumps(report, indent=0) + "\n", encoding="utf-8")  # a run that is cut off has been of use
    print("\n".join(table(rows, size=args.metric == "bpp")))
    print(f"\n{len({(row.domain, row.image) for row in rows})} pictures, {time.monotonic() - began:.0f} s")


def searched(
    picture: Picture,
    families: Sequence[Family],
    prior: Prior,
    metric: str,
    targets: Sequence[float],
    max_side: int | None,
    cache: Path,
) -> Iterator[Row]:
    """All searches on one picture; none where it cannot be read or has 16 bits."""
    try:
        sample = open_picture(picture.path, max_side)
    except RouterError:
        return
    if sample.bits != 8:
        return
    curves, pixels = Curves(sample, cache), sample.width * sample.height
    described = features(sample.pixels)
    carried = [family for family in families if curves.carries(family)]
    for value in targets:
        target = Target.parse({"metric": metric, "value": value})
        limit = target.max_bytes(sample.width, sample.height) if target.is_size else None
        together = prior.belief(described)
        for family in carried:
            codec = family.codec()
            assert codec.knob is not None
            guides = {
                "prior": Guide(prior.belief(described), prior.family(codec, {}), pixels),
                "history": Guide(together, prior.family(codec, {}), pixels),
                "generic": unguided(codec.knob, pixels),
            }
            for way in WAYS:
                steps, outcome, over = _one(curves, family, target, limit, guides.get(way))
                yield Row(picture.domain, picture.image, family.name, value, way, steps, outcome, over)


def _one(curves: Curves, family: Family, target: Target, limit: int | None, guide: Guide | None) -> tuple[int, str, float | None]:
    """(encodings, outcome, over) of one search; without a guide, of bisection."""
    codec = family.codec()
    knob = codec.knob
    assert knob is not None
    tried: list[Point] = []

    def encode(setting: int) -> bytes:
        point = curves.point(family, setting)
        assert point is not None
        tried.append(point)
        return bytes(point.size)

    def quality(point: Point) -> float:
        return float(getattr(point, _FIELDS.get(target.metric, "psnr")))

    def over(point: Point) -> float:
        return point.size / limit if limit is not None else quality(point) - target.value

    if guide is None:

        def measure(setting: int) -> tuple[int, float]:
            return len(encode(setting)), quality(tried[-1])

        steps, ended, setting = bisect(measure, knob, target, limit)
        if ended is None:
            return steps, "unreached", None
        return steps, ended.value, over(next(point for point in tried if point.setting == setting))
    try:
        found = search(
            encode,
            lambda _: np.zeros((1, 1, 1), np.uint8),
            knob,
            target,
            score=None if limit is not None else lambda _: quality(tried[-1]),
            byte_limit=limit,
            guide=guide,
        )
    except CodecError:
        return len(tried), "unreached", None
    return found.steps, found.outcome.value, over(next(point for point in tried if point.setting == found.trial.knob))


def table(rows: Sequence[Row], size: bool = False) -> list[str]:
    """Markdown: a line a codec, target and way, then one for all codecs together.

    `reach`: searches where any way reached the target, of all; the rest is of these. `missed`: not reached, though another way
    did. `over`: mean of score less target (of the share used, for sizes) where it was reached.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    possible = {(r.domain, r.image, r.family, r.target) for r in rows if r.outcome != "unreached"}
    order = [f for f in ORDER if any(r.family == f for r in rows)]
    for row in rows:
        groups[f"{row.family} {row.target:g}", row.way].append(row)
        groups[f"all {row.target:g}", row.way].append(row)
        groups["all", row.way].append(row)
    targets = sorted({row.target for row in rows})
    names = [*(f"{f} {t:g}" for f in (*order, "all") for t in targets), "all"]
    lines = [
        "| codec, target | way | reach | encodings | <= 2 | <= 4 | within | cheapest | beyond | missed | succeeded | over |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        for way in WAYS:
            if not (group := groups.get((name, way))):
                continue
            counted = [r for r in group if (r.domain, r.image, r.family, r.target) in possible]
            if not counted:
                lines.append(f"| {name} | {way} | 0/{len(group)} |" + " |" * 9)
                continue
            steps = np.array([r.steps for r in counted])
            ends = {o: sum(r.outcome == o for r in counted) for o in (*map(str, Outcome), "unreached")}
            over = [r.over for r in counted if r.over is not None]
            good = (ends["within"] + ends["cheapest"]) / len(counted)
            lines.append(
                f"| {name} | {way} | {len(counted)}/{len(group)} | {steps.mean():.2f} | {(steps <= 2).mean():.0%}"
                f" | {(steps <= 4).mean():.0%} | {ends['within']} | {ends['cheapest']} | {ends['beyond']} | {ends['unreached']}"
                f" | {good:.1%} | {np.mean(over) if over else 0:.3f} |"
            )
    return lines


if __name__ == "__main__":
    main()
