"""EncodedImage: what `compress` gives back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from router.errors import UsageError
from router.files import write_atomically
from router.reasons import ReasonCode
from router.record import DecisionRecord, RunRecord


@dataclass(frozen=True)
class EncodedImage:
    """Released bytes and the evidence for them.

    Attributes:
        data: the file's bytes; the record is inside where the format has a place for it.
        media_type: for example "image/avif".
        suffix: for example ".avif".
        record: the decision, deterministic.
        run: timings and everything tried; not part of `data`.
    """

    data: bytes = field(repr=False)
    media_type: str
    suffix: str
    record: DecisionRecord
    run: RunRecord = field(repr=False, compare=False)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write to `path_for(path)`; temporary name, then rename. Returns the path written.

        Raises OutputExistsError unless `overwrite`, OutputNotWritableError, UsageError for a path that ends in no name and for a
        folder.
        """
        if os.path.isdir(path):  # noqa: PTH112 - of a name that the file system refuses, writing says why
            raise UsageError(
                f"{str(path)!r} is a folder",
                code=ReasonCode.BAD_ARGUMENT,
                hint=f"Name the file in it: save({str(Path(path) / 'name')!r}) writes name{self.suffix}",
            )
        return write_atomically(self.path_for(path), self.data, overwrite=overwrite)

    def path_for(self, path: str | Path) -> Path:
        """`path` with the suffix added unless it is there (or another of the same format, such as .jpeg). Raises UsageError."""
        target = Path(path)
        if target.name in ("", ".."):
            raise UsageError(f"{str(path)!r} names no file", code=ReasonCode.BAD_ARGUMENT, hint="Give the file a name")
        if target.suffix.lower() in _ALSO.get(self.suffix, {self.suffix}):
            return target
        return target.with_name(target.name + self.suffix)


_ALSO = {
    ".jpg": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    ".png": {".png", ".apng"},
    ".tif": {".tif", ".tiff"},
    ".ppm": {".ppm", ".pgm", ".pnm"},
}
"""Other suffixes of one format, which a file may keep."""
