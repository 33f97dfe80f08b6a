"""Which neural models stored `.ncr` files need, whether these are here, and whether the files are whole. Nothing is decoded."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from router.containers.ncr import ModelReference, NcrHeader, check, read_reference
from router.errors import ArtefactError, InputError, ModelError, RouterError
from router.reasons import ReasonCode


class Status(StrEnum):
    """Whether a model can decode here; `installed` only if its weights file has the hash that the files name."""

    INSTALLED = "installed"
    MISSING = "missing"
    OTHER_WEIGHTS = "other weights"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Need:
    """The files of one model.

    Attributes:
        model_id, sha256: the model and the hash of its weights, lower-case hex, as the files name them.
        files, bytes: how many files, and their size together.
        formats: number of files by `.ncr` format version.
        status: of the model on this machine.
    """

    model_id: str
    sha256: str
    files: int
    bytes: int
    formats: Mapping[int, int]
    status: Status

    @property
    def usable(self) -> bool:
        """Whether the files can be decoded here, as far as the model goes."""
        return self.status is Status.INSTALLED


class Audit:
    """Counts files by the model that they need. Its memory grows with the number of models, not of files."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def add(self, path: Path, *, quick: bool = False) -> None:
        """Count one file, if it is whole (see `container.check`). `quick`: see `reference`.

        Raises InputError (NOT_FOUND, NOT_A_FILE, UNREADABLE), StreamError (damaged, cut off, newer, or no `.ncr` file).
        """
        header, model, size = reference(path) if quick else _checked(path)
        count = self._counts.setdefault((model.model_id, model.sha256.hex()), _Count())
        count.files += 1
        count.bytes += size
        count.formats[header.version] += 1

    def needs(self) -> tuple[Need, ...]:
        """What was counted, by model id and hash. The weights that are here are hashed again."""
        return tuple(
            Need(model_id, sha256, c.files, c.bytes, dict(sorted(c.formats.items())), status(model_id, sha256))
            for (model_id, sha256), c in sorted(self._counts.items())
        )


def reference(path: Path) -> tuple[NcrHeader, ModelReference, int]:
    """Header and model reference of an `.ncr` file, and its size in bytes. Errors as `Audit.add`.

    Only its start and its end are read (see `container.read_reference`), so that damage between them is not seen.
    """
    with _opened(path) as file:
        return *read_reference(file), file.seek(0, os.SEEK_END)


def _checked(path: Path) -> tuple[NcrHeader, ModelReference, int]:
    with _opened(path) as file:
        return *check(file), file.seek(0, os.SEEK_END)


def status(model_id: str, sha256: str) -> Status:
    """Whether the model with these weights is here and intact. Never raises for a model that is not."""
    from router.codecs.neural.weights import find_model, verify_model

    try:
        verify_model(find_model(model_id, sha256))
    except ModelError as error:
        return Status.MISSING if error.code is ReasonCode.UNKNOWN_MODEL else Status.OTHER_WEIGHTS
    except ArtefactError:
        return Status.DAMAGED
    return Status.INSTALLED


@dataclass
class _Count:
    files: int = 0
    bytes: int = 0
    formats: Counter[int] = field(default_factory=Counter)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would keep its reader waiting
            raise InputError(f"{path} is not a file", code=ReasonCode.NOT_A_FILE, hint="Name .ncr files or folders")
        with path.open("rb", buffering=4096) as file:
            yield file
    except RouterError:
        raise
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"there is no file {str(path)!r}", code=ReasonCode.NOT_FOUND, hint="Check the path") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", code=ReasonCode.UNREADABLE, hint="Check its permissions"
        ) from error
