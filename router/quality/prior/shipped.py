"""The prior that ships."""

from __future__ import annotations

from functools import cache

from router.artefacts import PRIORS
from router.codecs.neural import weights
from router.quality.prior.artefact import MANIFEST_FILE, Prior, read


@cache
def prior_for(model: str | None) -> Prior | None:
    """The shipped prior made with this neural model; for another one, or None, the last by id; None where none ships.

    Raises ArtefactError if one is damaged.
    """
    known = [read(file.parent) for file in sorted(PRIORS.glob(f"*/{MANIFEST_FILE}"))]
    return next((prior for prior in known if model is not None and prior.model == model), known[-1] if known else None)


def shipped_prior() -> Prior | None:
    """The one that goes with the newest model that ships. Raises ArtefactError."""
    return prior_for(weights.newest_shipped())
