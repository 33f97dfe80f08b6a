"""Where an output goes, and what it may replace: never a source, never what another source of the same run became."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from router.batch.task import Task
from router.errors import OutputExistsError
from router.files.named import write_atomically
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Permit:
    """What the outputs of one run may replace. Pickled to workers.

    Attributes:
        overwrite: also files that no run wrote.
        began: when the run began, as the output folder's file system has it: time of change in ns. What was changed since was
            written by this run.
        read: real paths of folders below the output folder, or of that folder itself, whose files are sources.
        kept: files that are never replaced.
    """

    overwrite: bool = False
    began: int = 0
    read: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def read_inside(folders: Iterable[Path], output: Path) -> tuple[str, ...]:
    """The folders among those that a run reads in which its outputs may come to lie, as real paths."""
    real = _real(output)
    places = dict.fromkeys(_real(folder) for folder in folders)
    return tuple(place for place in places if _inside(place, real))


def place(data: bytes, wanted: Path, suffix: str, task: Task, permit: Permit) -> Path:
    """Write an output and give it the source's times; returns the path written.

    Where another source of this run has the name, as `a` and `a.png` may both want `a.png`, the output gets `suffix` once more.
    What is there already and holds the same bytes is taken for written: a run was killed between the output and the journal.

    Raises OutputExistsError, OutputNotWritableError.
    """
    source = Path(task.source)
    earlier = Path(task.replaces) if task.replaces else None
    target = wanted
    while target != earlier and _others(target, source, task, permit):
        target = target.with_name(target.name + suffix)
    _check(target, source, earlier, permit)
    if not _holds(target, data):
        write_atomically(target, data, overwrite=permit.overwrite or target == earlier)
    if earlier is not None and earlier != target and not _of_this_run(earlier, permit):
        with suppress(OSError):
            earlier.unlink()
    times = source.stat()
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return target


def _others(target: Path, source: Path, task: Task, permit: Permit) -> bool:
    """Whether another source has, or will have, this name."""
    if target.name != source.name and source.with_name(target.name).is_file():
        return True
    return _of_this_run(target, permit) and not task.again


def _check(target: Path, source: Path, earlier: Path | None, permit: Permit) -> None:
    if not target.exists():
        return
    if any(Path(kept).exists() and target.samefile(kept) for kept in (str(source), *permit.kept)):
        raise _refused(f"{target} is read by this run")
    if target != earlier and any(_inside(_real(target), folder) for folder in permit.read) and permit.overwrite:
        raise _refused(f"{target} lies among the inputs")


def _holds(target: Path, data: bytes) -> bool:
    try:
        return target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data
    except OSError:  # writing says why
        return False


def _of_this_run(path: Path, permit: Permit) -> bool:
    try:
        return path.stat().st_ctime_ns >= permit.began > 0
    except OSError:
        return False


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # a name that the file system refuses: using it says so
        return os.path.abspath(path)  # noqa: PTH100 - takes any name


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _refused(message: str) -> OutputExistsError:
    return OutputExistsError(message, code=ReasonCode.OUTPUT_EXISTS, hint="Choose another output")
