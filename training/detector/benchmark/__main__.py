"""How well the detector tells photographs from other images, beside its rivals, on one split of a corpus.

    python -m training.detector.benchmark --data DIR --split dev|eval [--cache DIR] [--json FILE] [--figure FILE.svg]

DIR holds train/ (photographs, rivals are fitted on them), dev/natural/ (rivals are calibrated on them), dev/<domain>/ and
eval/<domain>/. Photographs of a split are its domains that start with "natural"; on dev they are seen under one history each,
because the detector is calibrated on the same files, on eval as they are. Set OMP_NUM_THREADS=1 for the cost.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.detector.benchmark import cost, figure, harm, report
from training.detector.benchmark.data import SMALLEST_DOMAIN
from training.detector.benchmark.features import CHOICES
from training.detector.benchmark.run import SECTIONS, BenchmarkRun, figure_groups
from training.detector.benchmark.subjects import AS_IS, MIX


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write. SystemExit for wrong arguments; ArtefactError, UsageError for the detector."""
    options = _arguments(arguments)
    run = BenchmarkRun(options)
    result = run.result()
    print(report.markdown(result))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report.jsonable(result), indent=1) + "\n")
    if options.scores is not None:
        options.scores.parent.mkdir(parents=True, exist_ok=True)
        scores_table(run).to_csv(options.scores, index=False)
    if options.figure is not None:
        figure.draw(options.figure, figure_groups(run))
        print(options.figure)


def scores_table(run: BenchmarkRun) -> pd.DataFrame:
    """A row for every image scored: where it comes from, and score and p-value of every method that scored it."""
    return pd.concat(
        pd.DataFrame(
            {
                "path": [s.picture.name for s in part.subjects],
                "domain": [s.picture.domain for s in part.subjects],
                "group": [s.picture.group for s in part.subjects],
                "source": [s.picture.source for s in part.subjects],
                "variant": [s.variant for s in part.subjects],
                **{f"{name} score": values for name, values in part.scores.items()},
                **{f"{name} p": values for name, values in part.p_values.items()},
            }
        )
        for part in run.scored
    )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    ap = argparse.ArgumentParser(
        prog="python -m training.detector.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--split", choices=("dev", "eval"), required=True)
    ap.add_argument("--detector", help="folder or id; the shipped default if left out")
    ap.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections; default: all")
    ap.add_argument("--features", choices=(*CHOICES, "none"), default="whole", help="of the backbone, for pytorch-ood's")
    ap.add_argument("--photographs", choices=(AS_IS, MIX), help="default: mix on dev, as is on eval")
    ap.add_argument("--disadvantage", type=Path, metavar="PATH", help="measured harm: a report folder, CSV or Parquet")
    ap.add_argument("--target", type=float, default=harm.TARGET, help="SSIMULACRA2 of a report's rows (default 70)")
    ap.add_argument("--cache", type=Path, metavar="DIR", help="keep what was measured there; a second run takes it from there")
    ap.add_argument("--json", type=Path, metavar="FILE")
    ap.add_argument("--scores", type=Path, metavar="FILE.csv", help="also write every image's scores")
    ap.add_argument("--figure", type=Path, metavar="FILE.svg")
    ap.add_argument("--limit", type=int, help="images a domain, evenly spread; default: all")
    ap.add_argument("--fit-limit", type=int, help="photographs that rivals are fitted and calibrated on; default: all")
    ap.add_argument("--shift-limit", type=int, help="photographs that shifts are made from; default: all")
    ap.add_argument("--shifts", nargs="+", metavar="NAME", help="only shifts whose name begins so; default: all")
    ap.add_argument("--draws", type=int, default=3, help="histories of each photograph that rivals are fitted on (default 3)")
    ap.add_argument("--smallest-domain", type=int, default=SMALLEST_DOMAIN, help="smaller domains are pooled (default 12)")
    ap.add_argument("--repeats", type=int, default=cost.REPEATS, help="timings a size (default 5)")
    options = ap.parse_args(arguments)
    if not (options.data / options.split).is_dir():
        ap.error(f"{options.data / options.split} is not a folder")
    if options.figure is not None and set(options.only) == {"cost"}:
        ap.error("--figure needs scores: not with --only cost")
    if options.photographs is None:
        options.photographs = MIX if options.split == "dev" else AS_IS
    return options


if __name__ == "__main__":
    main()
