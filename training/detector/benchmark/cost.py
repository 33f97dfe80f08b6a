"""Milliseconds of one score beside one AVIF of the same image, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router.codecs.avif import AvifCodec
from router.evaluation.measure.folder import one_thread
from router.images.arrays import from_pixels

if TYPE_CHECKING:
    from router.detector.detector import Detector

SIZES = {"0.4 MP": (512, 768), "2 MP": (1152, 1728), "12 MP": (3000, 4000)}
"""Height and width."""
SPEED = 6
REPEATS = 5
_CELL = 320


def tiled(photographs: Sequence[NDArray[np.uint8]], height: int, width: int) -> NDArray[np.uint8]:
    """(height, width, 3) covered with the middles of `photographs` at native scale, cells of at most 320 px, in turn."""
    canvas = np.empty((height, width, 3), np.uint8)
    number = 0
    for top in range(0, height, _CELL):
        for left in range(0, width, _CELL):
            cell = canvas[top : top + _CELL, left : left + _CELL]
            cell[:] = _middle(photographs[number % len(photographs)], *cell.shape[:2])
            number += 1
    return canvas


def cost(
    detector: Detector,
    photographs: Sequence[NDArray[np.uint8]],
    sizes: dict[str, tuple[int, int]] = SIZES,
    repeats: int = REPEATS,
) -> dict[str, Any]:
    """Median milliseconds by size of `Detector.score` and of one AVIF file, and the first as a share of the second.

    Both are on decoded pixels, AVIF at speed 6, the codec's usual quality and 4:4:4, taken in turn in the same process.
    Every score gets a fresh sample, so that nothing known of an earlier one helps. Loading the detector is not in it: a
    first, untimed score comes before.
    """
    codec, out = AvifCodec(speed=SPEED), {}
    with one_thread(neural=True), threadpool_limits(1):
        for name, (height, width) in sizes.items():
            pixels = tiled(photographs, height, width)
            detector.score(from_pixels(pixels))
            scoring, encoding = [], []
            for _ in range(repeats):
                scoring.append(_milliseconds(detector.score, from_pixels(pixels)))
                encoding.append(_milliseconds(lambda sample: codec.encode(sample, {}), from_pixels(pixels)))
            score, encode = float(np.median(scoring)), float(np.median(encoding))
            out[name] = {
                "megapixels": height * width / 1e6,
                "score_ms": score,
                "score_ms_range": (min(scoring), max(scoring)),
                "avif_ms": encode,
                "avif_ms_range": (min(encoding), max(encoding)),
                "share": score / encode,
            }
    return {"repeats": repeats, "avif_speed": SPEED, "threads": 1, "sizes": out}


def _milliseconds(work: Callable[[Any], object], sample: Any) -> float:
    _ = sample.pixels
    start = time.perf_counter()
    work(sample)
    return 1e3 * (time.perf_counter() - start)


def _middle(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The middle (height, width, 3), mirrored where the photograph is smaller."""
    short = [max(0, want - have) for want, have in zip((height, width), pixels.shape, strict=False)]
    if any(short):
        pixels = np.pad(pixels, [(0, short[0]), (0, short[1]), (0, 0)], mode="symmetric")
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.broadcast_to(pixels[top : top + height, left : left + width], (height, width, 3))
