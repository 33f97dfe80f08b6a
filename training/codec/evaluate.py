"""Rate-distortion of neural models beside AVIF and WebP: `python -m training.codec.evaluate --data DIR --models ID [ID ...]`.

Real bytes of real streams, decoded again. Prints, per metric, the mean over images of the BD-rate against each rival (Akima
interpolation over the common range, package `bjontegaard`), and writes every point as CSV. For choosing weights give it held-out
or development photographs, never those that results are reported on.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from router.codecs import registry
from router.codecs.base import Codec, Settings
from router.codecs.neural.codec import NeuralCodec
from router.images.read import read
from router.images.sample import ImageSample
from router.quality.metrics import psnr, scorer

METRICS = ("ssimulacra2", "ms-ssim", "psnr")
RIVALS: dict[str, tuple[str, list[Settings]]] = {
    "avif": ("avif", [{"quality": q} for q in (15, 25, 35, 45, 55, 65, 78, 88)]),
    "webp": ("webp", [{"quality": q, "method": 6} for q in (2, 10, 25, 40, 60, 75, 88, 95)]),
}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    ap.add_argument("--data", type=Path, required=True, help="folder of photographs, searched recursively")
    ap.add_argument("--models", nargs="+", required=True)
    ap.add_argument("--limit", type=int, default=12, help="images, evenly spread over the sorted files")
    ap.add_argument("--rates", type=int, default=8, help="rate indices a model, evenly spread")
    ap.add_argument("--out", type=Path, default=Path("build/codec-evaluation.csv"))
    args = ap.parse_args()
    files = sorted(p for p in args.data.rglob("*") if p.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"})
    files = files[:: max(1, len(files) // args.limit)][: args.limit]
    rates: list[Settings] = [{"rate": round(65535 * i / (args.rates - 1))} for i in range(args.rates)]
    codecs: dict[str, tuple[Codec, list[Settings]]] = {m: (NeuralCodec(m), rates) for m in args.models}
    codecs |= {name: (registry.get(codec_id), settings) for name, (codec_id, settings) in RIVALS.items()}

    curves: dict[str, list[np.ndarray]] = {name: [] for name in codecs}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with args.out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "codec", "setting", "bpp", *METRICS])
        for path in files:
            sample = read(path)
            if sample.channels != 3 or sample.metadata.icc is not None:
                sample = sample.replace_pixels(
                    np.repeat(sample.pixels[..., :1], 3, 2) if sample.is_gray else sample.pixels[..., :3]
                )
            judge = _judge(sample)
            for name, (codec, settings) in codecs.items():
                points = np.array([_point(codec, sample, s, judge) for s in settings])
                curves[name].append(points)
                table.writerows([path.name, name, dict(s), *p.round(5)] for s, p in zip(settings, points, strict=True))
            print(path.name, flush=True)
    for name, points in curves.items():
        print(name)
        for row in np.mean(points, 0):
            print("  bpp {:.3f}  ssimulacra2 {:.2f}  ms-ssim {:.4f}  psnr {:.2f}".format(*row))
    for rival in RIVALS:
        for model in args.models:
            print(
                f"{model} against {rival}: "
                + ", ".join(f"{m} {_bd_rate(curves, model, rival, k):+.1f} %" for k, m in enumerate(METRICS, 1))
            )


def _judge(sample: ImageSample) -> Callable[[np.ndarray], list[float]]:
    score, structure = scorer("ssimulacra2", sample.pixels), scorer("ms-ssim", sample.pixels)
    return lambda decoded: [score(decoded), structure(decoded), psnr(sample.pixels, decoded)]


def _point(codec: Codec, sample: ImageSample, settings: Settings, judge: Callable[[np.ndarray], list[float]]) -> list[float]:
    data = codec.encode(sample, settings)
    return [8 * len(data) / (sample.width * sample.height), *judge(codec.decode(data).pixels)]


def _bd_rate(curves: dict[str, list[np.ndarray]], model: str, rival: str, metric: int) -> float:
    """Mean over images, in per cent of the rival's bytes."""
    import bjontegaard

    values = []
    for ours, theirs in zip(curves[model], curves[rival], strict=True):
        a, b = (_rising(points[:, [0, metric]]) for points in (theirs, ours))
        values.append(
            bjontegaard.bd_rate(a[:, 0], a[:, 1], b[:, 0], b[:, 1], method="akima", require_matching_points=False, min_overlap=0)
        )
    return float(np.nanmean(values))


def _rising(points: np.ndarray) -> np.ndarray:
    """Points in order of rate without those that a cheaper one beats: interpolation needs monotone curves."""
    kept: list[np.ndarray] = []
    for point in points[np.argsort(points[:, 0])]:
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return np.array(kept)


if __name__ == "__main__":
    main()
