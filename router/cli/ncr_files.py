"""From arguments to a stream of `.ncr` files: files are not collected, so that millions of them take no memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from router.cli.inputs import InputFile
from router.containers.ncr import SIGNATURE
from router.errors import InputError, UsageError
from router.files.named import is_file, is_folder
from router.folders import IMAGE_SUFFIXES
from router.reasons import ReasonCode

SUFFIX = ".ncr"
Inputs = Annotated[
    list[Path],
    typer.Argument(
        help="Files or folders; folders are searched for .ncr files, by content too where the suffix is none of an image.",
        metavar="PATH...",
    ),
]


def ncr_files(arguments: Sequence[Path], *, into_folder: bool = False) -> Iterator[InputFile]:
    """Files as given, folders searched recursively for `.ncr`, in the order in which the file system gives them.

    A file is one for its suffix, or for its first bytes where its suffix is none of an image. Hidden files and linked folders are
    left out. A file that two arguments name is taken once. What does not exist, cannot be searched, or is a folder without such
    files comes with its problem. `into_folder`: each file needs a name of its own below one folder; of two that want the same,
    the second comes with a problem.
    """
    earlier = _Earlier()
    for argument in arguments:
        for file in _named_by(argument):
            if earlier.named(file.path):
                continue
            same_name = earlier.same_name(file.relative) if into_folder else None
            yield (
                file if same_name is None or file.problem is not None else replace(file, problem=_same_name(same_name, file.path))
            )
        earlier.add(argument)


def _named_by(argument: Path) -> Iterator[InputFile]:
    if not is_folder(argument):
        yield InputFile(argument, Path(argument.name))
        return
    found = False
    for file in _below(argument):
        found = True
        yield file
    if not found:
        problem = InputError(f"no {SUFFIX} file in {argument}", code=ReasonCode.NOT_FOUND, hint="Check the path")
        yield InputFile(argument, Path(argument.name), problem)


def _below(root: Path) -> Iterator[InputFile]:
    waiting = [Path()]  # folders still to be searched, all that is held
    while waiting:
        relative = waiting.pop()
        try:
            with os.scandir(root / relative) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(relative / entry.name)
                    elif _is_ncr(root / relative / entry.name):
                        yield InputFile(root / relative / entry.name, relative / entry.name)
        except OSError as error:
            folder = root / relative
            problem = InputError(
                f"{folder} cannot be searched: {error.strerror}", code=ReasonCode.UNREADABLE, hint="Check its permissions"
            )
            yield InputFile(folder, relative, problem)


class _Earlier:
    """The arguments before one: what they name is told without walking them again, however many files are among them."""

    def __init__(self) -> None:
        self._places: set[Path] = set()
        self._by_name: dict[str, Path] = {}
        self._folders: list[tuple[Path, Path]] = []

    def add(self, argument: Path) -> None:
        if is_folder(argument):
            self._folders.append((argument, Path(os.path.realpath(argument))))
        else:
            self._places.add(_place(argument))
            self._by_name.setdefault(argument.name, argument)

    def named(self, path: Path) -> bool:
        """Whether the walk of one of them has come by `path`."""
        if not self._places and not self._folders:
            return False
        place = _place(path)
        if place in self._places:
            return True
        inside = any(place.is_relative_to(root) and _would_be_found(root, place.relative_to(root)) for _, root in self._folders)
        return inside and os.path.lexists(place)  # one that is not there has not been told of yet

    def same_name(self, relative: Path) -> Path | None:
        """The file of one of them that has this name below the output folder, None if there is none."""
        if str(relative) in self._by_name:
            return self._by_name[str(relative)]
        for folder, _ in self._folders:
            path = folder / relative
            if _would_be_found(folder, relative) and os.path.lexists(path) and not is_folder(path):
                return path
        return None


def _place(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path.parent), path.name)  # a linked file is another file, a linked folder is none
    except (OSError, ValueError):  # a name that the file system refuses
        return path.absolute()


def _would_be_found(folder: Path, relative: Path) -> bool:
    return not any(part.startswith(".") for part in relative.parts) and _is_ncr(folder / relative)


def _is_ncr(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix == SUFFIX or suffix in IMAGE_SUFFIXES:
        return suffix == SUFFIX
    if not is_file(path):  # a pipe would keep its reader waiting
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def _same_name(one: Path, other: Path) -> UsageError:
    return UsageError(
        f"{one} and {other} would have the same output name",
        code=ReasonCode.BAD_ARGUMENT,
        hint="Give their common folder, or use two output folders",
    )
