"""A run over many images: what is done already is left alone, the rest goes to the engine, every row to the journal."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from router.batch import journal
from router.batch.here import InlineEngine
from router.batch.index import Index, Known
from router.batch.local import LocalEngine, available_cpus
from router.batch.options import Job
from router.batch.placing import Permit, read_inside
from router.batch.row import Row, State, failed
from router.batch.summary import Summary
from router.batch.task import Task, tasks
from router.files.addresses import check_local
from router.reasons import ReasonCode

FEW = 4
"""Images that are done in this process where the caller names neither `jobs` nor `timeout`: to start workers takes longer."""


def run(
    files: Iterable[tuple[Path, Path]],
    output: Path,
    options: Job,
    *,
    jobs: int | None = None,
    timeout: float | None = None,
    force: bool = False,
    retry_failed: bool = False,
    on_row: Callable[[Row], None] = lambda row: None,
    on_begin: Callable[[Task], None] = lambda task: None,
    stopping: Callable[[], bool] = lambda: False,
    read: Iterable[Path] = (),
    kept: Iterable[Path] = (),
    summary: Summary | None = None,
) -> Summary:
    """Compress files into a folder, or decompress them.

    Args:
        files: (path, relative name) pairs; drawn as workers get free.
        output: the folder; outputs keep the relative names, with the suffix of their format behind.
        options: what is done, the same for all: `Options` to compress, `Restoring` to decompress.
        jobs: worker processes; by default the CPUs that this process may use, and none for `FEW` images or fewer.
        timeout: seconds that one image may take.
        force: do everything again, and overwrite what is there.
        retry_failed: try again what failed before for the same source and options.
        on_row: told of every row as it comes, skipped images included.
        on_begin: told of every image that is begun.
        stopping: once it says so, what is in flight is finished and nothing more is begun; a later run goes on there.
        read: folders that sources lie in; what is in them is overwritten only where an earlier run wrote it.
        kept: further files that are never overwritten.
        summary: to count in; a new one by default.

    A second run with the same options leaves alone what is done for the same source; what changed, and what changed options
    would do otherwise, is done again and replaces the output of the earlier run. Files that no run wrote are never overwritten
    without `force`, and what another source of this run, or a source of the same name in another folder, became never is. Outputs
    of earlier runs that lie among the files are no sources.

    Raises PolicyError, ArtefactError, UsageError (the output is an address), and OutputNotWritableError where the journal cannot
    be used. What is wrong with a single image is in its row.
    """
    check_local(output)
    key = options.key()
    known = journal.index(output, options.operation)
    summary = Summary() if summary is None else summary
    plan = _Plan(output, options.operation, key, known, force, retry_failed)

    def tell(row: Row) -> None:
        counted = row if row.options == key else replace(row, options=key, operation=options.operation)
        summary.add(counted)
        on_row(counted)

    to_do = plan.to_do(files, tell)
    first = list(itertools.islice(to_do, max(FEW + 1, jobs or available_cpus())))
    if not first:
        return summary
    engine = (
        InlineEngine()
        if jobs is None and timeout is None and len(first) <= FEW
        else LocalEngine(min(jobs or available_cpus(), len(first)), timeout)
    )
    with journal.Journal(output) as book:
        permit = Permit(force, book.begin(), read_inside(read, output), tuple(str(path.absolute()) for path in kept))
        work = functools.partial(_perform, options, key, permit)
        for row in engine.run(itertools.chain(first, to_do), work, stopping, on_begin):
            finished = _relative(row, output, known)
            book.add(replace(finished, options=key, operation=options.operation, source=str(Path(row.source).absolute())))
            tell(finished)
    return summary


def _perform(options: Job, key: str, permit: Permit, task: Task) -> Row:
    return options.perform(task, key, permit)


def _relative(row: Row, output: Path, known: Index) -> Row:
    """The row with its output as the journal has it. Where two workers took one name at the same moment, that is a failure."""
    if not row.output:
        return row
    place = Path(row.output).relative_to(output).as_posix()
    other = known.claim(place, row.name)
    if other == row.name:
        return replace(row, output=place)
    message = f"what {other} became has the same name, {place}, and one of them is lost"
    task = Task(row.source, row.name, "", row.source_state)
    return failed(task, ReasonCode.OUTPUT_EXISTS, message, "Use two output folders", exit_code=4)


class _Plan:
    """What is to be done, by what earlier runs say."""

    def __init__(self, output: Path, operation: str, key: str, known: Index, force: bool, retry_failed: bool) -> None:
        self._output = output
        self._folder = str(output)
        self._operation = operation
        self._key = key
        self._known = known
        self._force = force
        self._retry = retry_failed

    def to_do(self, files: Iterable[tuple[Path, Path]], tell: Callable[[Row], None]) -> Iterator[Task]:
        for task in tasks(files, self._output):
            if _same(task.source, task.destination) and self._known.made(task.name) is not None:
                continue  # an output of an earlier run, in a folder that holds both
            before = self._known.get(task.name)
            row = None if before is None or self._force else self._row(task, before)
            if row is not None:
                tell(row)
            elif before is not None and before.output and self._of(task, before):
                yield replace(task, replaces=str(self._output / before.output))
            else:
                yield task

    def _row(self, task: Task, before: Known) -> Row | None:
        """What is told of a task that need not be done; None if it must."""
        if not task.state or (before.source_state, before.options) != (task.state, self._key):
            return None
        told = Row(
            task.name,
            State.SKIPPED,
            operation=self._operation,
            source=task.source,
            source_state=task.state,
            options=self._key,
            output=before.output,
        )
        if not before.failed:
            return told if os.path.exists(os.path.join(self._folder, before.output)) else None  # noqa: PTH110, PTH118 - of millions
        if self._retry:
            return None
        return replace(
            told,
            state=State.FAILED_BEFORE,
            output="",
            code=before.code,
            message=before.message,
            hint=before.hint,
            exit_code=before.exit_code,
        )

    def _of(self, task: Task, before: Known) -> bool:
        """Whether the output is of this source: one of the same name in another folder is another, unless it is the same file."""
        return before.source in ("", str(Path(task.source).absolute())) or before.source_state == task.state


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(other, one)  # noqa: PTH121 - of millions; the first is rarely there
    except (OSError, ValueError):
        return False
