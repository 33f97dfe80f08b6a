"""A run over many images: what is done already is left alone, the rest goes to the engine, every row to the journal."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from router.batch import journal
from router.batch.local import LocalEngine, available_cpus
from router.batch.options import Options
from router.batch.row import Row, State
from router.batch.summary import Summary
from router.batch.task import Task, tasks
from router.batch.work import compress_one


def run(
    files: Iterable[tuple[Path, Path]],
    output: Path,
    options: Options,
    *,
    jobs: int | None = None,
    timeout: float | None = None,
    force: bool = False,
    retry_failed: bool = False,
    on_row: Callable[[Row], None] = lambda row: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Summary:
    """Compress files into a folder.

    Args:
        files: (path, relative name) pairs; drawn as workers get free.
        output: the folder; outputs keep the relative names, with the suffix of their format behind.
        options: policy and arguments, the same for all.
        jobs: worker processes; by default the CPUs that this process may use.
        timeout: seconds that one image may take.
        force: do everything again, and overwrite what is there.
        retry_failed: try again what failed before for the same source and options.
        on_row: told of every row as it comes, skipped images included.
        stopping: once it says so, what is in flight is finished and nothing more is begun; a later run goes on there.

    A second run with the same options leaves alone what is done for the same source; what changed, and what changed options
    would do otherwise, is done again and replaces the output of the earlier run. Files that no run wrote are never overwritten
    without `force`.

    Raises PolicyError, ArtefactError, and OutputNotWritableError where the journal cannot be written. What is wrong with a single
    image is in its row.
    """
    key = options.key()
    known = {} if force else journal.known(output)
    summary = Summary()

    def tell(row: Row) -> None:
        summary.add(row)
        on_row(row)

    def to_do() -> Iterator[Task]:
        for task in tasks(files, output):
            before = known.get(task.name)
            same = before is not None and (before.source_state, before.options) == (task.state, key) and task.state != ""
            if same and before is not None and before.done and (output / before.output).exists():
                tell(Row(task.name, State.SKIPPED, task.state, key, output=before.output))
            elif same and before is not None and not before.done and not retry_failed:
                tell(Row(task.name, State.FAILED_BEFORE, task.state, key))
            else:
                yield task if before is None or not before.output else replace(task, replaces=str(output / before.output))

    work = functools.partial(compress_one, options=options, key=key, overwrite=force)
    with journal.Journal(output) as book:
        for row in LocalEngine(jobs or available_cpus(), timeout).run(to_do(), work, stopping):
            finished = replace(row, options=key, output=str(Path(row.output).relative_to(output)) if row.output else "")
            book.add(finished)
            tell(finished)
    return summary
