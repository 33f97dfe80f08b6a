"""`codec-router models benchmark`: what every codec costs on this machine, measured once and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.live import counting
from router.cli.reporting import Tally, console, shown
from router.errors import RouterError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.prediction.costs.benchmark import BenchmarkTask, Failed
    from router.prediction.costs.model import CostEntry, CostModel

BUSY = 1.15
"""Wall time / CPU time above which the figures are called those of a busy machine."""


def command(
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", help="Measure the encoder settings of this policy too; repeatable. Those of shipped ones always."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Measure everything again.")] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Measure encoding, decoding, scoring and the guard, once for this machine; takes about a minute.

    Only what is not known yet is measured: a new machine, library version, model or setting. Policies with a time budget, and
    their `cost` inputs, use the result. Nothing else should run meanwhile.
    """
    tally = Tally(as_json)
    with tally.setup(["benchmark"]):
        from router.policy.load import load, shipped_names
        from router.prediction.costs import benchmark, store

        wanted = benchmark.tasks(load(name).policy for name in [*shipped_names(), *(policy or [])])
        known = store.load()
        missing = [t for t in wanted if force or known.find(t.kind, t.name, t.settings) is None]
        if missing:
            model, failed = _measured(missing, known.model, as_json)
            path = store.save(model)
        else:
            assert known.model is not None
            model, failed, path = known.model, [], store.cost_file()
    fresh = {t.key for t in missing} - {f.task.key for f in failed}
    listed = [e for e in model.entries if e.key in {t.key for t in wanted}]
    for entry in listed:
        tally.run(_title(entry), lambda entry=entry: _document(entry, entry.key in fresh))  # type: ignore[misc]
    for failure in failed:
        tally.run(failure.task.title, lambda failure=failure: _fail(failure))  # type: ignore[misc]
    tally.run(path, lambda: _summary(model, len(fresh)))
    if not as_json:
        _print(model, listed)
        _remark(model, len(fresh), str(path))
    tally.exit()


def _measured(tasks: list[BenchmarkTask], known: CostModel | None, quiet: bool) -> tuple[CostModel, list[Failed]]:
    from router.prediction.costs.benchmark import measure

    with counting(len(tasks), quiet, plain=True, unit="encodings") as begin:
        return measure(tasks, known=known, before=lambda task: begin(task.name))


def _document(entry: CostEntry, fresh: bool) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "settings": dict(entry.settings),
        "seconds": {name: vars(part) for name, part in entry.parts.items()},
        "band": [entry.band.low, entry.band.high],
        "samples": entry.samples,
        "largest_megapixels": entry.megapixels,
        "versions": dict(entry.versions),
        "threads": entry.threads,
        "measured_now": fresh,
    }


def _summary(model: CostModel, fresh: int) -> dict[str, Any]:
    return {
        "machine": vars(model.machine),
        "measured_at": model.measured_at,
        "measured_now": fresh,
        "start_up_seconds": model.start_up,
        "waiting": model.waiting,
    }


def _fail(failure: Failed) -> dict[str, Any]:
    raise RouterError(f"could not be measured: {failure.error}", code=ReasonCode.ENCODE_FAILED)


def _title(entry: CostEntry) -> str:
    return " ".join([entry.name, *(f"{k}={v}" for k, v in entry.settings.items())])


def _print(model: CostModel, entries: list[CostEntry]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("ms for 1 MP", overflow="fold")
    for title in ("once", "encode", "decode", "in all at 0.25 MP", "4 MP", "12 MP", "nine of ten within"):
        table.add_column(title, justify="right")
    for e in entries:
        once = sum(line.at(1.0) for name, line in e.parts.items() if name in ("setup", "reference", "check"))
        each = [next((line.at(1.0) for name, line in e.parts.items() if name in names), None) for names in _COLUMNS]
        kind = "" if e.kind == "codec" else f"[dim]{e.kind}[/] "
        table.add_row(
            kind + shown(_title(e)),
            *("-" if value is None else f"{1000 * value:.0f}" for value in (once or None, *each)),
            f"{1000 * e.at(0.25):.0f}",
            f"{1000 * e.at(4.0):.0f}",
            f"{1000 * e.at(12.0):.0f}",
            f"{100 * (e.band.low - 1):+.0f} to {100 * (e.band.high - 1):+.0f} %",
        )
    console().print(table)


_COLUMNS = (("encode", "score"), ("decode",))


def _remark(model: CostModel, fresh: int, path: str) -> None:
    screen = console()
    machine = model.machine
    screen.print(
        f"[dim]{shown(machine.processor)}, {machine.cpus} CPUs; first neural encoding of a process: {model.start_up:.1f} s more; "
        f"{fresh} measured now, {shown(path)}[/]",
        soft_wrap=True,
    )
    if model.waiting > BUSY:
        screen.print(
            f"[yellow]Other processes had the CPU: all times are about {model.waiting:.1f} times too long. "
            "Measure again with --force when it is quiet.[/]",
            soft_wrap=True,
        )
