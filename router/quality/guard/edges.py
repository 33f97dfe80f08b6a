"""Edges and thin lines kept: how much gradient, or band response, the decoded image lacks in the same place.

Only where it has a direction (coherence of the structure tensor, Bigun and Granlund 1987), and against what is usual around it:
losing half of the grass is what every codec does, losing half of a line on a plain ground is not.
"""

from __future__ import annotations

import numpy as np

from router.quality.guard.planes import TILE, Plane, block_maxima, block_means

BLOCK = 16
"""Side of the squares that are judged, in px of the image."""
_FLOOR = 4.0
"""Energy in squared 8-bit steps below which a direction is chance."""
_NOISE = 1.0
"""Amplitude in 8-bit steps that no ground is quieter than."""


def edges_lost(source: Plane, decoded: Plane, octave: int) -> tuple[Plane, Plane]:
    """(per tile, the largest loss of directed gradient in a block; coherence per block, [0, 1])."""
    (sx, sy), (dx, dy) = _gradients(source), _gradients(decoded)
    side = BLOCK >> octave
    across, down, both = block_means(sx * sx, side), block_means(sy * sy, side), block_means(sx * sy, side)
    kept = block_means(sx * dx + sy * dy, side)
    energy = across + down
    coherence = np.sqrt((across - down) ** 2 + 4 * both * both) / (energy + np.float32(_FLOOR))
    return _lost(energy, kept, coherence), coherence


def lines_lost(source: Plane, decoded: Plane, coherence: Plane) -> Plane:
    """Per tile, the largest loss of directed band response in a block; `coherence` from the first octave's edges."""
    return _lost(block_means(source * source, BLOCK), block_means(source * decoded, BLOCK), coherence)


def _lost(energy: Plane, kept: Plane, coherence: Plane) -> Plane:
    """The lost share of a block's amplitude, over the usual amplitude around it."""
    import cv2

    amplitude = np.sqrt(energy + np.float32(_NOISE**2))
    usual = np.asarray(cv2.medianBlur(amplitude, 3), np.float32)
    return block_maxima((energy - kept) / amplitude * coherence / (np.float32(_NOISE) + usual), TILE // BLOCK)


def _gradients(plane: Plane) -> tuple[Plane, Plane]:
    across, down = np.empty_like(plane), np.empty_like(plane)
    np.subtract(plane[:, 1:], plane[:, :-1], out=across[:, :-1])
    np.subtract(plane[1:], plane[:-1], out=down[:-1])
    across[:, -1], down[-1] = 0, 0
    return across, down
