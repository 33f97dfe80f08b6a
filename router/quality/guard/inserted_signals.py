"""Inserted signals: what two codecs leave of the faintest structures, at the settings of their results.

A picture's own local details (`local_details.py`) say what was lost of them, not what would be lost of a lesion or a hairline
crack that lies elsewhere. So such structures are planted, and the picture is coded again: of all structures that were tried,
spots of 3 px and hairlines of 1 px, or 2 px where they are fainter still, are what the neural codec loses first
(docs/internals/guard.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import pi

from router.images.sample import Pixels
from router.quality.guard.structures import Planted, contrast_left, hairline, is_lost, plant, spot

Recode = Callable[[Pixels], Pixels]
"""Codes and decodes a picture, (H, W, C), at the settings of a result."""

CELL = 32
"""Side of the square that one signal has for itself, in px."""
WINDOW = 512
MOST_PIXELS = 1 << 20
"""Px up to which the whole picture gets signals; of larger ones four windows of `WINDOW` px, in the middles of their quarters."""
_KINDS = (
    *(("spot", 3.0, contrast) for contrast in (2.0, 5.0, 10.0, 15.0)),
    ("hairline", 1.0, 2.0),
    ("hairline", 1.0, 5.0),
    ("hairline", 2.0, 2.0),
)
"""Kind, size in px, contrast in % of the full scale."""
_TURN = 0.6180339887
"""Part of half a turn from one line to the next: the golden ratio, which never comes back to an angle."""


@dataclass(frozen=True)
class InsertedSignals:
    """`shown`: signals that the baseline shows.

    `lost`: those of them of which we keep less than 80 % of the contrast it keeps.
    """

    shown: int
    lost: int

    @property
    def share(self) -> float:
        """The share of the shown signals that is lost; 0 where none is shown."""
        return self.lost / self.shown if self.shown else 0.0


def compare_inserted_signals(source: Pixels, ours: Recode, theirs: Recode) -> InsertedSignals:
    """Plant inserted signals into `source`, (H, W, C), one in each cell, and see which of them two codecs keep.

    What a codec makes of a signal is how its result differs with and without it, so that its error elsewhere is not taken for
    contrast. The same picture gets the same inserted signals. Nothing can be planted below 32 px.
    """
    shown = lost = 0
    for plain in _windows(source):
        with_signals = plain.copy()
        structures = list(_planted(with_signals))
        if not structures:
            continue
        results = [(recode(plain), recode(with_signals)) for recode in (ours, theirs)]
        for structure in structures:
            fate = is_lost(*(contrast_left(structure, *result) for result in results))
            shown, lost = shown + (fate is not None), lost + bool(fate)
    return InsertedSignals(shown, lost)


def coded_area(width: int, height: int) -> int:
    """Px that each codec codes for inserted signals in a picture of this size; what its result decodes to is known already."""
    return width * height if width * height <= MOST_PIXELS else 2 * 4 * min(width, WINDOW) * min(height, WINDOW)


def _windows(source: Pixels) -> Iterator[Pixels]:
    height, width = source.shape[:2]
    if height * width <= MOST_PIXELS:
        yield source
        return
    for row in (1, 3):
        for column in (1, 3):
            top, left = (max(0, length * part // 4 - WINDOW // 2) for length, part in ((height, row), (width, column)))
            yield source[top : top + WINDOW, left : left + WINDOW]


def _planted(picture: Pixels) -> Iterator[Planted]:
    """Draws into `picture`."""
    columns = picture.shape[1] // CELL
    for number in range(picture.shape[0] // CELL * columns):
        kind, size, contrast = _KINDS[number % len(_KINDS)]
        mask = spot(CELL, size) if kind == "spot" else hairline(CELL, size, number * _TURN % 1 * pi)
        place = number // columns * CELL, number % columns * CELL
        structure = plant(picture, place, mask, kind, size, contrast)
        if structure is not None:
            yield structure
