"""The search models that ship: one for pictures of any size, one for small ones, whose curves are others."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from router.artefacts import SEARCH_MODELS
from router.artefacts.bundle import vouch
from router.codecs.neural import weights
from router.errors import ArtefactError
from router.quality.search_model.artefact import ARRAYS_FILE, MANIFEST_FILE, SearchModel, read

_Stamp = tuple[tuple[str, int, int], ...]


def search_model_for(model: str | None, pixels: int | None = None) -> SearchModel | None:
    """The shipped search model made with this neural model; for another one, or None, the last by id; None where none ships.

    `pixels`: of the picture; of several the one for the smallest pictures that it is among. Without it, one for any.

    Raises ArtefactError if one of them cannot be used.
    """
    found, problem = _chosen(model, pixels)
    if problem is not None:
        raise problem
    return found


def shipped_search_model(pixels: int | None = None) -> SearchModel | None:
    """The one that goes with the newest model that ships; see `search_model_for`. Raises ArtefactError."""
    return search_model_for(weights.newest_shipped(), pixels)


def usable_search_model(pixels: int) -> tuple[SearchModel | None, ArtefactError | None]:
    """As `shipped_search_model`, of those that can be used; and why one cannot."""
    try:
        model = weights.newest_shipped()
    except ArtefactError:  # of the neural lane, which says so itself; the other codecs' curves do not depend on it
        model = None
    return _chosen(model, pixels)


def _chosen(model: str | None, pixels: int | None) -> tuple[SearchModel | None, ArtefactError | None]:
    known, problem = _known(_stamp())
    fitting = [p for p in known if p.most_pixels is None or (pixels is not None and pixels <= p.most_pixels)]
    of_model = [p for p in fitting if model is not None and p.model == model] or fitting
    bounded = [p for p in of_model if p.most_pixels is not None]
    return min(bounded, key=lambda p: p.most_pixels or 0) if bounded else of_model[-1] if of_model else None, problem


@lru_cache(maxsize=4)
def _known(stamp: _Stamp) -> tuple[tuple[SearchModel, ...], ArtefactError | None]:
    """All that can be used, by id, and why one cannot. They are read again only where a file has changed."""
    known: list[SearchModel] = []
    problem: ArtefactError | None = None
    for path, _, _ in stamp:
        folder = Path(path).parent
        if Path(path).name != MANIFEST_FILE:
            continue
        try:
            model = read(folder)
            vouch("priors", model.sha256, model.search_model_id, folder.name)
            known.append(model)
        except ArtefactError as error:
            problem = problem or error
    return tuple(known), problem


def _stamp() -> _Stamp:
    found = []
    for manifest in sorted(SEARCH_MODELS.glob(f"*/{MANIFEST_FILE}")):
        for file in (manifest, manifest.with_name(ARRAYS_FILE)):
            try:
                status = file.stat()
            except OSError:
                found.append((str(file), 0, -1))
            else:
                found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)
