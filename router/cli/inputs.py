"""From arguments to a list of files, each with the name its output will have below the output folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from router.errors import InputError, UsageError
from router.reasons import ReasonCode

SOURCE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".jxl", ".gif", ".bmp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pnm"}
)
ENCODED_SUFFIXES = SOURCE_SUFFIXES | {".ncr"}


@dataclass(frozen=True)
class InputFile:
    """`path` to read, `relative` name to keep: folders keep their structure, files keep their whole name with suffix."""

    path: Path
    relative: Path


def expand(arguments: Iterable[Path], suffixes: frozenset[str] = SOURCE_SUFFIXES) -> list[InputFile]:
    """Files as given, folders searched recursively in sorted order for `suffixes`; hidden files are left out.

    A file named twice is taken once. Files that do not exist stay in the list, so that each is reported like any other failure.

    Raises:
        UsageError: two different files would get the same output name.
        InputError: a folder holds no image.
    """
    files = list(dict.fromkeys(_each(arguments, suffixes)))
    seen: dict[Path, Path] = {}
    for file in files:
        other = seen.setdefault(file.relative, file.path)
        if other.resolve() != file.path.resolve():
            raise UsageError(
                f"{other} and {file.path} would have the same output name",
                code=ReasonCode.BAD_ARGUMENT,
                hint="Give their common folder, or compress them into two folders",
            )
    return list({f.relative: f for f in files}.values())


def _each(arguments: Iterable[Path], suffixes: frozenset[str]) -> Iterator[InputFile]:
    for argument in arguments:
        if not argument.is_dir():
            yield InputFile(argument, Path(argument.name))
            continue
        found = [
            path
            for path in sorted(argument.rglob("*"))
            if path.suffix.lower() in suffixes
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(argument).parts)
        ]
        if not found:
            raise InputError(f"no image in {argument}", code=ReasonCode.NOT_FOUND)
        for path in found:
            yield InputFile(path, path.relative_to(argument))
