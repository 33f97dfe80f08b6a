"""`codec-router compress`: files and folders in, one output each, with the reason for its lane."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.address_paths import as_path
from router.cli.explanation import print_explanation
from router.cli.inputs import InputFile, expand, one_output
from router.cli.left_out import tell
from router.cli.live import progress
from router.cli.many import Named, Ways, run_many
from router.cli.path_lists import listed
from router.cli.pipes import check_pipe, write_to_pipe
from router.cli.reporting import Tally, console
from router.cli.results import OutputResult, Rows, print_advice, print_results
from router.cli.untouched import Untouched
from router.errors import OutputNotWritableError, RouterError, UsageError
from router.folders import LeftOut
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from rich.console import Console

    from router.batch import Row
    from router.record import RunRecord
    from router.sinks import Sink


def command(
    output: o.OutputOrPipeOption,
    inputs: o.SomeInputs = None,
    files_from: o.FilesFromOption = None,
    null: o.NullOption = False,
    policy: o.PolicyOption = "balanced",
    codec: Annotated[
        str | None, typer.Option("--codec", help="Force a codec; the policy is not asked, the guard still runs.")
    ] = None,
    quality: o.QualityOption = None,
    target: o.TargetOption = None,
    receiver: o.ReceiverOption = None,
    receiver_model: o.ReceiverModelOption = None,
    context: o.ContextOption = None,
    detector: o.DetectorOption = None,
    metadata: Annotated[
        str | None, typer.Option("--metadata", help="keep, icc or strip; the policy's choice by default.")
    ] = None,
    record: o.RecordOption = None,
    release_failed: Annotated[
        bool, typer.Option("--release-failed", help="With --codec: write the output even if the guard fails; the record says so.")
    ] = False,
    jobs: o.JobsOption = None,
    timeout: o.TimeoutOption = None,
    force: o.ForceAgainOption = False,
    retry_failed: o.RetryOption = False,
    first_frame: o.FirstFrameOption = False,
    no_limits: o.NoLimitsOption = False,
    log: Annotated[
        Path | None, typer.Option("--log", help="Append one JSON line per output, with timings and every rule.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show, after the table, what was tried.")] = False,
    verbose: o.VerboseOption = False,
    metrics: o.MetricsOption = None,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Compress images: one output each, in the lane that the policy chooses, with the decision record inside.

    Folders, lists and more than a few files are done by worker processes; a second run does what is left.
    """
    tally, root, left_out, arguments_given = Tally(as_json), as_path(output), LeftOut(), inputs or []
    ways = Ways(jobs, timeout, force, retry_failed, quiet, verbose, metrics)
    with tally.setup(arguments_given or [output]):
        from router.batch import Options
        from router.codecs import registry
        from router.routing.router import Router
        from router.sinks import JsonLines

        named = Named(arguments_given, listed(files_from, null), output, files_from is not None)
        named.check()
        check_pipe(output, as_json)

        if release_failed and codec is None:
            raise UsageError("--release-failed goes with --codec", code=ReasonCode.BAD_ARGUMENT)
        if codec is not None:
            registry.get_class(codec)
        limits = o.limits_from(no_limits)
        router = Router(policy, detector=o.detector_from(detector), limits=limits)
        arguments: dict[str, Any] = {
            "codec": codec,
            "target": o.target_from(quality, target),
            "receiver": o.receiver_from(receiver, receiver_model),
            "context": o.context_from(router.policy, context),
            "metadata": o.metadata_from(metadata),
            "record": o.record_from(record),
            "first_frame": first_frame,
            "on_guard_fail": "release" if release_failed else "raise",
        }
        many = named.are_many(ways)
        if many:
            listing = named.listing(left_out, whole=log is not None)
            files = list(listing.files)
        else:
            files = expand(named.arguments, left_out=left_out, output=root)
        single = not many and (output == "-" or one_output(named.arguments, files, output))
        untouched = Untouched([*(file.path for file in files), *o.files_of(policy, detector)])
        sink = None if log is None else JsonLines(untouched.check(log))
        if sink is not None and log is not None:
            sink.check()
            untouched.add(log)
    if many:
        rows = Rows()

        def result_of(row: Row) -> OutputResult:
            assert row.run is not None
            return OutputResult(Path(row.name), root / row.output, row.run)

        def show(screen: Console, row: Row) -> None:
            rows.add(screen, result_of(row))
            if explain:
                print_explanation(screen, result_of(row))

        def logged(row: Row) -> None:
            if sink is not None:
                _log(sink, result_of(row).run, result_of(row).written)

        with tally.setup(named.arguments or [output]):
            run_many(
                Options(policy, detector, limits, arguments),
                listing,
                root,
                ways,
                tally,
                read=named.folders,
                kept=[*o.files_of(policy, detector), *([] if log is None else [log])],
                document=lambda row: _document(result_of(row), explain),
                show=show,
                log=logged,
            )
        if not quiet and not as_json:
            print_advice(console(), rows.asking)
        if not quiet:
            tell(left_out, named.arguments, as_json)
        tally.exit()
        return
    results: list[OutputResult] = []
    claimed: set[Path] = set()
    for file in progress(files, len(files), as_json or quiet, name=lambda file: str(file.relative), tally=tally):
        destination = root if single else root / file.relative

        def work(file: InputFile = file, destination: Path = destination) -> dict[str, Any]:
            encoded = router.compress(file.source(limits), **arguments)
            if output == "-":
                if sink is not None:
                    sink(encoded.run)
                write_to_pipe(encoded.data)
                results.append(OutputResult(file.relative, Path("standard output"), encoded.run))
                return {}
            # Two sources such as `a.png` and `a` may want the same name: the later one gets its suffix once more.
            target = as_path(os.fspath(encoded.path_for(destination)))
            while target in claimed:
                target = target.with_name(target.name + encoded.suffix)
            written = untouched.check(target)
            encoded.save(written, overwrite=force)
            claimed.add(written)
            if sink is not None:
                _log(sink, encoded.run, written)
            results.append(OutputResult(file.relative, written, encoded.run))
            return _document(results[-1], explain)

        tally.run(file.path, work)
    if not as_json and not quiet and results:
        screen = console(stderr=output == "-")
        print_results(screen, results)
        for result in results if explain else []:
            print_explanation(screen, result)
    tally.exit()


def _log(sink: Sink, run: RunRecord, written: Path) -> None:
    try:
        sink(run)
    except RouterError as error:
        raise OutputNotWritableError(f"{error.message}; {written} is written all the same", code=error.code) from error


def _document(result: OutputResult, explain: bool) -> dict[str, Any]:
    run = result.run
    document: dict[str, Any] = {
        "output": str(result.written),
        "bytes": run.output_bytes,
        "source_bytes": run.source_bytes,
        "record": run.record.model_dump(mode="json", exclude_none=True),
    }
    if explain:
        document["rules"] = list(run.rules)
        document["attempts"] = [a.model_dump(mode="json", exclude_none=True) for a in run.attempts]
        document["costs"] = run.costs
    return document
