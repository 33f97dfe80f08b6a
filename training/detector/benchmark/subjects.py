"""What is scored: files as they are, photographs under a history, photographs under a shift; each with a key for the cache."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from router.detector.fit import degradations as histories
from router.errors import InputError, LimitError
from router.evaluation.measure import fingerprint
from router.images.arrays import from_pixels
from router.images.sample import ImageSample
from training.detector.benchmark import compositions, corruptions, shifts
from training.detector.benchmark.data import BenchmarkImage
from training.detector.benchmark.shifts import Pixels, Shift, plain

AS_IS, MIX = "as is", "mix"
HISTORY = "history: "
"""Begins the variant of a photograph under one history of the mix."""
CHECKING_SEED = 1001
"""Seed of the histories that false alarms are counted under: another than any used for fitting and calibrating."""
FITTING_SEED = 1
_MOST_DRAWS = 500


@dataclass(frozen=True)
class Subject:
    """One image to score.

    Attributes:
        picture: the file it comes from.
        variant: AS_IS, MIX (a history drawn from the mix), HISTORY and a history's name, or the name of a shift.
        key: says what the image is: equal keys, equal pixels.
        load: the image.
    """

    picture: BenchmarkImage
    variant: str
    key: str
    load: Callable[[], ImageSample]


def as_is(pictures: Iterable[BenchmarkImage]) -> list[Subject]:
    """The files themselves."""
    return [Subject(p, AS_IS, p.sha256(), p.load) for p in pictures]


def under_mix(pictures: Iterable[BenchmarkImage], seed: int, draws: int = 1, size: str | None = None) -> list[Subject]:
    """Photographs under `draws` histories each, drawn from the stated mix.

    With `size` they are cut or enlarged to it, as calibration photographs are, and those left out that cannot be.
    """
    found = [_drawn(p, MIX if size is None else f"{MIX}, {size}", seed, n, size) for p in pictures for n in range(draws)]
    return found if size is None else [s for s in found if _reaches(s.picture, seed, size)]


def under_each_history(pictures: Iterable[BenchmarkImage], seed: int = CHECKING_SEED) -> list[Subject]:
    """Photographs under every history of the mix by itself: the first draw of that name."""
    return [_drawn(p, HISTORY + name, seed, None) for p in pictures for name in histories.MIX]


def shifted(pictures: Iterable[BenchmarkImage], every: Sequence[Shift], donors: str) -> list[Subject]:
    """Photographs under every shift. `donors` names the other images that shifts use."""
    return [_shifted(p, p.sha256(), shift, donors) for p in pictures for shift in every]


def donors_of(pictures: Sequence[BenchmarkImage]) -> tuple[list[Pixels], str]:
    """Pixels of `pictures` for mosaics, without those that cannot be read, and a name for just these images."""
    digest = hashlib.sha256("".join(p.sha256() for p in pictures).encode()).hexdigest()
    return list(readable(pictures)), digest


def readable(pictures: Iterable[BenchmarkImage]) -> Iterator[Pixels]:
    """Pixels of those of `pictures` that can be read."""
    for picture in pictures:
        with contextlib.suppress(InputError, LimitError):
            yield plain(picture.load())


def _drawn(picture: BenchmarkImage, variant: str, seed: int, number: int | None, size: str | None = None) -> Subject:
    key = f"{picture.sha256()}/{variant}/{seed}/{number}/{_recipes()}"
    return Subject(picture, variant, key, lambda: _draw(picture, variant, seed, number, size))


def _draw(picture: BenchmarkImage, variant: str, seed: int, number: int | None, size: str | None) -> ImageSample:
    """Draw `number`; without a number the first that gives the history which `variant` names."""
    photograph, content = _photograph(picture), picture.sha256()
    for attempt in range(_MOST_DRAWS) if number is None else (number,):
        drawn = histories.draw(photograph, histories.generator(seed, content, attempt), size)
        if drawn is not None and (number is not None or drawn[1] == variant.removeprefix(HISTORY)):
            return from_pixels(np.asarray(drawn[0]))
    raise ValueError(f"{variant} was not drawn for {picture.name}")


def _reaches(picture: BenchmarkImage, seed: int, size: str) -> bool:
    try:
        photograph = _photograph(picture)
    except (InputError, LimitError):
        return True  # to be counted as unreadable where it is scored
    return histories.draw(photograph, histories.generator(seed, picture.sha256(), 0), size) is not None


def _photograph(picture: BenchmarkImage) -> Image.Image:
    pixels = plain(picture.load())
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _shifted(picture: BenchmarkImage, sha256: str, shift: Shift, donors: str) -> Subject:
    key = f"{sha256}/{shift.name}/{donors}/{_recipes()}"
    return Subject(picture, shift.name, key, lambda: shift.apply(picture.load(), sha256))


@cache
def _recipes() -> str:
    """Names the code that changes photographs."""
    libraries = (f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "pillow", "opencv-python-headless"))
    return " ".join(
        [fingerprint.code(*(Path(str(m.__file__)) for m in (histories, shifts, corruptions, compositions))), *libraries]
    )
