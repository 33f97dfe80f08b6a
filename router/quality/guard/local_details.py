"""Local details kept beside a baseline: what two codecs leave of their contrast.

Local details are spots, lines and letters that stand on quieter ground.

What a picture may lose at a target is learned from photographs (`artefact.py`). Beside another codec's result at the same target
nothing need be learned: a local detail that the one shows and the other attenuates is a loss.
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
"""Side of the blocks that a local detail is followed in, in px of the octave."""
_LEAST_AREA = 2
"""Px of local details in a block, below which its contrast is not to be told from noise."""
_SHOWN = 0.25
"""Share of its contrast that the baseline must keep for a local detail to count."""
_KEPT = 0.8
"""Share of what the baseline keeps; below it a detail counts as attenuated."""


@dataclass(frozen=True)
class LocalDetails:
    """`seen`: blocks with details that the baseline shows.

    `attenuated`: those of them that keep less than 80 % of what the baseline keeps.
    """

    seen: int
    attenuated: int

    @property
    def share(self) -> float:
        """The share of the seen details that is attenuated; 0 where there is none."""
        return self.attenuated / self.seen if self.seen else 0.0


def compare_local_details(source: Pixels, decoded: Pixels, baseline: Pixels) -> LocalDetails:
    """Count the local details of the source that lose contrast in `decoded` and do not in `baseline`, all (H, W, C).

    At three octaves (local details of about 3, 6 and 12 px), in every block of the band-pass response that holds local
    details: the contrast kept is the regression of the decoded response on the source's, over the local details. In windows,
    so memory is bounded.
    """
    seen = attenuated = 0
    for window in everything(source):
        top, left, bottom, right = (TILE * side for side in window)
        rows = slice(max(0, top - HALO), min(whole_tiles(source.shape[0]), bottom + HALO))
        columns = slice(max(0, left - HALO), min(whole_tiles(source.shape[1]), right + HALO))
        own = (slice(top - rows.start, bottom - rows.start), slice(left - columns.start, right - columns.start))
        more = _of_window([_luma(window_of(image, rows, columns)) for image in (source, decoded, baseline)], own)
        seen, attenuated = seen + more.seen, attenuated + more.attenuated
    return LocalDetails(seen, attenuated)


def _of_window(planes: list[Plane], counted: tuple[slice, slice]) -> LocalDetails:
    """As `compare_local_details`, for one window; only details within the `counted` rows and columns count."""
    import cv2

    seen = attenuated = 0
    for octave in range(_OCTAVES):
        if octave:
            planes = [np.asarray(cv2.pyrDown(plane), np.float32) for plane in planes]
        source, decoded, baseline = planes
        response = detail.band(source)
        strength = np.abs(response)
        details = detail.stands_out(strength, detail.surroundings(strength, octave))
        own = tuple(slice(side.start // _BLOCK >> octave, side.stop // _BLOCK >> octave) for side in counted)
        mean = partial(block_means, side=_BLOCK)
        energy = np.maximum(mean(details * response * response)[own], np.float32(1e-6))
        ours, theirs = (mean(details * response * detail.band(plane))[own] / energy for plane in (decoded, baseline))
        counts = (mean(details)[own] * _BLOCK**2 >= _LEAST_AREA - 0.5) & (theirs >= _SHOWN)
        seen += int(counts.sum())
        attenuated += int((counts & (ours < _KEPT * theirs)).sum())
    return LocalDetails(seen, attenuated)


def _luma(image: NDArray[np.uint8]) -> Plane:
    import cv2

    return np.asarray(cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
