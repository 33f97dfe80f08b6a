"""EncodedImage: what `compress` gives back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, overload

from router.errors import UsageError
from router.files import addresses
from router.files.named import write_named
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

    In a notebook it shows the picture that it decodes to, what it saves, and why it was written so.
    """

    data: bytes = field(repr=False)
    media_type: str
    suffix: str
    record: DecisionRecord
    run: RunRecord = field(repr=False, compare=False)

    def __repr__(self) -> str:
        record, by = self.record, self.record.policy
        policy = "" if by is None else f", policy={by.name!r}, rule={by.rule!r}"
        return f"EncodedImage({len(self.data)} bytes of {self.media_type}, lane={record.lane!r}, codec={record.codec!r}{policy})"

    def _repr_html_(self) -> str:
        from router.display import encoded, fragment

        return fragment.html_of(encoded.html, self)

    def _repr_png_(self) -> bytes | None:
        from router.display import encoded, fragment

        return fragment.png_of(encoded.png_picture, self)

    @overload
    def save(self, path: PathLike[str], *, overwrite: bool = False) -> Path: ...
    @overload
    def save(self, path: str, *, overwrite: bool = False) -> Path | Any: ...
    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path | str:
        """Write to `path_for(path)`, whole or not at all. Returns the path written; of an address (`s3://...`), its text.

        Raises OutputExistsError unless `overwrite`, OutputNotWritableError, UsageError for a path that ends in no name and for a
        folder; for an address also MissingExtraError.
        """
        target = addresses.parse(path)
        if _is_folder(target):
            raise UsageError(
                f"{_quoted(target)} is a folder",
                code=ReasonCode.BAD_ARGUMENT,
                hint=f"Name the file in it: save({_quoted(target, 'name')}) writes name{self.suffix}",
            )
        written = write_named(self._target(target), self.data, overwrite=overwrite)
        return written.text if isinstance(written, addresses.Address) else written

    @overload
    def path_for(self, path: PathLike[str]) -> Path: ...
    @overload
    def path_for(self, path: str) -> Path | Any: ...
    def path_for(self, path: str | PathLike[str]) -> Path | str:
        """`path` with the suffix added unless it is there (or another of the same format, such as .jpeg). Raises UsageError."""
        target = self._target(addresses.parse(path))
        return target.text if isinstance(target, addresses.Address) else target

    def _target(self, target: Path | addresses.Address) -> Path | addresses.Address:
        if target.name in ("", ".."):
            raise UsageError(f"{_quoted(target)} names no file", code=ReasonCode.BAD_ARGUMENT, hint="Give the file a name")
        if PurePosixPath(target.name).suffix.lower() in _ALSO.get(self.suffix, {self.suffix}):
            return target
        return target.with_name(target.name + self.suffix)


def _is_folder(target: Path | addresses.Address) -> bool:
    if isinstance(target, addresses.Address):
        return bool(target.name) and addresses.is_folder(target)
    return os.path.isdir(target)  # noqa: PTH112 - of a name that the file system refuses, writing says why


def _quoted(target: Path | addresses.Address, inside: str = "") -> str:
    text = str(target)
    return repr(text if not inside else f"{text.rstrip('/')}/{inside}")


_ALSO = {
    ".jpg": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    ".png": {".png", ".apng"},
    ".tif": {".tif", ".tiff"},
    ".ppm": {".ppm", ".pgm", ".pnm"},
}
"""Other suffixes of one format, which a file may keep."""
