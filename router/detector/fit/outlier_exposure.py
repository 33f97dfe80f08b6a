"""Images that are no photographs, as features (outlier exposure): with them a detector can be fitted without the images.

They are a distribution of their own, `codec-router-outliers`, since `fit` alone needs their 7 MB. Features do not show the images
that they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import router
from router.detector.embeddings.scene import feature_names
from router.detector.fit.scorer import Foreign
from router.errors import ArtefactError, CodecUnavailableError
from router.extras import from_checkout
from router.reasons import ReasonCode

PACKAGE = "codec_router_outliers"
FILE = "photo-3.safetensors"
"""In PACKAGE, by the detector that was fitted on the same images."""
KINDS = ("colour", "gray")


def write(path: Path, foreign: Mapping[str, Foreign]) -> None:
    """Write both KINDS; features as float16, which is what `read` gives and thus what is fitted on."""
    from safetensors.numpy import save

    arrays = {}
    for kind, images in foreign.items():
        arrays[f"{kind}.whole"] = np.ascontiguousarray(images.whole, np.float16)
        arrays[f"{kind}.tiles"] = np.ascontiguousarray(images.tiles, np.float16)
        arrays[f"{kind}.owners"] = images.owners.astype(np.int32)
        arrays[f"{kind}.groups"] = images.groups.astype(np.int32)
        arrays[f"{kind}.weights"] = images.weights.astype(np.float32)
    path.write_bytes(save(arrays))


def located() -> Path:
    """Where the features lie: in the installed distribution, or in the checkout that this package is run from.

    Raises CodecUnavailableError (MISSING_EXTRA) if they are in neither.
    """
    spec = find_spec(PACKAGE)
    installed = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    checkout = Path(router.__file__).parents[1] / "distributions" / "outliers" / PACKAGE
    for folder in (*installed, checkout):
        if (folder / FILE).is_file():
            return folder / FILE
    raise CodecUnavailableError(
        "what detectors are fitted against is not installed",
        code=ReasonCode.MISSING_EXTRA,
        hint="pip install ./distributions/outliers, in the checkout" if from_checkout() else "pip install codec-router-outliers",
    )


def read(path: Path | None = None) -> dict[str, Foreign]:
    """Both KINDS; by default those that are `located`. Raises ArtefactError (ARTEFACT_DAMAGED), CodecUnavailableError."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = located() if path is None else path
    try:
        arrays = load(path.read_bytes())
        out = {}
        for kind in KINDS:
            whole = arrays[f"{kind}.whole"].astype(np.float32)
            out[kind] = Foreign(
                # the scene statistics are the first of the embeddings
                scene=whole[:, : len(feature_names(kind == "gray"))],
                whole=whole,
                weights=arrays[f"{kind}.weights"].astype(np.float64),
                groups=arrays[f"{kind}.groups"].astype(np.intp),
                tiles=arrays[f"{kind}.tiles"].astype(np.float32),
                owners=arrays[f"{kind}.owners"].astype(np.intp),
            )
        return out
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ArtefactError(
            f"{path.name} cannot be read: {error}", code=ReasonCode.ARTEFACT_DAMAGED, hint="Reinstall codec-router-outliers"
        ) from error
