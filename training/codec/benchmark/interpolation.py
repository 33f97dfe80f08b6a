"""How far BD-rates from a few points are off those of every setting, by the way of interpolation.

    python -m training.codec.benchmark.interpolation IMAGE [IMAGE ...] --cache DIR

Every setting of each classical codec is encoded once on the middle of each image and kept in DIR. The points compared are those
that a sweep starts from, whole sweeps, and the settings of the codec's benchmark. Errors in percentage points.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from pathlib import Path

import bjontegaard
import numpy as np

from router.evaluation.comparison.bd_rate import Points, envelope
from router.evaluation.comparison.curves import RateCurve
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.folder import TARGETS
from router.evaluation.measure.pictures import open_picture
from router.evaluation.measure.point import CURVE, Point
from router.evaluation.measure.sweep import sweep
from router.evaluation.measure.variants import VARIANTS
from training.codec.benchmark.baselines import CURVES

METHODS = ("pchip", "akima", "cubic")
_BENCHMARK = {"jpeg": "jpeg-420", "webp": "webp", "avif444": "avif-444", "jxl": "jxl"}


def main(argv: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("images", type=Path, nargs="+")
    ap.add_argument("--cache", type=Path, required=True)
    ap.add_argument("--max-side", type=int, default=192)
    args = ap.parse_args(argv)
    errors: dict[tuple[str, str], list[float]] = defaultdict(list)
    for image in args.images:
        with ImageCoder(open_picture(image, args.max_side), args.cache) as coder:
            names = [name for name in _BENCHMARK if coder.refusal(VARIANTS[name]) is None]
            every = {name: _every(coder, name) for name in names}
        for kind in ("start", "sweep", "benchmark"):
            chosen = {name: _settings(kind, name, points) for name, points in every.items()}
            for metric, a, b in ((str(metric), *pair) for metric in CURVE for pair in permutations(names, 2)):
                anchor, test = (_curve(every[name], chosen[name], metric) for name in (a, b))
                low, high = max(anchor[0, 1], test[0, 1]), min(anchor[-1, 1], test[-1, 1])
                if high - low < 1e-6:
                    continue
                whole = [_curve(every[name], every[name], metric) for name in (a, b)]
                truth = _integrated(whole[0], whole[1], np.linspace(low, high, 4001))
                for method in METHODS:
                    if min(len(anchor), len(test)) >= (4 if method == "cubic" else 2):
                        errors[kind, method].append(_rate(anchor, test, method) - truth)
    for kind in ("start", "sweep", "benchmark"):
        for method in METHODS:
            print(f"{kind:10s}", _summary(method, errors[kind, method]))
    for method in METHODS:
        print("all       ", _summary(method, [e for (_, m), found in errors.items() if m == method for e in found]))


def _summary(method: str, errors: Sequence[float]) -> str:
    off = np.abs(errors)
    return f"{method}: mean {off.mean():.2f}, 95 % {np.quantile(off, 0.95):.2f}, bias {np.mean(errors):+.2f}, pairs {len(off)}"


def _every(coder: ImageCoder, name: str) -> dict[int, Point]:
    knob = VARIANTS[name].codec().knob
    assert knob is not None
    return {setting: coder.point(VARIANTS[name], setting, CURVE) for setting in range(knob.low, knob.high + 1)}


def _settings(kind: str, name: str, points: Mapping[int, Point]) -> Sequence[int]:
    knob = VARIANTS[name].codec().knob
    assert knob is not None
    if kind == "sweep":
        return sweep(lambda setting: float(points[setting].values["ssimulacra2"]), knob, VARIANTS[name].start, TARGETS)
    return VARIANTS[name].start if kind == "start" else CURVES[_BENCHMARK[name]].start


def _curve(points: Mapping[int, Point], settings: Iterable[int], metric: str) -> Points:
    chosen = [points[setting] for setting in settings]
    return envelope([RateCurve.through(metric, [p.bytes for p in chosen], [p.values[metric] for p in chosen])])


def _integrated(anchor: Points, test: Points, quality: Points) -> float:
    logs = [np.interp(quality, curve[:, 1], np.log(curve[:, 0])) for curve in (anchor, test)]
    return float(100 * (np.exp(np.trapezoid(logs[1] - logs[0], quality) / np.ptp(quality)) - 1))


def _rate(anchor: Points, test: Points, method: str) -> float:
    return float(bjontegaard.bd_rate(*anchor.T, *test.T, method=method, require_matching_points=False, min_overlap=0))


if __name__ == "__main__":
    main()
