"""Means over square tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def tile_means(values: NDArray[Any], tile: int) -> NDArray[np.float64]:
    """Means of an (H, W, C) array over `tile` x `tile` squares, (rows, columns, C).

    A rest of less than half a tile at the right or bottom joins its neighbour: means over slivers are mostly noise.
    """
    starts = [list(range(0, max(1, side - tile // 2), tile)) for side in values.shape[:2]]
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), starts[0], 0), starts[1], 1)
    heights, widths = (np.diff([*s, side]) for s, side in zip(starts, values.shape[:2], strict=True))
    return np.asarray(sums / (heights[:, None] * widths)[..., None])
