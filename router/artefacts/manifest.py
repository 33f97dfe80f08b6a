"""Artefacts that are verified before anything is used: a manifest that states hashes, and perhaps arrays beside it.

The manifest (JSON) holds the SHA-256 of the arrays' file (safetensors) and its own, over its canonical form without that field,
so that one hash names the whole artefact. Nothing is pickled. Each type of artefact has one `ArtefactType` and one subclass of
`HashedManifest`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from router.errors import ArtefactError
from router.files.named import write_atomically
from router.reasons import ReasonCode


class HashedManifest(BaseModel):
    """A manifest. `sha256`: of everything else in it; `arrays_sha256`: of the arrays' file, "" for types without arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: int
    sha256: str = ""

    def content_sha256(self) -> str:
        """SHA-256 of the canonical JSON (sorted keys, no spaces) of everything but `sha256`."""
        content = self.model_dump(mode="json", exclude={"sha256"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


AnyManifest = TypeVar("AnyManifest", bound=HashedManifest)


@dataclass(frozen=True)
class ArtefactType:
    """How the artefacts of one type lie in their folders, and what errors call them.

    Attributes:
        name: "guard", "gain model" ...
        manifest: file name of the manifest.
        newest: schema version that this build writes, and the newest that it reads.
        refit: what makes a new one, for the error's hint.
        arrays: file name of the arrays; None for types without.
        largest: bytes of a file that is read at all.
    """

    name: str
    manifest: str
    newest: int
    refit: str
    arrays: str | None = None
    largest: int = 16 << 20

    def damaged(self, folder: Path, what: str) -> ArtefactError:
        """The error for a folder that cannot be trusted."""
        return ArtefactError(
            f"{self.name} {folder.name} is damaged: {what}",
            code=ReasonCode.ARTEFACT_DAMAGED,
            hint=f"Reinstall codec-router, or {self.refit}",
        )

    def write(self, folder: Path, manifest: AnyManifest, arrays: Mapping[str, NDArray[Any]] | None = None) -> AnyManifest:
        """Write it into `folder` (made if missing) and return the manifest with its hashes filled in."""
        if self.arrays is not None:
            from safetensors.numpy import save

            # safetensors writes an array's memory as it lies: Fortran order would come back scrambled
            data = save({name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()})
            manifest = manifest.model_copy(update={"arrays_sha256": hashlib.sha256(data).hexdigest()})
            write_atomically(folder / self.arrays, data, overwrite=True)
        manifest = manifest.model_copy(update={"sha256": manifest.content_sha256()})
        content = manifest.model_dump(mode="json", exclude={"sha256"}) | {"sha256": manifest.sha256}
        text = json.dumps(content, indent=1) + "\n"
        # the manifest last: while it is missing or old, its hash refuses the folder
        write_atomically(folder / self.manifest, text.encode("utf-8"), overwrite=True)
        return manifest

    def read_manifest(self, folder: Path, model: type[AnyManifest]) -> AnyManifest:
        """Read and verify the manifest alone. Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for a newer schema)."""
        try:
            content = json.loads(self._read(folder / self.manifest))
        except (ValueError, RecursionError) as error:
            raise self.damaged(folder, f"{self.manifest} is not JSON") from error
        version = content.get("schema_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > self.newest:
            raise ArtefactError(
                f"{self.name} {folder.name} has schema version {version}, this build reads {self.newest}",
                code=ReasonCode.UNSUPPORTED_VERSION,
                hint="Update codec-router",
            )
        try:
            manifest = model.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            raise self.damaged(folder, f"{self.manifest}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        if manifest.content_sha256() != manifest.sha256:
            raise self.damaged(folder, f"{self.manifest} does not have the SHA-256 that it states")
        return manifest

    def read_arrays(self, folder: Path, sha256: str) -> dict[str, NDArray[Any]]:
        """Read the arrays, whose file must have this hash. Raises ArtefactError (ARTEFACT_DAMAGED)."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        assert self.arrays is not None
        data = self._read(folder / self.arrays)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise self.damaged(folder, f"{self.arrays} does not have the SHA-256 that {self.manifest} states")
        try:
            return dict(load(data))
        except (SafetensorError, ValueError, KeyError) as error:
            raise self.damaged(folder, f"{self.arrays} cannot be parsed: {error}") from error

    def _read(self, path: Path) -> bytes:
        try:
            if path.stat().st_size > self.largest:
                raise self.damaged(path.parent, f"{path.name} is larger than {self.largest >> 20} MiB")
            return path.read_bytes()
        except OSError as error:
            raise self.damaged(path.parent, f"{path.name} cannot be read: {error.strerror}") from error
