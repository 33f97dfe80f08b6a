"""A run over many files in a command: rows as they come, a live line, a summary; journal and workers are `router.batch`'s."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from router import batch
from router.batch import Row, State, Summary
from router.cli.address_paths import is_address
from router.cli.inputs import InputFile, check_folder, expand, found_in, is_stdin
from router.cli.listing import Listing
from router.cli.live import LiveLine, Progress, shown
from router.cli.reporting import Tally, console
from router.cli.run_summary import print_summary
from router.cli.termination import Stop, finishing
from router.errors import RouterError, UsageError
from router.files.named import is_folder
from router.folders import LeftOut
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from rich.console import Console

    from router.batch.metrics import Metrics

SHOWN = 30
"""Rows of a run's table, unless more are asked for."""
NAMED = 8
"""So many files that are named one by one are done as they were given, without a journal; more are a run."""


@dataclass(frozen=True)
class Ways:
    """How a run is carried out, from the command's options."""

    jobs: int | None = None
    timeout: float | None = None
    force: bool = False
    retry_failed: bool = False
    quiet: bool = False
    verbose: bool = False
    metrics: str | None = None

    @property
    def asked(self) -> bool:
        """Whether one of them asks for a run whatever is named."""
        return self.jobs is not None or self.timeout is not None or self.retry_failed or self.metrics is not None


@dataclass(frozen=True)
class Named:
    """What a command is given: arguments, the paths of a list, and the output."""

    arguments: list[Path]
    listed: list[tuple[Path, Path]]
    output: str
    from_list: bool = False
    encoded: bool = False

    def check(self) -> None:
        """Raises UsageError: nothing is named; standard input or output are named among others."""
        if not self.arguments and not self.from_list:
            raise UsageError(
                "no input", code=ReasonCode.BAD_ARGUMENT, hint="Name files or folders, or a list of them with --files-from"
            )
        several = len(self.arguments) > 1 or self.from_list or any(is_folder(path) for path in self.arguments)
        if several and (self.output == "-" or any(map(is_stdin, self.arguments))):
            raise UsageError(
                "standard input and output hold one image each",
                code=ReasonCode.BAD_ARGUMENT,
                hint="Name one input and one output",
            )

    def are_many(self, ways: Ways) -> bool:
        """Whether this is a run: a folder, a list, more than `NAMED` files, or one of the options of runs."""
        if self.output == "-" or any(is_stdin(path) or is_address(path) for path in self.arguments):
            return False
        if self.from_list or any(not is_stdin(path) and is_folder(path) for path in self.arguments):
            return True
        places = {path.absolute() for path in self.arguments}
        if len(places) == 1 and not is_folder(Path(self.output)) and not self.output.endswith("/"):
            return False
        return len(places) > NAMED or ways.asked

    def listing(self, left_out: LeftOut, *, whole: bool) -> Listing:
        """The files: as they are found for one folder, unless the `whole` is wanted first, as where names may clash.

        Raises UsageError: the output is a file, or two files want one name.
        """
        check_folder(self.output)
        root = Path(self.output)
        if len(self.arguments) == 1 and not self.listed and is_folder(self.arguments[0]) and not whole:
            return Listing(found_in(self.arguments[0], left_out=left_out, encoded=self.encoded, output=root))
        files = expand(self.arguments, listed=self.listed, left_out=left_out, encoded=self.encoded, output=root)
        return Listing(files)

    @property
    def folders(self) -> list[Path]:
        """Where the files lie."""
        paths = (*self.arguments, *(path for path, _ in self.listed))
        return list(dict.fromkeys(path if is_folder(path) else path.parent for path in paths))


def run_many(
    job: batch.Job,
    files: Listing,
    output: Path,
    ways: Ways,
    tally: Tally,
    *,
    read: Iterable[Path],
    kept: Iterable[Path],
    document: Callable[[Row], dict[str, Any]],
    show: Callable[[Console, Row], None],
    log: Callable[[Row], None] = lambda row: None,
) -> None:
    """Carry out a run and tell of it.

    `document`: what JSON says of a finished image. `show`: prints it for people. `log`: is given every finished image first; what
    it raises counts as the failure of that image.
    """
    summary, began = Summary(), time.monotonic()
    saving = job.operation == "compress"
    stop = Stop()
    line = LiveLine(lambda: progress_of(summary, files, saving, stop))
    plain = not tally.as_json and not ways.quiet
    interrupted = True
    try:
        with finishing(stop), _metrics(ways) as metrics, shown(line, not plain) as screen:
            tally.screen = screen
            rows_to = screen if screen is not None and not screen.stderr else console()

            def sources() -> Iterator[tuple[Path, Path]]:
                for file in files:
                    if file.problem is None:
                        yield file.path, file.relative
                    else:
                        summary.add(_failure(file))
                        tally.failed(file.path, file.problem)

            def told(row: Row) -> None:
                if metrics is not None:
                    metrics.add(row)
                if row.state is State.SKIPPED:
                    tally.done(row.source, {"skipped": True, "output": str(output / row.output)})
                elif row.code:
                    before = row.state is State.FAILED_BEFORE
                    tally.failed(row.source, _error(row), **({"failed_before": True} if before else {}))
                else:
                    tally.run(row.source, lambda: logged(row))
                    if plain and (ways.verbose or summary.total.images <= SHOWN):
                        show(rows_to, row)
                    elif plain and summary.total.images == SHOWN + 1:
                        rows_to.print(f"[dim]the first {SHOWN}; --verbose shows all[/]")

            def begin(task: batch.Task) -> None:
                line.begin(task.name)
                if metrics is not None:
                    metrics.begin(task)

            def logged(row: Row) -> dict[str, Any]:
                log(row)
                return document(row)

            batch.run(
                sources(),
                output,
                job,
                jobs=ways.jobs,
                timeout=ways.timeout,
                force=ways.force,
                retry_failed=ways.retry_failed,
                on_row=told,
                on_begin=begin,
                stopping=lambda: bool(stop),
                read=read,
                kept=kept,
                summary=summary,
            )
        interrupted = bool(stop)
    finally:
        tally.screen = None
        if plain and (summary.images or not interrupted):
            print_summary(console(), summary, time.monotonic() - began, saving=saving, interrupted=interrupted)
    if stop:
        raise typer.Exit(stop.exit_code)


@contextmanager
def _metrics(ways: Ways) -> Iterator[Metrics | None]:
    """What serves the metrics of the run meanwhile, if that is asked for."""
    if ways.metrics is None:
        yield None
        return
    from router.batch.metrics import Metrics, served

    metrics = Metrics()
    with served(metrics, ways.metrics) as port:
        if not ways.quiet:
            console(stderr=True).print(f"[dim]metrics at port {port}, /metrics[/]")
        yield metrics


def progress_of(summary: Summary, files: Listing, saving: bool, stop: Stop) -> Progress:
    """How far a run is. `saving`: whether outputs are meant to be smaller."""
    return Progress(
        done=summary.images,
        worked=summary.total.images + summary.failed,
        total=files.found,
        complete=files.complete,
        saved=summary.total.saved if saving else None,
        failed=summary.failed + summary.failed_before,
        stopping=bool(stop),
    )


def _failure(file: InputFile) -> Row:
    assert file.problem is not None
    return Row(str(file.relative), State.FAILED, code=str(file.problem.code), exit_code=file.problem.exit_code)


def _error(row: Row) -> RouterError:
    """The error of a failed row, as it was in its worker."""
    hint = "It failed before; --retry-failed tries again" if row.state is State.FAILED_BEFORE else row.hint
    error = RouterError(row.message, code=ReasonCode(row.code), hint=hint, **row.details)
    error.exit_code = row.exit_code
    return error
