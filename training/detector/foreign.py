"""The foreign images of the contrast.

They are development domains under several draws, domains that are made, and photographs with something foreign in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Memory, Parallel, delayed

from router.detector.embeddings.base import Embedded
from router.detector.fit.corpus import as_photograph, digest, embedded, read_sample
from router.detector.fit.degradations import draw, generator
from router.detector.fit.outlier_exposure import KINDS
from router.detector.fit.scorer import Foreign
from router.detector.patches import MIN_SIDE, TILE
from router.images.arrays import from_pixels
from training.detector import composites
from training.detector.made import DOMAINS

DRAWS: tuple[str | None, ...] = (None, "full", "some")
"""Of each foreign image: as it is, and in two sizes under a history of the mix."""
TILES = 4
"""Tiles kept of each view."""
COMPOSITES = 150
COMPOSITE_DOMAIN = "composite"
_SMALLEST_OVERLAP = 0.25

Progress = Callable[[Iterator[Any], int], Iterator[Any]]


@dataclass(frozen=True, eq=False)
class ForeignView:
    """One view: `places` are its foreign tiles."""

    image: Embedded
    places: list[int]


def collect(
    domains: dict[str, list[Path]], photographs: Sequence[Path], *, seed: int, cache: Path, jobs: int, progress: Progress
) -> dict[str, Foreign]:
    """By kind. Every domain of collected images weighs the same in sum, composites twice, made ones as they say."""
    memory = Memory(cache, verbose=0)
    of_domain = memory.cache(domain_views, ignore=["path"])
    of_composite = memory.cache(composite_views, ignore=["photograph", "foreign"])
    of_made = memory.cache(made_views)
    calls, owners = [], []
    for domain, files in domains.items():
        for path in files:
            calls.append(delayed(of_domain)(path, digest(path), seed))
            owners.append(domain)
    everything = [path for files in domains.values() for path in files]
    rng = generator(seed, COMPOSITE_DOMAIN)
    for number in range(COMPOSITES):
        a, b = photographs[int(rng.integers(len(photographs)))], everything[int(rng.integers(len(everything)))]
        calls.append(delayed(of_composite)(a, b, digest(a), digest(b), number, seed))
        owners.append(COMPOSITE_DOMAIN)
    for domain, made in DOMAINS.items():
        for number in range(made.count):
            calls.append(delayed(of_made)(domain, number, seed))
            owners.append(domain)
    found = list(progress(Parallel(n_jobs=jobs, return_as="generator")(calls), len(calls)))
    return {kind: _gather(found, owners, kind == "gray") for kind in KINDS}


def domain_views(path: Path, content: str, seed: int) -> list[ForeignView]:
    """Views of one foreign image by DRAWS, in gray and, where it has colour, in colour."""
    sample = read_sample(path)
    picture = as_photograph(sample)
    out = []
    for number, size in enumerate(DRAWS):
        for mode in ("RGB", "L"):
            image = picture.convert(mode)
            if size is not None:
                past = draw(image, generator(seed, content, number), size)
                if past is None:
                    continue
                image = past[0]
            if min(image.size) < MIN_SIDE:
                continue
            view = embedded(from_pixels(np.asarray(image)))
            if mode == "L" or not view.gray:
                places = generator(seed, content, number, mode).permutation(len(view.tiles))[:TILES]
                out.append(ForeignView(view, places.tolist()))
    return out


def made_views(domain: str, number: int, seed: int) -> list[ForeignView]:
    """One picture of a domain of `made.DOMAINS`, in gray and, where it has colour, in colour."""
    made, rng = DOMAINS[domain], generator(seed, domain, number)
    picture = made.draw(rng)
    past = draw(picture, rng, made.sizes[number % 4 == 3]) if number % 2 else None
    image = picture if past is None else past[0]
    out = []
    for mode in ("RGB", "L"):
        view = embedded(from_pixels(np.asarray(image.convert(mode))))
        if mode == "L" or not view.gray:
            out.append(ForeignView(view, generator(seed, number, mode).permutation(len(view.tiles))[:TILES].tolist()))
    return out


def composite_views(photograph: Path, foreign: Path, first: str, second: str, number: int, seed: int) -> list[ForeignView]:
    """One composite, in gray and in colour; its foreign tiles are those that the foreign part covers by a quarter at least."""
    rng = generator(seed, first, second, number)
    base = as_photograph(read_sample(photograph)).convert("RGB")
    past = draw(base, rng, "full")
    image = base if past is None else past[0]
    if number % 3 == 0:
        made, box = composites.caption(image, rng)
    elif number % 3 == 1:
        made, box = composites.page(image, rng)
    else:
        made, box = composites.beside(image, as_photograph(read_sample(foreign)), rng)
    out = []
    for mode in ("RGB", "L"):
        view = embedded(from_pixels(np.asarray(made.convert(mode))))
        covered = [_overlap(corner, box) for corner in view.corners]
        places = [i for i in np.argsort(covered)[::-1][:TILES].tolist() if covered[i] >= _SMALLEST_OVERLAP]
        if mode == "L" or not view.gray:
            out.append(ForeignView(view, places))
    return out


def _overlap(corner: Any, box: composites.Box) -> float:
    y, x = int(corner[0]), int(corner[1])
    wide, tall = min(x + TILE, box[2]) - max(x, box[0]), min(y + TILE, box[3]) - max(y, box[1])
    return max(0, wide) * max(0, tall) / TILE**2


def _gather(found: list[list[ForeignView]], domains: list[str], gray: bool) -> Foreign:
    views = [(v, group, domains[group]) for group, own in enumerate(found) for v in own if v.image.gray == gray and v.places]
    share = {domain: sum(d == domain for _, _, d in views) for domain in set(domains)}
    of_domain = {COMPOSITE_DOMAIN: 2.0} | {name: made.weight for name, made in DOMAINS.items()}
    weights = [of_domain.get(d, 1.0) / share[d] for _, _, d in views]
    whole = np.stack([np.concatenate(list(v.image.whole.values())) for v, _, _ in views])
    # as they will be stored: what is fitted here and what is fitted from the file must be the same
    whole = whole.astype(np.float16).astype(np.float32)
    tiles = np.concatenate([v.image.tiles[v.places] for v, _, _ in views]).astype(np.float16).astype(np.float32)
    first = len(next(iter(views[0][0].image.whole.values())))
    return Foreign(
        scene=whole[:, :first],
        whole=whole,
        weights=np.asarray(weights) / np.mean(weights),
        groups=np.array([g for _, g, _ in views], np.intp),
        tiles=tiles,
        owners=np.concatenate([np.full(len(v.places), i) for i, (v, _, _) in enumerate(views)]).astype(np.intp),
    )
