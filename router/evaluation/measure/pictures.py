"""The images of an evaluation: found in folders, opened as codecs see them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from router.codecs._opaque import without_opaque_alpha
from router.errors import InputError, UsageError
from router.files.named import is_folder
from router.folders import LeftOut, images_below
from router.images.read import read
from router.images.sample import ImageSample, Pixels
from router.reasons import ReasonCode
from router.routing.preparation import apply_metadata_choice

T = TypeVar("T")


@dataclass(frozen=True)
class DomainImage:
    r"""`domain` it belongs to, `image` (its path below the domain's folder, with slashes) and where it lies.

    Both names are valid UTF-8, which tables and pages need: what is not in a file's name stands as an escape, "caf\xe9.png".
    """

    domain: str
    image: str
    path: Path


def pictures_in(folders: Iterable[Path], left_out: LeftOut | None = None) -> list[DomainImage]:
    """Images of each folder, sorted. A sub-folder is a domain, with all below it; images in the folder itself are one domain.

    Hidden files are left out. `left_out` is told what else was, and which folders could not be searched; without it, such a
    folder is an error.

    Raises InputError (NOT_FOUND) for a folder without images, (UNREADABLE); UsageError (BAD_ARGUMENT) where two images would have
    one domain and one name.
    """
    told = LeftOut() if left_out is None else left_out
    found: dict[tuple[str, str], DomainImage] = {}
    for folder in folders:
        before = len(found)
        for picture in _in_folder(folder, told):
            other = found.setdefault((picture.domain, picture.image), picture)
            if other is not picture:
                raise UsageError(
                    f"{other.path} and {picture.path} are both {picture.domain}/{picture.image}",
                    code=ReasonCode.BAD_ARGUMENT,
                    hint="Evaluate the folders one by one, or rename one of the domains",
                )
        if len(found) == before:
            raise InputError(f"no image in {folder}", code=ReasonCode.NOT_FOUND, hint="Give a folder of images, or of folders")
    if left_out is None and told.problems:
        raise told.problems[0][1]
    return list(found.values())


def thinned(pictures: Sequence[DomainImage], every: Mapping[str, int]) -> list[DomainImage]:
    """Every n-th picture of the domains named in `every`, in sorted order from the first; all pictures of the other domains."""
    counts: dict[str, int] = {}
    kept = []
    for picture in pictures:
        place = counts.get(picture.domain, 0)
        counts[picture.domain] = place + 1
        if place % every.get(picture.domain, 1) == 0:
            kept.append(picture)
    return kept


def at_most(pictures: Sequence[DomainImage], count: int) -> list[DomainImage]:
    """Up to `count` pictures a domain, evenly spread over the sorted files, first and last among them."""
    by_domain: dict[str, list[DomainImage]] = {}
    for picture in pictures:
        by_domain.setdefault(picture.domain, []).append(picture)
    kept: list[DomainImage] = []
    for found in by_domain.values():
        kept += evenly(found, count)
    return kept


def evenly(items: Sequence[T], count: int | None) -> list[T]:
    """Up to `count` of them, evenly spread, first and last among them; all without a count."""
    if count is None or count >= len(items):
        return list(items)
    return [items[place] for place in np.linspace(0, len(items) - 1, count).round().astype(int)]


def open_picture(path: Path, max_side: int | None = None) -> ImageSample:
    """The image without metadata, in sRGB where that loses nothing, without an alpha channel that is opaque everywhere.

    `max_side`: a centre crop that is at most this long and wide, to bound the cost. Raises InputError, LimitError.
    """
    sample = without_opaque_alpha(apply_metadata_choice(read(path), "strip"))
    return sample if max_side is None else _cropped(sample, max_side)


def _cropped(sample: ImageSample, side: int) -> ImageSample:
    if max(sample.width, sample.height) <= side:
        return sample
    top, left = (max(0, (length - side) // 2) for length in (sample.height, sample.width))
    pixels = np.ascontiguousarray(sample.pixels[top : top + side, left : left + side])
    return sample.replace_pixels(cast("Pixels", pixels))


def _label(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _in_folder(folder: Path, left_out: LeftOut) -> list[DomainImage]:
    if not is_folder(folder):
        raise InputError(f"{folder} is not a folder", code=ReasonCode.NOT_FOUND)
    found = []
    for path in images_below(folder, left_out=left_out):
        parts = path.relative_to(folder).parts
        domain = parts[0] if len(parts) > 1 else folder.resolve().name
        found.append(DomainImage(_label(domain), _label("/".join(parts[1:] or parts)), path))
    return found
