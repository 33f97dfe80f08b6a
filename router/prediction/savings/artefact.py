"""A gain model's artefact: a folder with `gain.safetensors` (arrays) and `gain.json` (everything else)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from router.artefacts.manifest import ArtefactType, HashedManifest
from router.errors import ArtefactError

SCHEMA_VERSION = 1
ARRAYS_FILE = "gain.safetensors"
MANIFEST_FILE = "gain.json"
_TYPE = ArtefactType("gain model", MANIFEST_FILE, SCHEMA_VERSION, "fit it again: python -m training.savings.fit", ARRAYS_FILE)

Arrays = dict[str, NDArray[Any]]


class SavingsManifest(HashedManifest):
    """`gain.json`.

    Attributes:
        model, model_sha256: the neural model that it was made with; it says nothing of other weights.
        embedding, features_version: what `features.vector` began with, and its version.
        targets: SSIMULACRA2, rising; between them estimates are interpolated, outside there are none.
        coverage: of the interval.
        cap: largest |log ratio| that was told apart: a codec that cannot reach the target counts with it.
        width: of the kernel: exp(-width * sum |x - y|) of standardised features.
        provenance: what it was fitted on and how well it did; for people.
    """

    schema_version: Literal[1]
    gain_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    model: str
    model_sha256: str
    embedding: str
    features_version: int
    targets: Annotated[tuple[FiniteFloat, ...], Field(min_length=2)]
    coverage: Annotated[float, Field(gt=0, lt=1)]
    cap: Annotated[float, Field(gt=0, le=10)]
    width: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    provenance: dict[str, Any]
    arrays_sha256: str = ""


def write(folder: Path, manifest: SavingsManifest, arrays: Arrays) -> SavingsManifest:
    """Write both files into `folder` (made if missing) and return the manifest with its hashes filled in."""
    return _TYPE.write(folder, manifest, arrays)


def read_manifest(folder: Path) -> SavingsManifest:
    """Read and verify `gain.json` alone. Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for a newer schema)."""
    manifest = _TYPE.read_manifest(folder, SavingsManifest)
    if list(manifest.targets) != sorted(set(manifest.targets)):
        raise damaged(folder, "targets must rise")
    return manifest


def read_arrays(folder: Path, manifest: SavingsManifest) -> Arrays:
    """Read and verify the arrays. Raises ArtefactError (ARTEFACT_DAMAGED)."""
    return _TYPE.read_arrays(folder, manifest.arrays_sha256)


def damaged(folder: Path, what: str) -> ArtefactError:
    """The error for a folder that cannot be trusted."""
    return _TYPE.damaged(folder, what)
