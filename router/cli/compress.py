"""`codec-router compress`: files and folders in, one output each, with the reason for its lane."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import InputFile, check_not_a_source, expand, one_output
from router.cli.reporting import Tally, console, human_bytes, progress, shown
from router.errors import UsageError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.record import Attempt, DecisionRecord, RunRecord


@dataclass(frozen=True)
class _Row:
    """What is shown of one output; its bytes are not kept."""

    file: InputFile
    written: Path
    run: RunRecord

    @property
    def record(self) -> DecisionRecord:
        return self.run.record


def command(
    inputs: o.Inputs,
    output: o.OutputOption,
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
    release_failed: Annotated[
        bool, typer.Option("--release-failed", help="With --codec: write the output even if the guard fails; the record says so.")
    ] = False,
    force: o.ForceOption = False,
    first_frame: o.FirstFrameOption = False,
    no_limits: o.NoLimitsOption = False,
    log: Annotated[
        Path | None, typer.Option("--log", help="Append one JSON line per output, with timings and every rule.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the rules and lanes that were tried.")] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Compress images: one output each, in the lane that the policy chooses, with the decision record inside."""
    tally, root = Tally(as_json), Path(output)
    with tally.setup(inputs):
        from router.codecs import registry
        from router.router import Router
        from router.sinks import JsonLines

        if release_failed and codec is None:
            raise UsageError("--release-failed goes with --codec", code=ReasonCode.BAD_ARGUMENT)
        if codec is not None:
            registry.get_class(codec)
        router = Router(policy, detector=o.detector_from(detector), limits=o.limits_from(no_limits))
        arguments: dict[str, Any] = {
            "codec": codec,
            "target": o.target_from(quality, target),
            "receiver": o.receiver_from(receiver, receiver_model),
            "context": o.context_from(router.policy, context),
            "metadata": o.metadata_from(metadata),
            "first_frame": first_frame,
            "on_guard_fail": "release" if release_failed else "raise",
        }
        files = expand(inputs, output=root)
        single = one_output(inputs, files, output)
        sink = None if log is None else JsonLines(log)
        if sink is not None:
            sink.check()
    rows: list[_Row] = []
    claimed: set[Path] = set()
    for file in progress(files, len(files), as_json):
        destination = root if single else root / file.relative

        def work(file: InputFile = file, destination: Path = destination) -> dict[str, Any]:
            encoded = router.compress(file.check(), **arguments)
            # Two sources such as `a.png` and `a` may want the same name: the later one gets its suffix once more.
            target = encoded.path_for(destination)
            while target in claimed:
                target = target.with_name(target.name + encoded.suffix)
            check_not_a_source(target, files)
            written = encoded.save(target, overwrite=force)
            claimed.add(written)
            if sink is not None:
                sink(encoded.run)
            row = _Row(file, written, encoded.run)
            rows.append(row)
            return _document(row, explain)

        tally.run(file.path, work)
    if not as_json and rows:
        _print(rows, explain)
    tally.exit()


def _document(row: _Row, explain: bool) -> dict[str, Any]:
    run = row.run
    document: dict[str, Any] = {
        "output": str(row.written),
        "bytes": run.output_bytes,
        "source_bytes": run.source_bytes,
        "record": run.record.model_dump(mode="json", exclude_none=True),
    }
    if explain:
        document["rules"] = list(run.rules)
        document["attempts"] = [a.model_dump(mode="json", exclude_none=True) for a in run.attempts]
        document["costs"] = run.costs
    return document


def _print(rows: list[_Row], explain: bool) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("input", "lane", "codec", "source", "output"):
        sizes = title in ("source", "output")
        table.add_column(title, justify="right" if sizes else "left", no_wrap=title != "input", overflow="fold")
    table.add_column("target", justify="right")
    table.add_column("p (ood)", justify="right")
    table.add_column("why, and what was passed over", overflow="fold")
    for row in rows:
        record = row.record
        reached = record.target.achieved if record.target else None
        passed_over = [
            f"{r.codec or r.lane} {r.code}" for r in record.reasons if (r.codec or r.lane) and r.code != "FORCED_CODEC"
        ]
        table.add_row(
            shown(row.file.relative),
            _LANE_STYLE.get(record.lane, "{}").format(record.lane),
            shown(record.codec),
            human_bytes(row.run.source_bytes),
            human_bytes(row.run.output_bytes),
            "-" if reached is None else f"{reached:.1f}",
            "-" if record.scores is None else f"{record.scores.p_value:.3f}",
            shown("; ".join([_why(record), *passed_over])),
        )
    screen = console()
    if explain:
        for row in rows:
            _explain(row)
        screen.print()
    screen.print(table)
    sources = sum(row.run.source_bytes or 0 for row in rows)
    outputs = sum(row.run.output_bytes for row in rows)
    where = rows[0].written if len(rows) == 1 else f"{len(rows)} files"
    screen.print(f"[dim]{shown(where)} written, {human_bytes(sources)} -> {human_bytes(outputs)}[/]", soft_wrap=True)


def _why(record: DecisionRecord) -> str:
    """The rule that matched and the reason it gives; an error in a rule where that decided."""
    if record.policy is None:
        return "forced by the caller"
    return next((r.detail for r in record.reasons if r.code in ("RULE_MATCHED", "RULE_ERROR")), "") or record.policy.rule


def _explain(row: _Row) -> None:
    screen = console()
    screen.print(f"\n[bold]{shown(row.file.relative)}[/] -> {shown(row.written)}")
    for rule in row.run.rules:
        outcome, detail = rule.get("outcome", ""), rule.get("detail", "")
        screen.print(f"  rule {shown(rule['rule'])}: {outcome} [dim]{shown(detail)}[/]")
    problem = row.run.costs.get("problem")
    if problem:
        screen.print(f"  costs: {problem['code']} [dim]{shown(problem['message'])}[/]")
    for a in row.run.attempts:
        name = f"{a.lane}/{a.codec}" if a.codec else a.lane
        screen.print(
            f"  {shown(name)}: {a.outcome} {shown(a.detail)}[dim] {human_bytes(a.bytes)}, "
            f"{a.encodings} encodings, {a.seconds:.2f} s{_predicted(a)}[/]"
        )


def _predicted(attempt: Attempt) -> str:
    """What the attempt was expected to take, where that is known."""
    if attempt.predicted_seconds is None or attempt.predicted_band is None:
        return ""
    low, high = attempt.predicted_band
    count = f"{attempt.predicted_encodings:g} encodings"
    return f", predicted {attempt.predicted_seconds:.2f} s ({low:.2f} to {high:.2f}) for {count}"


_LANE_STYLE = {
    "neural": "[magenta]{}[/]",
    "classical": "[cyan]{}[/]",
    "lossless": "[green]{}[/]",
    "transcode": "[blue]{}[/]",
    "passthrough": "[dim]{}[/]",
}
