"""Which pictures the search model is fitted on: all domains of `dev`, and photographs of `train` in several sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from router.evaluation.measure.pictures import DomainImage, open_picture, pictures_in, thinned
from router.images.sample import ImageSample

NATURAL_EVERY = 3
"""Of `dev/natural`, each third picture: it is as large as all other domains together."""
DEV_SIDE = 512
TRAIN_SIDES = (512, 768, 512)
"""Longest side of the middle of a photograph of `train`, in turn. (Pictures of `dev` are often smaller than DEV_SIDE.)"""
THUMBNAILS = (32, 48, 64, 96, 128, 192, 256)
"""Longest side, in px: what servers make of photographs by the million, and where curves are uneven."""

THUMBNAILS_NATURAL_EVERY, THUMBNAILS_EVERY = 4, 2
"""Of `dev/natural` and of the other domains, each such picture."""


@dataclass(frozen=True)
class Chosen:
    """A picture, the side of its middle that is looked at, and whether all of a codec's range is measured on it.

    `thumbnail`: the whole picture, made as small as `side`, instead of its middle.
    """

    picture: DomainImage
    side: int
    whole_range: bool
    thumbnail: bool = False

    def open(self) -> ImageSample:
        """What is looked at. Raises InputError, LimitError."""
        return thumbnail(self.picture.path, self.side) if self.thumbnail else open_picture(self.picture.path, self.side)


def thumbnail(path: Path, side: int) -> ImageSample:
    """The whole picture, its longer side made `side` px; smaller ones stay. Raises InputError, LimitError."""
    sample = open_picture(path)
    ratio = side / max(sample.width, sample.height)
    if ratio >= 1:
        return sample
    size = tuple(max(1, round(length * ratio)) for length in (sample.width, sample.height))
    small = cv2.resize(sample.pixels, size, interpolation=cv2.INTER_AREA)
    return sample.replace_pixels(np.ascontiguousarray(small.reshape(size[1], size[0], -1)))


def chosen(data: Path, photographs: int, hold_out: int | None = None, train: str = "train") -> Iterator[Chosen]:
    """In a fixed order. `photographs`: of each source of the folder `train`.

    `hold_out`: leaves out each n-th picture of each domain of `dev`, see `held_out`.
    """
    for domain, pictures in by_domain(data / "dev").items():
        away = set(held_out(pictures, hold_out)) if hold_out else set()
        for picture in thinned(pictures, {"natural": NATURAL_EVERY} if domain == "natural" else {}):
            if picture not in away:
                yield Chosen(picture, DEV_SIDE, False)
    for pictures in by_domain(data / train).values():
        places = np.linspace(0, len(pictures) - 1, photographs + 1).round().astype(int)[:-1]
        for number, place in enumerate(places):
            yield Chosen(pictures[place], TRAIN_SIDES[number % len(TRAIN_SIDES)], True)


def thumbnails(data: Path) -> Iterator[Chosen]:
    """Thumbnails of pictures of `dev`, two sizes of each in turn, in a fixed order."""
    number = 0
    for domain, pictures in by_domain(data / "dev").items():
        every = THUMBNAILS_NATURAL_EVERY if domain == "natural" else THUMBNAILS_EVERY
        for picture in pictures[::every]:
            for place in (number, number + len(THUMBNAILS) // 2):
                yield Chosen(picture, THUMBNAILS[place % len(THUMBNAILS)], False, True)
            number += 1


def held_out(pictures: list[DomainImage], every: int) -> list[DomainImage]:
    """Each n-th picture of one domain, beginning with the second, so that it is not the choice of `thinned`."""
    return pictures[1::every]


def by_domain(folder: Path) -> dict[str, list[DomainImage]]:
    """Pictures of a folder of domains, sorted."""
    found: dict[str, list[DomainImage]] = {}
    for picture in pictures_in([folder]):
        found.setdefault(picture.domain, []).append(picture)
    return found
