"""Fit the shipped detector: photographs of DIR/train, foreign images of DIR/dev/<domain>, calibrated on DIR/dev/natural.

    python -m training.detector.fit --data DIR --out router/artefacts/detectors/photo-3 --cache CACHE

Every photograph is seen under random histories and in random sizes (router/detector/fit/degradations.py): DRAWS views for
fitting, and for calibration one a size: that keeps the calibration scores of a size exchangeable with the score of a new
photograph that went through one such history. A scene is never on both sides.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from router.detector.calibration import DEFAULT_ALPHA
from router.detector.fit import outlier_exposure as stored
from router.detector.fit.build import build
from router.detector.fit.corpus import all_views, image_files, scenes
from router.detector.scorer import SIZES
from training.detector import foreign
from training.detector.made import DOMAINS

DRAWS = 2


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train", default="train", help="folder of photographs below --data (default train)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; its name becomes the detector's id")
    parser.add_argument("--cache", type=Path, required=True, help="folder for embeddings: a run that was stopped goes on")
    parser.add_argument("--without", action="append", default=[], metavar="DOMAIN", help="leave a foreign domain out; repeatable")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)

    train, held_out = image_files(options.data / options.train), image_files(options.data / "dev" / "natural")
    same = scenes([*train, *held_out])
    known = set(same[len(train) :])
    kept = [(path, int(group)) for path, group in zip(train, same, strict=False) if group not in known]
    domains = {
        folder.name: image_files(folder)
        for folder in sorted((options.data / "dev").iterdir())
        if folder.is_dir() and not folder.name.startswith("natural") and folder.name not in options.without
    }

    def shown(results: Iterator[Any], total: int) -> Iterator[Any]:
        return track(results, total=total, description="embedding")

    common = {"seed": options.seed, "cache": options.cache, "jobs": options.jobs, "progress": shown}
    calibrating = all_views(held_out, tuple(SIZES), **common)
    outside = foreign.collect(domains, [path for path, _ in kept], **common)
    fitting = all_views([path for path, _ in kept], (None,) * options.draws, **common)
    manifest = build(
        options.out,
        fitting,
        np.array([group for _, group in kept]).tolist(),
        calibrating,
        outside,
        alpha=DEFAULT_ALPHA,
        seed=options.seed,
        provenance={
            "fitted_on": _by_folder([path for path, _ in kept], options.data),
            "calibrated_on": _by_folder(held_out, options.data),
            "foreign": {name: len(files) for name, files in domains.items()}
            | {foreign.COMPOSITE_DOMAIN: foreign.COMPOSITES}
            | {name: made.count for name, made in DOMAINS.items()},
        },
    )
    stored.write(stored.located().with_name(f"{options.out.name}.safetensors"), outside)
    print(f"{manifest.detector_id} {manifest.sha256}")
    print(manifest.provenance["views"])


def _by_folder(paths: list[Path], root: Path) -> dict[str, int]:
    return dict(Counter(str(path.parent.relative_to(root)) for path in paths))


if __name__ == "__main__":
    main()
