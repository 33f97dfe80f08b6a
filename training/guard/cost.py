"""What `fast` and `full` cost beside the encoding that they check: CPU seconds on one thread, by image size.

    python -m training.guard.cost --image FILE [--megapixels 0.4 2 12] [--repeats 3]

The image is repeated, mirrored, up to each size. Encoding is one neural encoding at a fixed rate with its decoding, as every step
of a search has them. CPU time (of the process) and not wall time, so that a busy machine shows less.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from router.codecs.base import Lane
from router.codecs.neural.codec import NeuralCodec
from router.images.arrays import from_pixels
from router.quality.guard import GuardLevel, check
from router.quality.target import Target
from training.guard.pictures import Picture, centre_crop

RATE = 39_000


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--image", type=Path, required=True)
    ap.add_argument("--megapixels", type=float, nargs="+", default=[0.4, 2.0, 12.0])
    ap.add_argument("--repeats", type=int, default=3, help="of the guard; the least counts. The codec runs once")
    ap.add_argument("--out", type=Path, default=Path("build/guard-cost.json"))
    args = ap.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print("| MP | encode, s | decode, s | fast, s | full, s | fast / encode | full / encode | full, ms per MP |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    measure(enlarged(centre_crop(args.image, 512), 0.1), 1)  # what only the first call costs
    for megapixels in args.megapixels:
        row = measure(enlarged(centre_crop(args.image, 4096), megapixels), args.repeats)
        rows.append(row)
        size, encode, decode, fast, full = (row[name] for name in ("megapixels", "encode", "decode", "fast", "full"))
        print(
            f"| {size:.2f} | {encode:.2f} | {decode:.2f} | {fast:.3f} | {full:.3f}"
            f" | {fast / encode:.1%} | {full / encode:.1%} | {1000 * full / size:.0f} |",
            flush=True,
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(picture: Picture, repeats: int) -> dict[str, float]:
    """CPU seconds, by what was done, and the size in MP."""
    codec = NeuralCodec()
    sample = from_pixels(picture)
    encode, data = _timed(lambda: codec.encode(sample, {"rate": RATE}), 1)
    decode, decoded = _timed(lambda: codec.decode(data), 1)
    row = {"megapixels": picture.shape[0] * picture.shape[1] / 1e6, "encode": encode, "decode": decode}
    for level in (GuardLevel.FAST, GuardLevel.FULL):
        row[level.value], _ = _timed(
            lambda level=level: check(
                picture,
                decoded.pixels,
                lane=Lane.NEURAL,
                carries=codec.carries,
                level=level,
                target=Target.quality(70),
                score=None,
                model=codec.model,
            ),
            repeats,
        )
    return row


def enlarged(picture: Picture, megapixels: float) -> Picture:
    """4:3, by reflection."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    shape = (height, height * 4 // 3)
    pads = [(0, max(0, wanted - have)) for wanted, have in zip(shape, picture.shape, strict=False)]
    return np.ascontiguousarray(np.pad(picture, (*pads, (0, 0)), mode="symmetric")[: shape[0], : shape[1]])


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        best = min(best, time.process_time() - began)
    return best, result


if __name__ == "__main__":
    main()
