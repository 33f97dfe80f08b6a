"""Which pictures the prior is fitted on: all domains of `dev`, and photographs of `train` in several sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from router.evaluation.ladders.pictures import Picture, pictures_in, thinned

NATURAL_EVERY = 3
"""Of `dev/natural`, each third picture: it is as large as all other domains together."""
DEV_SIDE = 512
TRAIN_SIDES = (512, 768, 512)
"""Longest side of the middle of a photograph of `train`, in turn. (Pictures of `dev` are often smaller than DEV_SIDE.)"""


@dataclass(frozen=True)
class Chosen:
    """A picture, the side of its middle that is looked at, and whether all of a codec's range is measured on it."""

    picture: Picture
    side: int
    whole_range: bool


def chosen(data: Path, photographs: int, hold_out: int | None = None) -> Iterator[Chosen]:
    """In a fixed order. `photographs`: of each source of `train`.

    `hold_out`: leaves out each n-th picture of each domain of `dev`, see `held_out`.
    """
    for domain, pictures in by_domain(data / "dev").items():
        away = set(held_out(pictures, hold_out)) if hold_out else set()
        for picture in thinned(pictures, {"natural": NATURAL_EVERY} if domain == "natural" else {}):
            if picture not in away:
                yield Chosen(picture, DEV_SIDE, False)
    for pictures in by_domain(data / "train").values():
        places = np.linspace(0, len(pictures) - 1, photographs + 1).round().astype(int)[:-1]
        for number, place in enumerate(places):
            yield Chosen(pictures[place], TRAIN_SIDES[number % len(TRAIN_SIDES)], True)


def held_out(pictures: list[Picture], every: int) -> list[Picture]:
    """Each n-th picture of one domain, beginning with the second, so that it is not the choice of `thinned`."""
    return pictures[1::every]


def by_domain(folder: Path) -> dict[str, list[Picture]]:
    """Pictures of a folder of domains, sorted."""
    found: dict[str, list[Picture]] = {}
    for picture in pictures_in([folder]):
        found.setdefault(picture.domain, []).append(picture)
    return found
