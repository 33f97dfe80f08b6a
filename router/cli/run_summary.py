"""What a run did, at its end: by lane, then failures and skips by kind, then the worst miss of the target."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from router.batch import Row, Summary
from router.batch.summary import LaneTotal
from router.cli.live import duration
from router.cli.reporting import human_bytes, shown

if TYPE_CHECKING:
    from rich.console import Console

_FIGURES = ("files", "in", "out", "saved", "seconds")


def print_summary(screen: Console, summary: Summary, seconds: float, *, saving: bool = True, interrupted: bool = False) -> None:
    """`seconds`: of the whole run; those in the table are of the workers, and add up to more where there are several.

    `saving`: whether outputs are meant to be smaller.
    """
    from rich.table import Table

    if summary.lanes:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("lane")
        for title in _FIGURES:
            table.add_column(title, justify="right")
        for name, lane in sorted(summary.lanes.items()):
            table.add_row(shown(name), *_cells(lane, saving))
        if len(summary.lanes) > 1:
            table.add_row("all", *_cells(summary.total, saving), style="bold")
        screen.print(table)
    for line in _lines(summary):
        screen.print(line, soft_wrap=True)
    what = "interrupted" if interrupted else f"{_files(summary.total.images)} written"
    rate = f", {summary.total.images / seconds:.1f} a second" if summary.total.images and seconds else ""
    again = "; the same command goes on from here" if interrupted else ""
    screen.print(f"[dim]{what} in {duration(seconds)}{rate}{again}[/]", soft_wrap=True)


def _lines(summary: Summary) -> list[str]:
    lines = []
    if summary.failed:
        lines.append(f"[red]failed:[/] {summary.failed} ({_kinds(summary.failures)})")
    if summary.failed_before:
        before = f"{summary.failed_before} ({_kinds(summary.failures_before)})"
        lines.append(f"[red]failed before:[/] {before}; --retry-failed tries again")
    if summary.skipped:
        lines.append(f"skipped: {summary.skipped} done before")
    if summary.worst is not None:
        lines.append(f"[yellow]furthest below its target:[/] {_miss(summary.worst)}")
    return lines


def _miss(row: Row) -> str:
    digits = 4 if row.metric == "ms-ssim" else 1
    return f"{shown(row.name)}, {row.metric} {row.achieved:.{digits}f} for {row.target:.{digits}f}"


def _cells(lane: LaneTotal, saving: bool) -> list[str]:
    saved = "-" if lane.saved is None or not saving else f"{lane.saved:.1%}"
    return [str(lane.images), human_bytes(lane.source_bytes), human_bytes(lane.output_bytes), saved, f"{lane.seconds:.1f}"]


def _kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {shown(code)}" for code, count in counts.most_common())


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
