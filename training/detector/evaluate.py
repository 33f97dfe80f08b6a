"""How well the detector tells photographs from other images, by domain.

    python -m training.detector.evaluate --data DIR --split dev|eval [--detector FOLDER] [--json FILE]

`dev`: photographs are DIR/dev/natural under another draw of histories than the calibration's, for choosing features and
densities. `eval`: photographs are DIR/eval/natural_*, as they are. Out-of-distribution images are taken as they are. AUROC has
a bootstrap interval over images (2,000 resamples; degenerate at 1.0), shares have Wilson intervals.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from router.detector.calibration import false_alarm_interval
from router.detector.detector import Detector
from router.detector.report import OodReport
from training.detector.corpus import image_files, open_photograph, read_sample
from training.detector.histories import as_sample, draw, generator

NEAR = frozenset({"satellite_aerial", "cartoon_anime_pixelart", "game_render", "texture"})
COVARIATE = frozenset({"lowlight", "underwater"})
SMALLEST_DOMAIN = 12
TPR = 0.95
RESAMPLES = 2000
HISTORY_SEED = 1001
"""Another seed than any used for fitting."""
MEGAPIXELS = ((512, 512), (1024, 1024), (3000, 4000))

Scores = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "eval"), required=True)
    parser.add_argument("--detector", help="folder or id; the shipped default if left out")
    parser.add_argument("--json", type=Path, help="also write the result here")
    options = parser.parse_args(arguments)
    result = evaluate(Detector.load(options.detector), options.data / options.split)
    print(table(result))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def evaluate(detector: Detector, folder: Path) -> dict[str, Any]:
    """All figures for one split, JSON-able."""
    natural: list[OodReport] = []
    natural_by_source: dict[str, list[OodReport]] = {}
    domains: dict[str, list[OodReport]] = {}
    for domain in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = image_files(domain)
        if not files:
            continue
        if domain.name.startswith("natural"):
            reports = [detector.score(_with_history(f) if domain.name == "natural" else read_sample(f)) for f in files]
            natural += reports
            natural_by_source[domain.name] = reports
        else:
            domains[domain.name] = [detector.score(read_sample(f)) for f in files]
    inside = _scores(natural)
    threshold = float(np.quantile(inside, TPR, method="higher"))
    rows = {name: _row(inside, reports, threshold) for name, reports in domains.items() if len(reports) >= SMALLEST_DOMAIN}
    groups: dict[str, list[OodReport]] = {"far": [], "near": [], "covariate": []}
    small: list[OodReport] = []
    for name, reports in domains.items():
        groups["near" if name in NEAR else "covariate" if name in COVARIATE else "far"] += reports
        small += reports if len(reports) < SMALLEST_DOMAIN else []
    if small:
        rows[f"(domains under {SMALLEST_DOMAIN})"] = _row(inside, small, threshold)
    rejected = sum(not r.in_distribution for r in natural)
    n = len(detector.colour.calibration)
    return {
        "detector_id": detector.id,
        "detector_sha256": detector.sha256,
        "alpha": detector.alpha,
        "domains": rows,
        "mean_auroc": float(np.mean([_auroc(inside, _scores(reports)) for reports in domains.values()])),
        "mean_fpr95": float(np.mean([np.mean(_scores(reports) <= threshold) for reports in domains.values()])),
        "domain_count": len(domains),
        "groups": {name: _row(inside, reports, threshold) for name, reports in groups.items() if reports},
        "natural": {
            "images": len(natural),
            "rejected": rejected,
            "expected_interval": false_alarm_interval(n, len(natural), detector.alpha),
            "by_source": {k: [sum(not r.in_distribution for r in v), len(v)] for k, v in natural_by_source.items()},
        },
        "latency_ms": latency(detector),
    }


def _with_history(path: Path) -> Any:
    image, _ = draw(open_photograph(path), generator(HISTORY_SEED, path.name, 0))
    return as_sample(np.asarray(image))


def _scores(reports: list[OodReport]) -> Scores:
    return np.array([r.ood_score for r in reports])


def _auroc(inside: Scores, outside: Scores) -> float:
    labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    return float(roc_auc_score(labels, np.r_[inside, outside]))


def _row(inside: Scores, reports: list[OodReport], threshold: float) -> dict[str, Any]:
    outside = _scores(reports)
    accepted = int((outside <= threshold).sum())
    missed = sum(r.in_distribution for r in reports)
    return {
        "images": len(reports),
        "auroc": _auroc(inside, outside),
        "auroc_interval": _auroc_interval(inside, outside),
        "fpr95": accepted / len(reports),
        "fpr95_interval": wilson(accepted, len(reports)),
        "accepted_at_alpha": missed / len(reports),
        "accepted_at_alpha_interval": wilson(missed, len(reports)),
    }


def _auroc_interval(inside: Scores, outside: Scores) -> list[float]:
    rng = np.random.default_rng(0)
    wins = (outside[:, None] > inside[None]).astype(float) + 0.5 * (outside[:, None] == inside[None])
    rows, cols = len(outside), len(inside)
    values = [wins[np.ix_(rng.integers(0, rows, rows), rng.integers(0, cols, cols))].mean() for _ in range(RESAMPLES)]
    return [float(v) for v in np.quantile(values, [0.025, 0.975])]


def wilson(count: int, total: int, z: float = 1.96) -> list[float]:
    """Wilson score interval of a share."""
    share = count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return [max(0.0, middle - half), min(1.0, middle + half)]


def latency(detector: Detector, repeats: int = 9) -> dict[str, float]:
    """Median milliseconds of `score` on decoded pixels with one OpenCV thread, by size. Set OMP_NUM_THREADS=1 as well."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        out = {}
        for height, width in MEGAPIXELS:
            grain = np.random.default_rng(0).normal(0, 4, (height, width, 3))
            ramp = np.linspace(40, 200, width)[None, :, None]
            sample = as_sample(np.clip(ramp + grain, 0, 255).astype(np.uint8))
            detector.score(sample)
            times = []
            for _ in range(repeats):
                start = time.perf_counter()
                detector.score(sample)
                times.append(time.perf_counter() - start)
            out[f"{height * width / 1e6:.2f} MP"] = round(float(np.median(times)) * 1e3, 1)
        return out
    finally:
        cv2.setNumThreads(before)


def table(result: dict[str, Any]) -> str:
    """The result as text."""

    def line(name: str, row: dict[str, Any]) -> str:
        a, f, m = row["auroc_interval"], row["fpr95_interval"], row["accepted_at_alpha_interval"]
        return (
            f"| {name} | {row['images']} | {row['auroc']:.3f} [{a[0]:.2f}, {a[1]:.2f}]"
            f" | {row['fpr95']:.2f} [{f[0]:.2f}, {f[1]:.2f}] | {row['accepted_at_alpha']:.2f} [{m[0]:.2f}, {m[1]:.2f}] |"
        )

    natural = result["natural"]
    low, high = natural["expected_interval"]
    return "\n".join(
        [
            f"detector {result['detector_id']} {result['detector_sha256'][:12]}, alpha {result['alpha']}",
            "| domain | images | AUROC | FPR at 95 % TPR | accepted at alpha |",
            "|---|---|---|---|---|",
            *(line(name, row) for name, row in result["domains"].items()),
            *(line(f"**{name}**", row) for name, row in result["groups"].items()),
            f"mean over {result['domain_count']} domains: AUROC {result['mean_auroc']:.3f}, FPR95 {result['mean_fpr95']:.3f}",
            f"photographs rejected: {natural['rejected']} of {natural['images']}"
            f" (95 % interval if exchangeable: {low} to {high}); "
            + ", ".join(f"{k} {v[0]}/{v[1]}" for k, v in natural["by_source"].items()),
            "latency: " + ", ".join(f"{k} {v} ms" for k, v in result["latency_ms"].items()),
        ]
    )


if __name__ == "__main__":
    main()
