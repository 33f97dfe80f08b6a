"""From files to embedded views of photographs: cached by content, resumable, in parallel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from router.detector import embeddings
from router.detector.embeddings.base import Embedded, embed
from router.detector.fit.degradations import draw, generator
from router.detector.patches import MIN_SIDE, extract_patches
from router.folders import LeftOut, images_below
from router.images.arrays import from_pixels
from router.images.read import read
from router.images.sample import ImageSample

FIT_SIZES = {"full": 0.5, "some": 0.35, "few": 0.15}
"""How often a photograph is shown in each size when estimators are fitted."""
_SAME_SCENE = 6


@dataclass(frozen=True, eq=False)
class View:
    """One embedded view of a photograph: in which size, after which history; `image` tells whether it is gray."""

    image: Embedded
    size: str
    history: str


def image_files(folder: Path, left_out: LeftOut | None = None) -> list[Path]:
    """Every image below `folder`, sorted; hidden ones are left out, and `left_out` is told of the others that were.

    Raises InputError (UNREADABLE) if a folder below cannot be searched: what is fitted must not depend on that.
    """
    told = LeftOut() if left_out is None else left_out
    found = images_below(folder, left_out=told)
    if told.problems:
        raise told.problems[0][1]
    animations = [path for path in found if path.suffix.lower() == ".gif"]
    if animations:
        told.kinds["GIF, hardly a photograph"] = animations
    return [path for path in found if path.suffix.lower() != ".gif"]


def read_sample(path: Path) -> ImageSample:
    """One image as it is, upright. Raises InputError, LimitError."""
    return read(path)


def embedded(sample: ImageSample, names: Sequence[str] = embeddings.DEFAULT) -> Embedded:
    """`sample` under the embeddings with these ids; its shorter side at least MIN_SIDE."""
    return embed(extract_patches(sample), tuple(embeddings.load(name) for name in names))


def photograph_views(
    path: Path, content: str, sizes: tuple[str | None, ...], seed: int, mixed: bool, names: tuple[str, ...]
) -> list[View]:
    """Views of one photograph, one for each of `sizes` (None: drawn by FIT_SIZES), in gray and, where it has colour, in colour.

    `content`: SHA-256 of the file; only it goes into the seed and the cache, not the name. `mixed`: with a history drawn from
    the mix, else only cut or enlarged to size. Gray photographs are rare in collections: gray versions of colour ones stand
    for them. Raises InputError, LimitError.
    """
    photograph = as_photograph(read_sample(path))
    out = []
    for number, size in enumerate(sizes):
        wanted = size or str(generator(seed, content, number, "size").choice(list(FIT_SIZES), p=list(FIT_SIZES.values())))
        for mode in ("RGB", "L"):
            past = draw(photograph.convert(mode), generator(seed, content, number), wanted, mixed=mixed)
            if past is None or min(past[0].size) < MIN_SIDE:
                continue
            image = embedded(from_pixels(np.asarray(past[0])), names)
            if mode == "L" or not image.gray:
                out.append(View(image, wanted, past[1]))
    return out


def as_photograph(sample: ImageSample) -> Image.Image:
    """The colour planes as "L" or "RGB", 8 bit."""
    pixels = sample.pixels[..., :-1] if sample.has_alpha else sample.pixels
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def all_views(
    paths: Sequence[Path],
    sizes: tuple[str | None, ...],
    *,
    seed: int,
    mixed: bool = True,
    names: tuple[str, ...] = embeddings.DEFAULT,
    cache: Path | None = None,
    jobs: int = 1,
    progress: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
) -> list[list[View]]:
    """`photograph_views` of every path, in order.

    Files that cannot be read raise. With `cache`, what was embedded before is taken from there, so a run that was stopped
    goes on where it was.
    """
    from joblib import Memory, Parallel, delayed

    function = photograph_views
    if cache is not None:
        function = Memory(cache, verbose=0).cache(photograph_views, ignore=["path"])
    calls = (delayed(function)(path, digest(path), sizes, seed, mixed, names) for path in paths)
    results = Parallel(n_jobs=jobs, return_as="generator")(calls)
    return list(results if progress is None else progress(results, len(paths)))


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def scenes(paths: Sequence[Path]) -> NDArray[np.intp]:
    """(N,) group of each photograph; see `grouped`."""
    return grouped([_difference_hash(path) for path in paths])


def grouped(hashes: Sequence[NDArray[np.bool_]]) -> NDArray[np.intp]:
    """(N,) group of each photograph: near-duplicates share one, so that a scene is never both fitted and calibrated on.

    By difference hash (64 bits of a 9 x 8 thumbnail; a distance of at most 6 bits counts as the same), transitively.
    """
    group = np.arange(len(hashes))
    bits = np.stack(hashes) if len(hashes) else np.zeros((0, 64), np.bool_)
    for i in range(1, len(bits)):
        near = np.flatnonzero((bits[:i] != bits[i]).sum(1) <= _SAME_SCENE)
        if len(near):
            joined = np.isin(group, [*group[near], i])
            group[joined] = group[near].min()
    return group


def _difference_hash(path: Path) -> NDArray[np.bool_]:
    with Image.open(path) as image:
        image.draft("L", (64, 64))
        return hash_bits(image)


def hash_bits(image: Image.Image) -> NDArray[np.bool_]:
    """(64,) difference hash."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return (small[:, 1:] > small[:, :-1]).ravel()
