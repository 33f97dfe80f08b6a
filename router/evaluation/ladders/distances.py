"""Butteraugli of points of a ladder: they are encoded again, and kept by content as points are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.evaluation.ladders import versions
from router.evaluation.ladders.butteraugli import SMALLEST_SIDE, Butteraugli
from router.evaluation.ladders.cache import PointCache, key_of
from router.evaluation.ladders.families import FAMILIES
from router.evaluation.ladders.judge import shown
from router.evaluation.ladders.points import Recoder
from router.images.sample import ImageSample

VERSION = 1
"""Raise it when a value changes."""
NAMES = ("butteraugli_norm", "butteraugli_max")

Points = Mapping[str, Sequence[int]]
Distances = dict[tuple[str, int], dict[str, float]]


def distances(sample: ImageSample, points: Points, cache_folder: Path, program: Path) -> Distances:
    """`NAMES` (3-norm and maximum of the map of distances; 0 is identical, 1 just noticeable) by (family, setting).

    Transparent images are composited on dark and on light gray, and the worse counts.

    Args:
        sample: see `pictures.open_picture`, 8 bits.
        points: settings by family.
        program: see `butteraugli.find`.

    Empty below 8 px a side, where the program has no answer. Raises CodecError, RuntimeError if the program fails.
    """
    if min(sample.height, sample.width) < SMALLEST_SIDE:
        return {}
    cache = PointCache(cache_folder, sample.pixels_sha256)
    tool = versions.digest(program.read_bytes())
    found: Distances = {}
    for family, settings in points.items():
        recoder: Recoder | None = None
        for setting in settings:
            key = key_of("butteraugli", VERSION, tool, family, setting, versions.of_family(FAMILIES[family]))
            known = cache.get(key)
            if known is None:
                recoder = recoder or Recoder(FAMILIES[family], sample)
                known = _measured(program, recoder.source, recoder.decoded(setting))
                cache.put(key, known)
            found[family, setting] = {name: float(known[name]) for name in NAMES}
    return found


def _measured(program: Path, source: NDArray[Any], decoded: NDArray[Any]) -> dict[str, float]:
    values = []
    for reference, candidate in zip(shown(source), shown(decoded), strict=True):
        with closing(Butteraugli(program, _rgb(reference))) as tool:
            maximum, norm = tool.distance(_rgb(candidate))
        values.append((norm, maximum))
    return dict(zip(NAMES, (max(column) for column in zip(*values, strict=True)), strict=True))


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
