"""Predicted against real time on photographs, by codec.

    python -m training.costs.check --data DIR [--every 20] [--megapixels 1.5] [--clock wall] [--costs FILE] [--out FILE]

DIR holds photographs, which are taken as they are; with `--megapixels` every third of them also repeated, mirrored, up to that
size. Each is encoded to SSIMULACRA2 `--target` with each codec, decoded, scored and guarded, as a forced codec is. Costs are
those stored for this machine (`codec-router models benchmark`), or FILE, or measured first with the same clock. `--clock cpu`
counts the process's CPU time on one thread: on a machine that others use too, about what a quiet one would take.

Printed per codec: the median of real / predicted time, predicted for the encodings that the search really took, the 5 % and 95 %
quantiles, the share within the stated band; how many encodings there were; and the median against the prediction that is made
beforehand, with the expected number of encodings.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router.attempts import Scorers, attempt
from router.codecs import registry
from router.codecs.base import Codec
from router.costs import benchmark, store
from router.costs.model import CostModel
from router.costs.picture import picture
from router.costs.predict import Picture, predict
from router.errors import CodecError
from router.images.arrays import from_pixels
from router.images.read import read
from router.images.sample import ImageSample
from router.policy.load import load, shipped_names
from router.quality.guard import GuardLevel
from router.quality.search import MAX_STEPS
from router.quality.target import Target

CODECS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("avif", {}),
    ("avif", {"speed": 9}),
    ("webp", {}),
    ("jpeg", {}),
    ("jxl", {}),
    ("ncr", {}),
    ("png", {}),
    ("webp-lossless", {}),
)


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--every", type=int, default=20)
    ap.add_argument("--megapixels", type=float)
    ap.add_argument("--target", type=float, default=70)
    ap.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    ap.add_argument("--costs", type=Path)
    ap.add_argument("--out", type=Path, default=Path("build/costs.json"))
    args = ap.parse_args(arguments)
    clock = time.perf_counter
    if args.clock == "cpu":
        import cv2
        import torch

        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        clock = time.process_time
    costs = known_costs(args.costs, clock)
    small = from_pixels(picture(0.02, 0, busy=False))
    for codec_id, settings in CODECS:  # imports, weights, tables
        check_one(costs, registry.get(codec_id), settings, small, Target.quality(50), clock)
    rows: list[dict[str, Any]] = []
    for name, sample in samples(args.data, args.every, args.megapixels):
        for codec_id, settings in CODECS:
            codec = registry.get(codec_id)
            row = check_one(costs, codec, settings, sample, Target.quality(args.target), clock)
            if row is not None:
                rows.append({"image": name, "codec": title(codec_id, settings), **row})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def known_costs(file: Path | None, clock: Callable[[], float]) -> store.Costs:
    """From a file, from this machine's store if that was measured by the wall clock as is wanted, or measured now."""
    if file is not None:
        return store.Costs(CostModel.from_json(file.read_bytes()))
    stored = store.load()
    if stored.available and clock is time.perf_counter:
        return stored
    return store.Costs(benchmark.measure(benchmark.tasks(load(n).policy for n in shipped_names()), clock=clock)[0])


def samples(folder: Path, every: int, megapixels: float | None) -> Iterator[tuple[str, ImageSample]]:
    """(name, 8-bit RGB)."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())[::every]
    for index, file in enumerate(files):
        pixels = read(file).pixels
        if pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            continue
        yield file.name, from_pixels(pixels)
        if megapixels is not None and index % 3 == 0:
            height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
            pads = [(0, max(0, n - have)) for n, have in zip((height, height * 4 // 3), pixels.shape, strict=False)]
            yield f"{file.name} enlarged", from_pixels(np.pad(pixels, (*pads, (0, 0)), mode="symmetric"))


def check_one(
    costs: store.Costs, codec: Codec, settings: dict[str, Any], sample: ImageSample, target: Target, clock: Callable[[], float]
) -> dict[str, Any] | None:
    """Predicted and real seconds; None where nothing is known, or the target cannot be reached."""
    prediction = predict(costs, codec, settings, Picture.of(sample), target, GuardLevel.FULL, MAX_STEPS)
    if prediction is None:
        return None
    began = clock()
    try:
        done = attempt(codec, sample, settings, target, GuardLevel.FULL, scorers=Scorers())
    except CodecError:
        return None
    real = clock() - began
    predicted = prediction.once + done.encodings * prediction.step
    return {
        "megapixels": sample.width * sample.height / 1e6,
        "encodings": done.encodings,
        "real": real,
        "predicted": predicted,
        "foreseen": prediction.seconds,
        "within": prediction.band.low <= real / predicted <= prediction.band.high,
    }


def title(codec_id: str, settings: dict[str, Any]) -> str:
    """For people."""
    return " ".join([codec_id, *(f"{k} {v}" for k, v in settings.items())])


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, one line a codec."""
    lines = [
        "| codec | images | real / predicted: median | 5 % to 95 % | within the band | encodings | real / foreseen: median |",
        "|---|---|---|---|---|---|---|",
    ]
    for codec in dict.fromkeys(row["codec"] for row in rows):
        mine = [row for row in rows if row["codec"] == codec]
        ratios = np.array([row["real"] / row["predicted"] for row in mine])
        low, high = np.quantile(ratios, [0.05, 0.95])
        lines.append(
            f"| {codec} | {len(mine)} | {np.median(ratios):.2f} | {low:.2f} to {high:.2f} "
            f"| {sum(row['within'] for row in mine)} of {len(mine)} | {np.mean([row['encodings'] for row in mine]):.2f} "
            f"| {np.median([row['real'] / row['foreseen'] for row in mine]):.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
