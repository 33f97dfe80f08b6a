"""From arguments to a list of files, each with the name its output will have below the output folder."""

from __future__ import annotations

import functools
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from router.archive.restoring import ENCODED_SUFFIXES
from router.cli.address_paths import as_path, check_folder_is_local
from router.containers.ncr import SIGNATURE
from router.errors import InputError, RouterError, UsageError
from router.files.named import exists, is_folder, read_stream
from router.folders import IMAGE_SUFFIXES, LeftOut, search
from router.limits import Limits
from router.reasons import ReasonCode

STDIN = Path("-")
"""Named as an input, this is standard input; a file of that name is `./-`."""


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

    def source(self, limits: Limits) -> Path | bytes:
        """The path, or what there is on standard input. Raises the problem, if there is one, InputError, LimitError."""
        return read_stream(sys.stdin.buffer, limits) if is_stdin(self.path) else self.check()


def is_stdin(path: Path) -> bool:
    """Whether an argument means standard input."""
    return str(path) == str(STDIN)


def expand(
    arguments: Iterable[Path],
    *,
    listed: Iterable[tuple[Path, Path]] = (),
    left_out: LeftOut,
    encoded: bool = False,
    output: Path | None = None,
) -> list[InputFile]:
    """Files as given; folders searched recursively, in sorted order, for images, or with `encoded` also for `.ncr` files.

    A file named twice is taken once. What does not exist, a folder without images, and one that may not be searched stay in the
    list, so that they are reported like any other failure. `left_out` is told what else folders hold. With `output`, the folder
    written to, no two files may want the same name there, and its own content is no input where it lies inside a folder that is
    searched. `listed`: further paths, each with the name that it keeps.

    Raises UsageError: two different files would get the same output name.
    """
    named = itertools.chain(((path, Path() if is_folder(path) else Path(path.name)) for path in arguments), listed)
    found = (file for path, name in named for file in _sorted(path, name, left_out, encoded, output))
    files = list({file.path.absolute(): file for file in found}.values())
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
    if len(files) == 1 and not is_folder(arguments[0]) and not _says_folder(output):
        return True
    check_folder(output)
    return False


def check_folder(output: str) -> None:
    """Raises UsageError where `output` is a file or looks like one."""
    path = as_path(output)
    check_folder_is_local(path)
    if not _says_folder(output) and (exists(path) or path.suffix.lower() in ENCODED_SUFFIXES):
        raise UsageError(
            f"{output} is a file, or named like one, but this needs a folder",
            code=ReasonCode.BAD_ARGUMENT,
            hint=f"Write {output}/ if a folder of this name is meant",
        )


def found_in(
    folder: Path, *, left_out: LeftOut, encoded: bool = False, output: Path | None = None, name: Path = Path()
) -> Iterator[InputFile]:
    """The files of one folder as they are found, as `expand` has them; `name`: what goes before their names."""
    suffixes = ENCODED_SUFFIXES if encoded else IMAGE_SUFFIXES
    inner = None if output is None else _strictly_inside(_resolved(output), _resolved(folder))
    known, any_found = len(left_out.problems), False
    for path in search(
        folder,
        left_out=left_out,
        suffixes=suffixes,
        signature=SIGNATURE if encoded else None,
        passed_over=functools.partial(_is, inner),
    ):
        any_found = True
        yield InputFile(path, name / path.relative_to(folder))
    problems = left_out.problems[known:]
    for path, unsearched in problems:
        yield InputFile(path, name / path.relative_to(folder), unsearched)
    if not any_found and not problems:
        problem = InputError(f"no image in {folder}", code=ReasonCode.NOT_FOUND, hint=f"Looked for {_list(suffixes)}")
        yield InputFile(folder, Path(folder.name), problem)


def _sorted(path: Path, name: Path, left_out: LeftOut, encoded: bool, output: Path | None) -> Iterable[InputFile]:
    if is_stdin(path):
        return (InputFile(path, Path("stdin")),)
    if not is_folder(path):
        return (InputFile(path, name),)
    found = found_in(path, left_out=left_out, encoded=encoded, output=output, name=name)
    return sorted(found, key=lambda file: (file.problem is None, file.path))


def _says_folder(output: str) -> bool:
    return is_folder(as_path(output)) or output.endswith(("/", os.sep))


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
