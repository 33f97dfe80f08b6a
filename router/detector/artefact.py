"""The detector's artefact: a folder with `detector.safetensors` (arrays) and `detector.json` (everything else).

`detector.json` holds the SHA-256 of the arrays' file and its own (over its canonical form without that field), so that one
hash names the whole detector. Both are verified before anything is used. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from router.errors import ArtefactError
from router.files import write_atomically
from router.reasons import ReasonCode

SCHEMA_VERSION = 2
ARRAYS_FILE = "detector.safetensors"
MANIFEST_FILE = "detector.json"
_LARGEST_FILE = 64 << 20
_STRICT = ConfigDict(extra="forbid", frozen=True)


class KindManifest(BaseModel):
    """Gray or colour images: held-out scores by size (`judgement.SIZES`), and the scale of single tiles (for heatmaps)."""

    model_config = _STRICT
    calibration_scores: dict[str, Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]]
    tile_median: FiniteFloat
    tile_upper: FiniteFloat


class Manifest(BaseModel):
    """`detector.json`."""

    model_config = _STRICT
    schema_version: Literal[2]
    detector_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    embeddings: Annotated[tuple[str, ...], Field(min_length=1)]
    """Ids, in the order in which their features are put together; another version of one has another id."""
    alpha: Annotated[float, Field(gt=0, lt=1)]
    colour: KindManifest | None
    """None: fitted on gray images only."""
    gray: KindManifest
    provenance: dict[str, Any]
    arrays_sha256: str
    sha256: str = ""

    def content_sha256(self) -> str:
        """SHA-256 of the canonical JSON (sorted keys, no spaces) of everything but `sha256`."""
        content = self.model_dump(mode="json", exclude={"sha256"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write(folder: Path, manifest: Manifest, arrays: dict[str, NDArray[np.float32]]) -> Manifest:
    """Write both files into `folder` (made if missing) and return the manifest with its hashes filled in."""
    from safetensors.numpy import save

    # safetensors writes an array's memory as it lies: Fortran order, usual in scikit-learn, would come back scrambled
    data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    manifest = manifest.model_copy(update={"arrays_sha256": hashlib.sha256(data).hexdigest()})
    manifest = manifest.model_copy(update={"sha256": manifest.content_sha256()})
    text = json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n"
    # the manifest last: while it is missing or old, its hash refuses the folder
    write_atomically(folder / ARRAYS_FILE, data, overwrite=True)
    write_atomically(folder / MANIFEST_FILE, text.encode("utf-8"), overwrite=True)
    return manifest


def read(folder: Path) -> tuple[Manifest, dict[str, NDArray[np.float32]]]:
    """Read and verify both files. Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for a newer schema)."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    manifest = _read_manifest(folder)
    data = _read_file(folder / ARRAYS_FILE)
    if hashlib.sha256(data).hexdigest() != manifest.arrays_sha256:
        raise damaged(folder, f"{ARRAYS_FILE} does not have the SHA-256 that {MANIFEST_FILE} states")
    try:
        return manifest, load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise damaged(folder, f"{ARRAYS_FILE} cannot be parsed: {error}") from error


def _read_manifest(folder: Path) -> Manifest:
    try:
        content = json.loads(_read_file(folder / MANIFEST_FILE))
    except (ValueError, RecursionError) as error:
        raise damaged(folder, f"{MANIFEST_FILE} is not JSON: {error}") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ArtefactError(
            f"detector {folder.name} has schema version {version}, this build reads {SCHEMA_VERSION}",
            code=ReasonCode.UNSUPPORTED_VERSION,
            hint="Update codec-router or use an older detector",
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(folder, f"{MANIFEST_FILE}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if manifest.content_sha256() != manifest.sha256:
        raise damaged(folder, f"{MANIFEST_FILE} does not have the SHA-256 that it states")
    return manifest


def damaged(folder: Path, what: str) -> ArtefactError:
    """The error for a folder that cannot be trusted."""
    return ArtefactError(
        f"detector {folder.name} is damaged: {what}",
        code=ReasonCode.ARTEFACT_DAMAGED,
        hint="Reinstall codec-router, or fit the detector again",
    )


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise damaged(path.parent, f"{path.name} is larger than {_LARGEST_FILE >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise damaged(path.parent, f"{path.name} cannot be read: {error.strerror}") from error
