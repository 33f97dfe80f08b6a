"""Foreign domains that are made by formulas instead of collected: they can be drawn without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from training.detector.patterns import pattern
from training.detector.phantoms import phantom


@dataclass(frozen=True)
class GeneratedDomain:
    """One domain that is made: `count` pictures by `draw`.

    Half of them are under a history of the mix, those in turn in one of two `sizes`. `weight` is that of the domain in sum,
    1 being that of a domain of collected images.
    """

    count: int
    draw: Callable[[np.random.Generator], Image.Image]
    sizes: tuple[str, str]
    weight: float = 1


DOMAINS: dict[str, GeneratedDomain] = {
    "pattern": GeneratedDomain(120, pattern, ("some", "full")),
    "phantom": GeneratedDomain(160, phantom, ("some", "few"), weight=4),
}
