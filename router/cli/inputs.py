"""From arguments to a list of files, each with the name its output will have below the output folder."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from router.containers.ncr import SIGNATURE
from router.errors import InputError, RouterError, UsageError
from router.files import exists, is_folder
from router.folders import IMAGE_SUFFIXES, LeftOut, images_below
from router.reasons import ReasonCode

ENCODED_SUFFIXES = IMAGE_SUFFIXES | {".ncr"}


@dataclass(frozen=True)
class InputFile:
    """`path` to read, `relative` name to keep: folders keep their structure, files keep their whole name with suffix.

    `problem`: why there is nothing to read; raised by `check`, so that it counts as the failure of this input alone.
    """

    path: Path
    relative: Path
    problem: RouterError | None = field(default=None, compare=False)

    def check(self) -> Path:
        """The path. Raises the problem, if there is one."""
        if self.problem is not None:
            raise self.problem
        return self.path


def expand(
    arguments: Iterable[Path],
    *,
    left_out: LeftOut,
    encoded: bool = False,
    output: Path | None = None,
) -> list[InputFile]:
    """Files as given; folders searched recursively, in sorted order, for images, or with `encoded` also for `.ncr` files.

    A file named twice is taken once. What does not exist, a folder without images, and one that may not be searched stay in the
    list, so that they are reported like any other failure. `left_out` is told what else folders hold. With `output`, the folder
    written to, no two files may want the same name there, and its own content is no input where it lies inside a folder that is
    searched.

    Raises UsageError: two different files would get the same output name.
    """
    files = list({file.path.absolute(): file for file in _each(arguments, left_out, encoded, output)}.values())
    if output is not None:
        seen: dict[Path, Path] = {}
        for file in files:
            other = seen.setdefault(file.relative, file.path)
            if other is not file.path:
                raise UsageError(
                    f"{other} and {file.path} would have the same output name",
                    code=ReasonCode.BAD_ARGUMENT,
                    hint="Give their common folder, or use two output folders",
                )
    return files


def one_output(arguments: list[Path], files: list[InputFile], output: str) -> bool:
    """Whether `output` names one file, for the one input, and not a folder.

    Raises UsageError where a folder is needed and `output` is a file or looks like one.
    """
    path = Path(output)
    folder = is_folder(path) or output.endswith(("/", os.sep))
    if len(files) == 1 and not is_folder(arguments[0]) and not folder:
        return True
    if not folder and (exists(path) or path.suffix.lower() in ENCODED_SUFFIXES):
        raise UsageError(
            f"{output} is a file, or named like one, but this needs a folder",
            code=ReasonCode.BAD_ARGUMENT,
            hint=f"Write {output}/ if a folder of this name is meant",
        )
    return False


def _each(arguments: Iterable[Path], left_out: LeftOut, encoded: bool, output: Path | None) -> Iterator[InputFile]:
    for argument in arguments:
        if not is_folder(argument):
            yield InputFile(argument, Path(argument.name))
            continue
        inner = None if output is None else _strictly_inside(_resolved(output), _resolved(argument))
        suffixes = ENCODED_SUFFIXES if encoded else IMAGE_SUFFIXES
        known = len(left_out.problems)
        found = images_below(
            argument,
            left_out=left_out,
            suffixes=suffixes,
            signature=SIGNATURE if encoded else None,
            passed_over=functools.partial(_is, inner),
        )
        problems = left_out.problems[known:]
        if not found and not problems:
            problem = InputError(f"no image in {argument}", code=ReasonCode.NOT_FOUND, hint=f"Looked for {_list(suffixes)}")
            yield InputFile(argument, Path(argument.name), problem)
        for path, unsearched in problems:
            yield InputFile(path, path.relative_to(argument), unsearched)
        for path in found:
            yield InputFile(path, path.relative_to(argument))


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # a name that the file system refuses, a link to itself: using it says so
        return path.absolute()


def _is(folder: Path | None, path: Path) -> bool:
    return folder is not None and _resolved(path) == folder


def _strictly_inside(path: Path, folder: Path) -> Path | None:
    return path if path != folder and path.is_relative_to(folder) else None


def _list(suffixes: Iterable[str]) -> str:
    return " ".join(sorted(suffixes))
