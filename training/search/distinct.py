"""Which settings of a knob give different files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Codec
from router.images.arrays import from_pixels

SIDE = 48
PICTURES = 2
MOST = 1000


def distinct_settings(codec: Codec) -> NDArray[np.int64] | None:
    """The lowest of each run of neighbouring settings with the same file, on small noisy pictures.

    None if all differ, or if there are more than `MOST`.
    """
    knob = codec.knob
    if knob is None or knob.high - knob.low > MOST:
        return None
    rng = np.random.default_rng(1)
    samples = [from_pixels(_picture(rng)) for _ in range(PICTURES)]
    files = [tuple(codec.encode(s, {knob.name: setting}) for s in samples) for setting in range(knob.low, knob.high + 1)]
    kept = [knob.low] + [knob.low + n for n in range(1, len(files)) if files[n] != files[n - 1]]
    return None if len(kept) == len(files) else np.array(kept, np.int64)


def _picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE))[..., None] * np.array([1.0, 1.5, 0.5])
    return np.clip(ramp + rng.normal(0, 25, (SIDE, SIDE, 3)) + 40, 0, 255).astype(np.uint8)
