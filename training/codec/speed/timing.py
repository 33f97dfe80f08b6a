"""The child: times all contestants on one picture, in turn, so that what slows the machine down slows everybody."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from router.codecs.neural.weights import load_model
from training.codec import child
from training.codec.speed import contestants, machine, seams, stages
from training.codec.speed.contestants import Contestant

WARM_UP = 512
"""Side of the corner of a large picture that is coded beforehand."""


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds of every round, bytes and PSNR by contestant; stages by model in the same rounds; seams."""
    processors = child.pin(job["threads"])
    torch.set_num_threads(job["threads"])
    Image.MAX_IMAGE_PIXELS = None  # our own pictures
    pixels: NDArray[np.uint8] = np.load(Path(job["picture"]))
    field = contestants.field(job["models"], job["rate"], job["threads"], job["mbt_qualities"])
    inputs = [c.prepare(pixels) for c in field]
    corner = pixels if pixels.shape[0] <= 2 * WARM_UP else pixels[:WARM_UP, :WARM_UP]
    for contestant in field:
        contestant.decode(contestant.encode(contestant.prepare(corner)))
    load = os.getloadavg()[0]
    results: dict[str, dict[str, Any]] = {c.name: {"encode": [], "decode": []} for c in field}
    broken_down: dict[str, dict[str, list[stages.Seconds]]] = {m: {"encode": [], "decode": []} for m in job["models"]}
    for number in range(job["repeats"]):
        for k in range(len(field)):
            contestant, source = field[(k + number) % len(field)], inputs[(k + number) % len(field)]
            coded = _once(contestant, source, results[contestant.name], pixels if number == 0 else None)
            if contestant.name in broken_down and job["stages"]:
                model = load_model(contestant.name)
                broken_down[contestant.name]["encode"].append(stages.encoding(model, pixels, job["rate"], coded))
                broken_down[contestant.name]["decode"].append(stages.decoding(model, coded))
    return {
        "processors": processors,
        "torch_threads": torch.get_num_threads(),
        "load": load,
        "contestants": results,
        "stages": broken_down if job["stages"] else None,
        "seams": {m: seams.measure(load_model(m), pixels, job["rate"]) for m in job["models"]} if job["seams"] else None,
        "machine": machine.facts(),
    }


def _once(contestant: Contestant, source: Any, result: dict[str, Any], original: NDArray[np.uint8] | None) -> Any:
    """One encoding and one decoding; with `original`, also what came of it. What was coded."""
    began = time.perf_counter()
    coded = contestant.encode(source)
    between = time.perf_counter()
    decoded = contestant.decode(coded)
    result["encode"].append(between - began)
    result["decode"].append(time.perf_counter() - between)
    if original is not None:
        result["bytes"] = contestant.size(coded)
        result["psnr"] = _psnr(original, contestant.pixels(decoded))
    return coded


def _psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """In dB; summed band by band, since a large picture in floating point takes gigabytes."""
    error = 0.0
    for top in range(0, len(original), 256):
        difference = original[top : top + 256].astype(np.float32) - decoded[top : top + 256]
        error += float(np.square(difference, out=difference).sum(dtype=np.float64))
    return float(10 * np.log10(255**2 * original.size / max(error, 1e-9)))


if __name__ == "__main__":
    child.serve(work)
