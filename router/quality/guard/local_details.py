"""Marks kept beside a rival: spots, lines and letters that stand on quieter ground, and what two codecs leave of their contrast.

What a picture may lose at a target is learned from photographs (`artefact.py`). Beside another codec's result at the same target
nothing need be learned: a mark that the one shows and the other lets fade is a loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from router.images.sample import Pixels
from router.quality.guard import detail
from router.quality.guard.measure import HALO, everything
from router.quality.guard.planes import TILE, Plane, block_means, whole_tiles, window_of

_OCTAVES = 3
_BLOCK = 8
"""Side of the blocks that a mark is followed in, in px of the octave."""
_LEAST_AREA = 2
"""Px of marks in a block, below which its contrast is not to be told from noise."""
_SHOWN = 0.25
"""Share of its contrast that the rival must keep for a mark to count."""
_KEPT = 0.8
"""Share of what the rival keeps; below it a mark has faded."""


@dataclass(frozen=True)
class Marks:
    """`seen`: blocks with marks that the rival shows. `faded`: those of them that keep less than 80 % of what the rival keeps."""

    seen: int
    faded: int

    @property
    def share(self) -> float:
        """faded / seen; 0 where there is no mark."""
        return self.faded / self.seen if self.seen else 0.0


def compare(source: Pixels, decoded: Pixels, rival: Pixels) -> Marks:
    """Of three (H, W, C) images: how many of the source's marks fade in `decoded` that do not in `rival`.

    At three octaves (marks of about 3, 6 and 12 px), in every block of the band-pass response that holds marks: the contrast kept
    is the regression of the decoded response on the source's, over the marks. In windows, so memory is bounded.
    """
    seen = faded = 0
    for window in everything(source):
        top, left, bottom, right = (TILE * side for side in window)
        rows = slice(max(0, top - HALO), min(whole_tiles(source.shape[0]), bottom + HALO))
        columns = slice(max(0, left - HALO), min(whole_tiles(source.shape[1]), right + HALO))
        own = (slice(top - rows.start, bottom - rows.start), slice(left - columns.start, right - columns.start))
        more = _of_window([_luma(window_of(image, rows, columns)) for image in (source, decoded, rival)], own)
        seen, faded = seen + more.seen, faded + more.faded
    return Marks(seen, faded)


def _of_window(planes: list[Plane], counted: tuple[slice, slice]) -> Marks:
    """Of source, decoded and rival; only marks within `counted` rows and columns count."""
    import cv2

    seen = faded = 0
    for octave in range(_OCTAVES):
        if octave:
            planes = [np.asarray(cv2.pyrDown(plane), np.float32) for plane in planes]
        source, decoded, rival = planes
        response = detail.band(source)
        strength = np.abs(response)
        marks = detail.marked(strength, detail.surroundings(strength, octave))
        own = tuple(slice(side.start // _BLOCK >> octave, side.stop // _BLOCK >> octave) for side in counted)
        mean = partial(block_means, side=_BLOCK)
        energy = np.maximum(mean(marks * response * response)[own], np.float32(1e-6))
        ours, theirs = (mean(marks * response * detail.band(plane))[own] / energy for plane in (decoded, rival))
        counts = (mean(marks)[own] * _BLOCK**2 >= _LEAST_AREA - 0.5) & (theirs >= _SHOWN)
        seen += int(counts.sum())
        faded += int((counts & (ours < _KEPT * theirs)).sum())
    return Marks(seen, faded)


def _luma(image: NDArray[np.uint8]) -> Plane:
    import cv2

    return np.asarray(cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
