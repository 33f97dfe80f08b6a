"""Rate-distortion of neural models beside AVIF, WebP, JPEG XL and JPEG.

    python -m training.codec.benchmark --data DIR [DIR ...] [--models ID ...] --out build/codec-benchmark

Each DIR is one set. Real files, whole: headers, checksums and all. Decoded again by the public codecs. Writes points.csv and
results.json, prints a table. Everything measured is kept under OUT/cache: a run that was stopped goes on, and one more model
costs only that model. For choosing weights give it held-out or development photographs, never those that results are reported on.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from router.codecs.neural import weights
from router.evaluation.measure import butteraugli, fingerprint
from router.evaluation.measure.pictures import DomainImage
from router.evaluation.measure.variants import CodecVariant
from training.codec.benchmark import baselines, figures, points, report
from training.codec.benchmark import pictures as sheets
from training.codec.benchmark.figures import PUBLISHED
from training.codec.benchmark.metrics import METRICS
from training.codec.benchmark.points import BenchmarkPoint, ImageResult


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare, write, print. Raises SystemExit for wrong arguments, ModelError for an unknown model."""
    args = _arguments(argv)
    models = args.models if args.models is not None else [weights.newest_shipped() or ""]
    curves = [baselines.model(model, args.rates) for model in models] + baselines.rivals(args.rivals, args.rival_settings)
    program = butteraugli.find()
    pictures = [picture for folder in args.data for picture in points.pictures_in(folder, args.limit)]
    args.out.mkdir(parents=True, exist_ok=True)
    published = _published(args.published)
    measured = _measure_all(pictures, curves, program, args)
    results = _results(measured, models, program, args, published)
    _write_points(args.out / "points.csv", [p for m in measured for p in m.points])
    (args.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"Butteraugli: {results['butteraugli']}")
    for name, result in results["sets"].items():
        print("\n" + report.table(name, result))
    if args.figures is not None:
        for file in figures.draw(results["sets"], models, args.figures, published):
            print(file)
    if args.pictures:
        for file in sheets.draw(measured, results["sets"], models, args.out / "pictures"):
            print(file)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, nargs="+", required=True, help="folders of photographs, each a set of its own")
    ap.add_argument("--models", nargs="*", help="neural models by id; default: the newest that ships")
    ap.add_argument("--rates", type=int, default=10, help="rate indices a model, evenly spread (default 10)")
    ap.add_argument(
        "--rivals", nargs="*", choices=list(baselines.FAMILIES), default=list(baselines.FAMILIES), help="default: all"
    )
    ap.add_argument("--rival-settings", type=int, help="settings a rival, evenly spread over all; default: all 12 or 13")
    ap.add_argument("--limit", type=int, help="images a set, evenly spread over the sorted files; default: all")
    ap.add_argument("--jobs", type=int, default=1, help="images at a time, one thread each (default 1)")
    ap.add_argument("--out", type=Path, default=Path("build/codec-benchmark"))
    ap.add_argument("--pictures", action="store_true", help="also write sheets of the worst images to OUT/pictures")
    ap.add_argument("--figures", type=Path, metavar="DIR", help="also draw mean curves there, as SVG")
    ap.add_argument("--published", type=Path, metavar="FILE", help="published Kodak curves: codec, metric, [[bpp, value], ...]")
    args = ap.parse_args(argv)
    names = [folder.name for folder in args.data]
    for folder in args.data:
        if not folder.is_dir():
            ap.error(f"{folder} is not a folder")
        if names.count(folder.name) > 1:
            ap.error(f"two sets are called {folder.name}")
    if args.rates < 2 or (args.rival_settings is not None and args.rival_settings < 2):
        ap.error("a curve needs at least two points")
    return args


def _measure_all(
    pictures: Sequence[DomainImage], curves: Sequence[CodecVariant], program: Path | None, args: argparse.Namespace
) -> list[ImageResult]:
    """Results in the order of `pictures`; progress on standard error."""
    work = joblib.delayed(points.measure)
    done: list[ImageResult] = []
    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        joblib.parallel_config(inner_max_num_threads=1, backend="loky"),
    ):
        task = progress.add_task("", total=len(pictures))
        parallel = joblib.Parallel(n_jobs=args.jobs, return_as="generator_unordered")
        for measured in parallel(work(picture, curves, program, args.out / "cache") for picture in pictures):
            done.append(measured)
            progress.console.print(
                f"{measured.picture.domain}/{measured.picture.image}: {_what_came(measured)}", highlight=False, soft_wrap=True
            )
            progress.advance(task)
    return sorted(done, key=lambda m: pictures.index(m.picture))


def _what_came(measured: ImageResult) -> str:
    if measured.refusal is not None:
        return f"passed over: {measured.refusal}"
    return f"{measured.encoded} points encoded, {len(measured.points) - measured.encoded} from the cache"


def _results(
    measured: Sequence[ImageResult],
    models: Sequence[str],
    program: Path | None,
    args: argparse.Namespace,
    published: dict[str, Any],
) -> dict[str, Any]:
    """What goes into results.json."""
    sets: dict[str, Any] = {}
    for folder in args.data:
        of_set = [m for m in measured if m.picture.domain == folder.name]
        result = report.compare([p for m in of_set for p in m.points], models)
        result["refused"] = {m.picture.image: m.refusal for m in of_set if m.refusal is not None}
        if "kodak" in folder.name:
            for model, rates in report.against_published(result, published).items():
                result["models"][model]["published"] = rates
        sets[folder.name] = result
    count, encoded = sum(len(m.points) for m in measured), sum(m.encoded for m in measured)
    cards = {model: weights.find_model(model) for model in models}
    return {
        "run": {"points": count, "encoded": encoded, "from_cache": count - encoded},
        "models": {model: {"sha256": card.sha256, "size": card.size, "format": card.format} for model, card in cards.items()},
        "rivals": {name: dict(baselines.CURVES[name].config) for family in args.rivals for name in baselines.FAMILIES[family]},
        "scales": {name: metric.label for name, metric in METRICS.items()},
        "butteraugli": _butteraugli(measured, program),
        "versions": fingerprint.run_facts() | {"python": platform.python_version(), "machine": platform.machine()},
        "sets": sets,
    }


def _butteraugli(measured: Sequence[ImageResult], program: Path | None) -> str:
    if program is None:
        return f"not installed ({butteraugli.HINT}); left out"
    calls, seconds = sum(m.butteraugli_calls for m in measured), sum(m.butteraugli_seconds for m in measured)
    cost = f"{1000 * seconds / calls:.0f} ms a call over {calls} calls" if calls else "not called, all from the cache"
    return f"{program} (SHA-256 {fingerprint.of_file(program)}), {cost}"


def _published(file: Path | None) -> dict[str, Any]:
    """The published curves that are drawn and compared with, empty without a file."""
    found = {} if file is None else json.loads(file.read_text("utf-8"))
    return {codec: found[codec] for codec in PUBLISHED if codec in found}


def _write_points(file: Path, rows: Sequence[BenchmarkPoint]) -> None:
    with file.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["set", "image", "codec", "setting", "bytes", "bpp", *METRICS])
        for p in rows:
            scores = [f"{p.values[name]:.6f}" if name in p.values else "" for name in METRICS]
            table.writerow([p.set, p.image, p.codec, p.setting, p.bytes, f"{p.bpp:.6f}", *scores])


if __name__ == "__main__":
    main()
