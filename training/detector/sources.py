"""False alarms on a source of photographs that the calibration has not seen, and by history.

    python -m training.detector.sources --data DIR --cache CACHE [--detector FOLDER]

CACHE: as given to `training.detector.fit`. Each source of DIR/dev/natural (the file name up to "__") in turn is taken out of the
calibration and judged by what is left of it; the estimators stay as they are, fitted on other photographs of mostly these.
By history: each draw is judged by all others of its stratum (leave one out), so the sum over histories is alpha by construction.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from router.detector.calibration import ScoreCalibration
from router.detector.detector import Detector
from router.detector.fit.corpus import all_views, image_files
from router.detector.scorer import SIZES
from router.evaluation.statistics import wilson

ALPHAS = (0.01, 0.05, 0.1)
SEED = 1


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--detector")
    options = parser.parse_args(arguments)
    detector = Detector.load(options.detector)
    files = image_files(options.data / "dev" / "natural")
    strata: dict[tuple[bool, str], list[tuple[str, str, float]]] = defaultdict(list)
    for path, views in zip(files, all_views(files, tuple(SIZES), seed=SEED, cache=options.cache), strict=True):
        for view in views:
            scorer_of_kind = detector.gray if view.image.gray else detector.colour
            if scorer_of_kind is not None:
                raw = float(scorer_of_kind.raw([view.image])[0])
                strata[view.image.gray, view.size].append((path.name.split("__")[0], view.history, raw))
    by_source, by_history = defaultdict(list), defaultdict(list)
    for found in strata.values():
        sources = np.array([source for source, _, _ in found])
        raw = np.array([score for _, _, score in found])
        for i, (source, history, score) in enumerate(found):
            for groups, name, others in ((by_source, source, raw[sources != source]), (by_history, history, np.delete(raw, i))):
                if len(others):  # a stratum may hold one source only
                    calibration = ScoreCalibration(others)
                    groups[name].append(calibration.p_value(float(calibration.scale(score))))
    for title, groups in (("source left out of the calibration", by_source), ("history", by_history)):
        print(f"| {title} | draws | " + " | ".join(f"flagged at {alpha}" for alpha in ALPHAS) + " |")
        print("|---|---|" + "---|" * len(ALPHAS))
        for name, values in sorted(groups.items()):
            print(f"| {name} | {len(values)} | " + " | ".join(_share(np.array(values), alpha) for alpha in ALPHAS) + " |")


def _share(p_values: np.ndarray, alpha: float) -> str:
    count = int((p_values <= alpha).sum())
    low, high = wilson(count, len(p_values))
    return f"{count / len(p_values):.3f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
