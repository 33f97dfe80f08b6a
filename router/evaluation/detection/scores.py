"""The detector's score of every image, whatever the policies asked: what ROC curves and histograms are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.errors import RouterError
from router.evaluation.comparison.decisions import Decided
from router.evaluation.measure.cache import PointCache, key_of
from router.evaluation.measure.pictures import DomainImage

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["domain", "image", "ood_score", "p_value", "detector"]


def detector_scores(pictures: Iterable[DomainImage], decided: Sequence[Decided], folder: Path) -> pd.DataFrame:
    """One row an image: `ood_score` (higher = further out, see `OodReport`), `p_value` in (0, 1], `detector`, its id.

    What was scored for a decision is taken from there, the rest is scored by the shipped detector on the whole file and kept
    in `folder` by the file's and the detector's hash. Images that cannot be scored are left out; none has a row where the
    detector is not installed.
    """
    import pandas as pd

    known = {(one.picture.domain, one.picture.image): found for one in decided if (found := _of_decision(one)) is not None}
    rows = []
    for picture in pictures:
        try:
            found = known.get((picture.domain, picture.image))
            row = _scored(picture.path, folder) if found is None else found
        except (RouterError, OSError):
            continue
        rows.append({"domain": picture.domain, "image": picture.image} | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_decision(one: Decided) -> dict[str, Any] | None:
    values = one.decision.inputs.get("ood", {})
    if not all(name in values for name in ("score", "p_value", "detector")) or not values.get("available"):
        return None
    return {"ood_score": float(values["score"]), "p_value": float(values["p_value"]), "detector": str(values["detector"])}


def _scored(path: Path, folder: Path) -> dict[str, Any]:
    from router.detector.detector import default_detector
    from router.images.read import read

    stored = PointCache(folder, hashlib.sha256(path.read_bytes()).hexdigest())
    # The detector itself, and torch with it, is loaded only if something is to be scored.
    key = key_of("ood", _detector_sha256())
    values = stored.get(key)
    if not values:
        report = default_detector().score(read(path))
        values = {"ood_score": report.ood_score, "p_value": report.p_value, "detector": report.detector_id}
        stored.add(key, values)
    return values


@cache
def _detector_sha256() -> str:
    from router.artefacts import DETECTORS
    from router.detector import artefact
    from router.detector.detector import DEFAULT_ID

    manifest, _ = artefact.read(DETECTORS / DEFAULT_ID)
    return str(manifest.sha256)
