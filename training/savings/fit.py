"""Fit the gain model of one neural model, on DIR/dev.

    python -m training.savings.fit --data DIR --cache LADDER_CACHE --out router/artefacts/gains/photo-0.2

Points of centre crops come from the cache of `codec-router evaluate`; what is not there is encoded. New weights cost the neural
points only: about 2 s an image on one core; the fit itself takes half a minute. Prints held-out errors (folds over images, whole
domains left out), coverage of the interval and what the rule `gain.bytes_saved > 0.0` is worth; `--rivals` compares other
regressors. Images that the codec was trained on are not used: on them it does better than it will.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from router.codecs import registry
from router.codecs.base import Lane
from router.prediction.savings import artefact
from router.prediction.savings.features import EMBEDDING, FEATURES_VERSION, names
from training.savings import report
from training.savings.measured import SavingsData, measure
from training.savings.regression import CAP, FOLDS, RIDGE, WIDTH, fit

COVERAGE = 0.9


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--cache", type=Path, required=True, help="folder of measured points, as of `codec-router evaluate`")
    ap.add_argument("--out", type=Path, required=True, help="folder to write; its name becomes the id")
    ap.add_argument(
        "--every", action="append", default=[], metavar="DOMAIN=N", help="each n-th image of a domain only; repeatable"
    )
    ap.add_argument("--jobs", type=int, default=1)
    ap.add_argument("--rivals", action="store_true", help="also compare other regressors")
    args = ap.parse_args(arguments)
    began = time.monotonic()
    every = {name: int(count) for name, _, count in (text.partition("=") for text in args.every)}
    with Progress(transient=True) as progress:
        task = progress.add_task("coding", total=None)
        folder = args.data / "dev"
        measured = measure(folder, args.cache, every=every, jobs=args.jobs, tell=lambda _: progress.advance(task))
    print(f"{len(measured.domain)} images, {time.monotonic() - began:.0f} s")
    for text in write(args.out, measured, baselines=args.rivals):
        print(text)
    print(f"{time.monotonic() - began:.0f} s")


def write(out: Path, measured: SavingsData, *, baselines: bool = False) -> list[str]:
    """The artefact of the installed neural codec, fitted on all of `measured`, and lines that say how good it is."""
    weights = registry.first_in_lane(Lane.NEURAL).weights()
    assert weights is not None
    manifest = artefact.SavingsManifest(
        schema_version=artefact.SCHEMA_VERSION,
        gain_id=out.name,
        model=weights.model,
        model_sha256=weights.sha256,
        embedding=EMBEDDING,
        features_version=FEATURES_VERSION,
        targets=measured.targets,
        coverage=COVERAGE,
        cap=CAP,
        width=WIDTH / len(names()),
        provenance={},
    )
    fitted = fit(measured)
    figures = report.figures(measured, fitted, manifest)
    provenance = {
        "images": dict(sorted(Counter(map(str, measured.domain)).items())),
        "regressor": {"kernel": "laplacian", "folds": FOLDS, "ridge": RIDGE},
        "held_out": figures,
    }
    manifest = artefact.write(out, manifest.model_copy(update={"provenance": provenance}), fitted.arrays)
    lines = [f"{manifest.gain_id} {manifest.sha256}", json.dumps(figures, indent=1)]
    lines.append(f"{'kernel ridge':20} {report.line(measured, fitted.held_out, report.is_photograph(measured))}")
    return [*lines, *(report.baselines(measured) if baselines else ())]


if __name__ == "__main__":
    main()
