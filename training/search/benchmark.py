"""Encodings that the quality search takes, and how well it ends: by codec and target, with and without a search model.

    python -m training.search.benchmark --data DIR --split eval --targets 30 50 70 85 [--every N] [--max-side PX]
    python -m training.search.benchmark --data DIR --split dev --prior FOLDER --hold-out 3
    python -m training.search.benchmark --data DIR --split eval --thumbnails 32 64 128 256 --every 8

Compared on the same pictures: `prior` (each codec alone), `history` (codecs one after the other on each picture, each
knowing what those before it have measured), `generic` (the same search without the search model) and `bisection`
(interpolating bisection from
a fixed start, at most 10 encodings: the search before). Each setting is encoded once and kept in the cache. `--hold-out n` takes
those pictures of dev that `fit --hold-out n` leaves out. Metrics of size: `--metric bpp`. `--thumbnails`: each picture whole,
made as small as each of these sides, in place of its middle; `--whole` plays every setting of the codec, and counts what is
neither near enough nor the cheapest.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from router.errors import CodecError, RouterError
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.pictures import DomainImage, open_picture, thinned
from router.evaluation.measure.point import CURVE, Point
from router.evaluation.measure.variants import VARIANTS, CodecVariant
from router.images.sample import ImageSample
from router.quality.search import SearchOutcome, search
from router.quality.search_model import CurvePredictor, SearchModel, features, generic_predictor, read, shipped_search_model
from router.quality.target import Target
from training.search.bisection import bisect
from training.search.pictures import by_domain, held_out, thumbnail
from training.search.settings import CLASSICAL, NEURAL

WAYS = ("prior", "history", "generic", "bisection")
ORDER = ("avif444", "avif420", "jxl", "webp", "jpeg", NEURAL)
_FIELDS = {"ssimulacra2": "ssimulacra2", "psnr": "psnr", "ms-ssim": "ms_ssim"}


@dataclass(frozen=True)
class SearchRow:
    """One search.

    Attributes:
        side: of a thumbnail, in px; None for the middle of a picture.
        outcome: see `router.quality.search.SearchOutcome`, or "unreached".
        over: score less target, or the share of a size target that was used.
        wrong: played against every setting, it is neither near enough nor the cheapest that reaches the target, or there is one
            and it was not found; None where that was not played.
    """

    domain: str
    image: str
    side: int | None
    family: str
    target: float
    way: str
    steps: int
    outcome: str
    over: float | None
    wrong: bool | None = None

    @property
    def search(self) -> tuple[object, ...]:
        """What was searched for, whatever the way."""
        return self.domain, self.image, self.side, self.family, self.target


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
    ap.add_argument("--thumbnails", type=int, nargs="+", default=None, metavar="PX")
    ap.add_argument("--whole", action="store_true", help="play every setting of the classical codecs too")
    ap.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    ap.add_argument("--hold-out", type=int, default=None)
    ap.add_argument("--prior", type=Path, default=None, help="default: of those that ship the one for the size")
    ap.add_argument("--cache", type=Path, default=Path("build/search"))
    ap.add_argument("--out", type=Path, default=Path("build/search-benchmark.json"))
    args = ap.parse_args(arguments)
    cv2.setNumThreads(1)
    search_model = None if args.prior is None else read(args.prior)
    began = time.monotonic()
    chosen = [
        picture
        for domain, pictures in by_domain(args.data / args.split).items()
        if args.domains is None or domain in args.domains
        for picture in thinned(held_out(pictures, args.hold_out) if args.hold_out else pictures, {domain: args.every})
    ]
    families = [VARIANTS[name] for name in ORDER if name in args.families]
    rows: list[SearchRow] = []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for picture in track(chosen, description="searching", transient=True):
        for side in args.thumbnails or [None]:
            try:
                sample = open_picture(picture.path, args.max_side) if side is None else thumbnail(picture.path, side)
            except RouterError:
                continue
            if sample.bits == 8:
                plan = _Plan(families, search_model, args.metric, args.targets, args.ways, args.whole, args.cache)
                rows += searched(picture, side, sample, plan)
        report = {
            "prior": "shipped" if search_model is None else search_model.sha256,
            "split": args.split,
            "metric": args.metric,
            "rows": [asdict(row) for row in rows],
        }
        args.out.write_text(json.dumps(report, indent=0) + "\n", encoding="utf-8")  # a run that is cut off has been of use
    print("\n".join(table(rows, size=args.metric == "bpp")))
    print(f"\n{len({(row.domain, row.image) for row in rows})} pictures, {time.monotonic() - began:.0f} s")


@dataclass(frozen=True)
class _Plan:
    families: Sequence[CodecVariant]
    search_model: SearchModel | None
    metric: str
    targets: Sequence[float]
    ways: Sequence[str]
    whole: bool
    cache: Path


def searched(picture: DomainImage, side: int | None, sample: ImageSample, plan: _Plan) -> Iterator[SearchRow]:
    """All searches on one picture of 8 bits, which `sample` is of."""
    coder, pixels = ImageCoder(sample, plan.cache), sample.width * sample.height
    search_model = plan.search_model or shipped_search_model(pixels)
    assert search_model is not None, "no search model ships"
    described = features(sample.pixels)
    carried = [family for family in plan.families if coder.refusal(family) is None]
    for value in plan.targets:
        target = Target.parse({"metric": plan.metric, "value": value})
        limit = target.max_bytes(sample.width, sample.height) if target.is_size else None
        together = search_model.posterior(described)
        for family in carried:
            codec = family.codec()
            assert codec.knob is not None
            predictors = {
                "prior": CurvePredictor(search_model.posterior(described), search_model.curve_set(codec, {}), pixels),
                "history": CurvePredictor(together, search_model.curve_set(codec, {}), pixels),
                "generic": generic_predictor(codec.knob, pixels),
            }
            best = _best(coder, family, target) if plan.whole and family.name != NEURAL and limit is None else None
            for way in plan.ways:
                steps, outcome, over, size = _one(coder, family, target, limit, predictors.get(way))
                near = over is not None and abs(over) <= target.tolerance + 1e-9
                wrong = None if best is None else not near and (size or math.inf) > best
                yield SearchRow(picture.domain, picture.image, side, family.name, value, way, steps, outcome, over, wrong)


def _best(coder: ImageCoder, family: CodecVariant, target: Target) -> float:
    """Bytes of the cheapest of all settings that reaches the target; infinite where none does."""
    knob = family.codec().knob
    assert knob is not None
    points = (coder.point(family, setting, CURVE) for setting in range(knob.low, knob.high + 1))
    good = (p.bytes for p in points if float(p.values[_FIELDS[target.metric]]) >= target.floor)
    return min(good, default=math.inf)


def _one(
    coder: ImageCoder, family: CodecVariant, target: Target, limit: int | None, predictor: CurvePredictor | None
) -> tuple[int, str, float | None, int | None]:
    """(encodings, outcome, over, bytes) of one search; without a predictor, of bisection."""
    codec = family.codec()
    knob = codec.knob
    assert knob is not None
    tried: list[Point] = []

    def encode(setting: int) -> bytes:
        tried.append(coder.point(family, setting, CURVE))
        return bytes(tried[-1].bytes)

    def quality(point: Point) -> float:
        return float(point.values[_FIELDS.get(target.metric, "psnr")])

    def found_at(steps: int, outcome: SearchOutcome, setting: int | None) -> tuple[int, str, float, int]:
        point = next(point for point in tried if point.setting == setting)
        over = point.bytes / limit if limit is not None else quality(point) - target.value
        return steps, outcome.value, over, point.bytes

    if predictor is None:

        def measure(setting: int) -> tuple[int, float]:
            return len(encode(setting)), quality(tried[-1])

        steps, ended, setting = bisect(measure, knob, target, limit)
        if ended is None:
            return steps, "unreached", None, None
        return found_at(steps, ended, setting)
    try:
        found = search(
            encode,
            lambda _: np.zeros((1, 1, 1), np.uint8),
            knob,
            target,
            score=None if limit is not None else lambda _: quality(tried[-1]),
            byte_limit=limit,
            predictor=predictor,
        )
    except CodecError:
        return len(tried), "unreached", None, None
    return found_at(found.steps, found.outcome, found.trial.knob)


def table(rows: Sequence[SearchRow], size: bool = False) -> list[str]:
    """Markdown: a line a codec, target and way, then one for all codecs together.

    `reach`: searches where any way reached the target, of all; the rest is of these. `missed`: not reached, though another way
    did. `over`: mean and largest of score less target (of the share used, for sizes) where it was reached. `near`: share within
    the tolerance. `wrong`: see `SearchRow`, of those that were played.
    """
    groups: dict[tuple[str, str], list[SearchRow]] = defaultdict(list)
    possible = {r.search for r in rows if r.outcome != "unreached"}
    order = [f for f in ORDER if any(r.family == f for r in rows)]
    for row in rows:
        groups[f"{row.family} {row.target:g}", row.way].append(row)
        groups[f"all {row.target:g}", row.way].append(row)
        groups["all", row.way].append(row)
    targets = sorted({row.target for row in rows})
    names = [*(f"{f} {t:g}" for f in (*order, "all") for t in targets), "all"]
    lines = [
        "| codec, target | way | reach | encodings | <= 2 | <= 4 | most | near | cheapest | beyond | missed | succeeded | wrong |"
        " over |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        for way in WAYS:
            if not (group := groups.get((name, way))):
                continue
            counted = [r for r in group if r.search in possible]
            if not counted:
                lines.append(f"| {name} | {way} | 0/{len(group)} |" + " |" * 11)
                continue
            steps = np.array([r.steps for r in counted])
            ends = {o: sum(r.outcome == o for r in counted) for o in (*map(str, SearchOutcome), "unreached")}
            over = [r.over for r in counted if r.over is not None]
            good = (ends["within"] + ends["cheapest"]) / len(counted)
            lines.append(
                f"| {name} | {way} | {len(counted)}/{len(group)} | {steps.mean():.2f} | {(steps <= 2).mean():.0%}"
                f" | {(steps <= 4).mean():.0%} | {steps.max()} | {ends['within'] / len(counted):.1%} | {ends['cheapest']}"
                f" | {ends['beyond']} | {ends['unreached']} | {good:.1%} | {_share([r.wrong for r in group])}"
                f" | {np.mean(over) if over else 0:.2f}, {max(over, default=0):.1f} |"
            )
    return lines


def _share(wrong: Sequence[bool | None]) -> str:
    played = [one for one in wrong if one is not None]
    return f"{sum(played)}/{len(played)}" if played else "-"


if __name__ == "__main__":
    main()
