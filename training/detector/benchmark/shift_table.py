"""Covariate shifts against the untouched photographs that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.evaluation.statistics import auroc, share
from training.detector.benchmark.methods import OURS, Scored
from training.detector.benchmark.shifts import Shift
from training.detector.benchmark.tables import ALPHA


def shift_rows(shifted: Scored, untouched: Scored, every: Sequence[Shift]) -> list[dict[str, Any]]:
    """A table with a row a shift. `untouched` holds the same photographs as they are.

    A row says whether the shift counts as in distribution for a codec, and has the share flagged, the AUROC against the
    untouched, and the AUROC of each baseline measured.
    """
    rows = []
    for key, shift in enumerate(every, start=1):
        images = shifted.where(lambda s, name=shift.name: s.variant == name)  # type: ignore[misc]
        if not images.subjects:
            continue
        rows.append(
            {
                "shift": shift.name,
                "inside": shift.inside,
                "because": shift.because,
                "images": len(images.subjects),
                "flagged": share(images.p_values[OURS] <= ALPHA),
                "auroc": {name: auroc(untouched.scores[name], scores, key) for name, scores in images.scores.items()},
            }
        )
    return rows
