"""How closely the guard looks, and how rare a picture must be to be refused."""

from __future__ import annotations

from enum import StrEnum

DEFAULT_QUANTILE = 0.99
QUANTILES = (0.5, 0.999)
"""Smallest and largest quantile that a policy may name."""


class GuardLevel(StrEnum):
    """Each level checks all that the one before it checks; docs/internals/guard.md says what each promises.

    `off`: the stream decodes, geometry, exact alpha, identity of lossless lanes. `fast`: also the target where a search has
    measured it, and a bounded number of tiles of neural results. `full`: the target always, and every tile of neural results.
    `strict`: every tile of every lossy result; and a neural result must be smaller than the first classical codec's, and no
    worse, on faint structures planted for the purpose too.
    """

    OFF = "off"
    FAST = "fast"
    FULL = "full"
    STRICT = "strict"

    @property
    def scores(self) -> bool:
        """Whether the whole image is scored also where no search has done so."""
        return self in (GuardLevel.FULL, GuardLevel.STRICT)
