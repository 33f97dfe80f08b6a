"""Where curves bend, and which settings are measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CLASSICAL = ("jpeg", "webp", "avif420", "avif444", "jxl")
NEURAL = "ncr"

_AVIF = (1, 6, 14, 22, 32, 43, 55, 66, 76, 85, 93, 99)

KNOTS: Mapping[str, NDArray[np.float64]] = {
    name: np.array(knots, np.float64)
    for name, knots in {
        "jpeg": (1, 4, 8, 15, 25, 38, 52, 66, 78, 86, 91, 92, 97, 100),  # full chroma from 92 on
        "webp": (1, 4, 10, 20, 35, 50, 65, 77, 86, 93, 97, 100),
        "avif420": _AVIF,
        "avif444": _AVIF,
        "jxl": (1, 8, 18, 19, 26, 38, 52, 66, 78, 87, 93, 97, 99),  # up to 18 libjxl codes at half the resolution
        "ncr": (0, 8000, 16000, 26000, 38000, 50000, 58000, 65535),
    }.items()
}
"""By family: from the lowest setting to the highest. Neighbouring settings stand where a codec changes its ways."""

WHOLE: Mapping[str, tuple[int, ...]] = {
    "jpeg": (2, 7, 14, 25, 40, 58, 75, 91, 92, 97),
    "webp": (1, 6, 15, 30, 45, 60, 75, 88, 97),
    "avif420": (4, 12, 20, 30, 40, 55, 70, 85, 97),
    "avif444": (4, 12, 20, 30, 40, 55, 70, 85, 97),
    "jxl": (4, 12, 20, 30, 42, 55, 70, 85, 97),
    "ncr": (2000, 14000, 26000, 38000, 50000, 62000),
}
"""Measured where nothing is known yet."""

EDGES: Mapping[str, tuple[int, ...]] = {
    "jpeg": (7, 97),
    "webp": (1, 97),
    "avif420": (12, 95),
    "avif444": (12, 95),
    "jxl": (12, 97),
    "ncr": WHOLE["ncr"],
}
"""Measured where an evaluation has measured what lies between."""
