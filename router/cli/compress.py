"""`codec-router compress`: files and folders in, one output each, with the reason for its lane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import InputFile, expand
from router.cli.reporting import Tally, console, human_bytes, progress

if TYPE_CHECKING:
    from router.encoded import EncodedImage
    from router.router import Router


def command(
    inputs: o.Inputs,
    output: Annotated[Path, typer.Option("--output", "-o", help="Output file for one input, else a folder.")],
    policy: o.PolicyOption = "balanced",
    codec: Annotated[
        str | None, typer.Option("--codec", help="Force a codec; the policy is not asked, the guard still runs.")
    ] = None,
    quality: o.QualityOption = None,
    target: o.TargetOption = None,
    receiver: o.ReceiverOption = None,
    context: o.ContextOption = None,
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
    from router.router import Router
    from router.sinks import JsonLines

    files = expand(inputs)
    router = Router(policy, log=None if log is None else JsonLines(log), limits=o.limits_from(no_limits))
    arguments: dict[str, Any] = {
        "codec": codec,
        "quality": quality,
        "target": o.target_from(target),
        "receiver": receiver,
        "context": o.context_from(router.policy, context),
        "metadata": metadata,
        "first_frame": first_frame,
        "on_guard_fail": "release" if release_failed else "raise",
    }
    single = len(files) == 1 and not inputs[0].is_dir() and not output.is_dir() and not str(output).endswith("/")
    tally, rows = Tally(as_json), []
    claimed: set[Path] = set()
    for file in progress(files, len(files), as_json):
        destination = output if single else output / file.relative

        def work(file: InputFile = file, destination: Path = destination) -> dict[str, Any]:
            encoded, written = _compress_one(router, file, destination, arguments, force, claimed)
            rows.append((file, encoded, written))
            return {"output": str(written), "bytes": len(encoded.data), "source_bytes": encoded.run.source_bytes} | (
                {"record": encoded.record.model_dump(mode="json", exclude_none=True)}
                | ({"rules": list(encoded.run.rules), "attempts": _attempts(encoded)} if explain else {})
            )

        tally.run(str(file.path), work)
    if not as_json and rows:
        _print(rows, explain)
    tally.exit()


def _compress_one(
    router: Router, file: InputFile, destination: Path, arguments: dict[str, Any], force: bool, claimed: set[Path]
) -> tuple[EncodedImage, Path]:
    encoded = router.compress(file.path, **arguments)
    # Two sources such as `a.png` and `a` may want the same name: the later one keeps its suffix twice.
    if destination.suffix.lower() == encoded.suffix and destination in claimed:
        destination = destination.with_name(destination.name + encoded.suffix)
    written = encoded.save(destination, overwrite=force)
    claimed.add(written)
    return encoded, written


def _attempts(encoded: EncodedImage) -> list[dict[str, Any]]:
    return [a.model_dump(mode="json", exclude_none=True) for a in encoded.run.attempts]


def _print(rows: list[tuple[InputFile, EncodedImage, Path]], explain: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("input", "lane", "codec", "source", "output"):
        table.add_column(title, justify="right" if title in ("source", "output") else "left", no_wrap=title != "input")
    table.add_column("target", justify="right")
    table.add_column("p (ood)", justify="right")
    table.add_column("rule, and what was passed over", overflow="fold")
    for file, encoded, _ in rows:
        record = encoded.record
        reached = record.target.achieved if record.target else None
        passed_over = [f"{r.codec or r.lane} {r.code}" for r in record.reasons if (r.codec or r.lane) and r.lane != "forced"]
        rule = record.policy.rule if record.policy else "forced by the caller"
        table.add_row(
            escape(str(file.relative)),
            _LANE_STYLE.get(record.lane, "{}").format(record.lane),
            record.codec,
            human_bytes(encoded.run.source_bytes),
            human_bytes(len(encoded.data)),
            "-" if reached is None else f"{reached:.1f}",
            "-" if record.scores is None else f"{record.scores.p_value:.3f}",
            escape("; ".join([rule, *passed_over])),
        )
    screen = console()
    screen.print(table)
    if explain:
        for file, encoded, written in rows:
            screen.print(f"\n[bold]{escape(str(file.relative))}[/] -> {escape(str(written))}")
            for rule_trace in encoded.run.rules:
                outcome, detail = rule_trace.get("outcome", ""), rule_trace.get("detail", "")
                screen.print(f"  rule {escape(str(rule_trace['rule']))}: {outcome} [dim]{escape(str(detail))}[/]")
            for a in encoded.run.attempts:
                screen.print(
                    f"  {a.lane}/{a.codec}: {a.outcome} {escape(a.detail)}[dim] {human_bytes(a.bytes)}, "
                    f"{a.encodings} encodings, {a.seconds:.2f} s[/]"
                )
    sources = sum(encoded.run.source_bytes or 0 for _, encoded, _ in rows)
    outputs = sum(len(encoded.data) for _, encoded, _ in rows)
    screen.print(f"[dim]{len(rows)} written, {human_bytes(sources)} -> {human_bytes(outputs)}[/]")


_LANE_STYLE = {
    "neural": "[magenta]{}[/]",
    "classical": "[cyan]{}[/]",
    "lossless": "[green]{}[/]",
    "transcode": "[blue]{}[/]",
    "passthrough": "[dim]{}[/]",
}
