"""The detector's artefact: a folder with `detector.safetensors` (arrays) and `detector.json` (everything else)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from router.artefacts.manifest import ArtefactType, HashedManifest
from router.errors import ArtefactError

SCHEMA_VERSION = 3
ARRAYS_FILE = "detector.safetensors"
MANIFEST_FILE = "detector.json"
_TYPE = ArtefactType("detector", MANIFEST_FILE, SCHEMA_VERSION, "fit the detector again", ARRAYS_FILE, largest=64 << 20)
_STRICT = ConfigDict(extra="forbid", frozen=True)


class KindManifest(BaseModel):
    """Gray or colour images: held-out scores by size (`scorer.SIZES`), and the scale of single tiles (for heatmaps)."""

    model_config = _STRICT
    calibration_scores: dict[str, Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]]
    tile_median: FiniteFloat
    tile_upper: FiniteFloat


class DetectorManifest(HashedManifest):
    """`detector.json`."""

    schema_version: Literal[2, 3]
    """In 2 a contrast has one weight a feature, in 3 it may have two (`density/contrast.py`)."""
    detector_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    embeddings: Annotated[tuple[str, ...], Field(min_length=1)]
    """Ids, in the order in which their features are put together; another version of one has another id."""
    alpha: Annotated[float, Field(gt=0, lt=1)]
    colour: KindManifest | None
    """None: fitted on gray images only."""
    gray: KindManifest
    provenance: dict[str, Any]
    arrays_sha256: str


def write(folder: Path, manifest: DetectorManifest, arrays: dict[str, NDArray[np.float32]]) -> DetectorManifest:
    """Write both files into `folder` (made if missing) and return the manifest with its hashes filled in."""
    return _TYPE.write(folder, manifest, arrays)


def read(folder: Path) -> tuple[DetectorManifest, dict[str, NDArray[np.float32]]]:
    """Read and verify both files. Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for a newer schema)."""
    manifest = _TYPE.read_manifest(folder, DetectorManifest)
    return manifest, _TYPE.read_arrays(folder, manifest.arrays_sha256)


def damaged(folder: Path, what: str) -> ArtefactError:
    """The error for a folder that cannot be trusted."""
    return _TYPE.damaged(folder, what)
