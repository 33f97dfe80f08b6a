"""The foreign images of the contrast, as features: shipped beside the default detector, so that others can be fitted without
the images. Features do not show the images that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from router.artefacts import DETECTORS
from router.detector.detector import DEFAULT_ID
from router.detector.embeddings.scene import feature_names
from router.detector.fit.scorer import Foreign
from router.errors import ArtefactError
from router.reasons import ReasonCode

FILE = "foreign.safetensors"
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


def read(path: Path = DETECTORS / DEFAULT_ID / FILE) -> dict[str, Foreign]:
    """Both KINDS. Raises ArtefactError (ARTEFACT_DAMAGED)."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

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
            f"{path.name} cannot be read: {error}", code=ReasonCode.ARTEFACT_DAMAGED, hint="Reinstall codec-router"
        ) from error
