"""The table of outputs that `compress` prints: a line each, the reason for its lane beside it or, in a narrow terminal, below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from router.cli.reporting import human_bytes, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from router.record import DecisionRecord, RecordedTarget, RunRecord

_WIDE = 120
"""Columns of a terminal from which on the reason has room beside the rest."""
_TITLES = ("input", "lane", "codec", "source", "output", "achieved", "p (ood)")
_USUAL = (11, 14, 8, 8, 13, 7)
"""Columns that lane, codec and figures take, but for the longest."""
_FIGURES = 3
"""The first column of figures."""
_WHY = "why, and what was passed over"
_OF_THE_RESULT = ("FORCED_CODEC", "TARGET_OVERSHOT", "SAVES_ENOUGH", "BUDGET_OVERRUN")
"""Codes that say something of the codec that was used."""
_MEASURED = ("SAVES_TOO_LITTLE",)
"""Codes that mean little without the figures."""
_LANE_STYLE = {"neural": "magenta", "classical": "cyan", "lossless": "green", "transcode": "blue", "passthrough": "dim"}


@dataclass(frozen=True)
class OutputResult:
    """What is shown of one output; its bytes are not kept. `name`: of the input, below the folder that was named."""

    name: Path
    written: Path
    run: RunRecord

    @property
    def record(self) -> DecisionRecord:
        """The decision record of the output."""
        return self.run.record


def print_results(screen: Console, results: Sequence[OutputResult]) -> None:
    """The table, and how many bytes became how many."""
    if screen.width >= _WIDE:
        table = _table([None] * len(_TITLES))
        table.add_column(_WHY, overflow="fold")
        for result in results:
            table.add_row(*_cells(result), shown(_why(result.record, alone=len(results) == 1)))
        screen.print(table)
    else:
        _print_narrow(screen, results)
    sources = sum(result.run.source_bytes or 0 for result in results)
    outputs = sum(result.run.output_bytes for result in results)
    where = results[0].written if len(results) == 1 else f"{len(results)} files"
    screen.print(f"[dim]{shown(where)} written, {human_bytes(sources)} -> {human_bytes(outputs)}[/]", soft_wrap=True)
    if len(results) > 1:
        print_advice(screen, sum(asks_for_receiver(result.record) for result in results))


class Rows:
    """The table a row at a time, as results are made: widths are those of what a column usually holds."""

    def __init__(self) -> None:
        self._begun = False
        self.asking = 0
        """Images for which nothing but the receiver stands against the neural lane."""

    def add(self, screen: Console, result: OutputResult) -> None:
        """Print one row, the titles before the first."""
        from rich.padding import Padding

        wide = screen.width >= _WIDE
        widths = [0, *_USUAL]
        free = screen.width - sum(widths) - len(widths)
        widths[0] = max(8, free * 2 // 5 if wide else free)
        if not self._begun:
            self._begun = True
            titles = _table(widths)
            if wide:
                titles.add_column(_WHY)
            screen.print(titles)
        row, why = _table(widths, header=False), shown(_why(result.record))
        self.asking += asks_for_receiver(result.record)
        if wide:
            row.add_column(_WHY, overflow="fold")
            row.add_row(*_cells(result), why)
            screen.print(row)
        else:
            row.add_row(*_cells(result))
            screen.print(row)
            screen.print(Padding.indent(f"[dim]{why}[/]", 2))


def _print_narrow(screen: Console, results: Sequence[OutputResult]) -> None:
    """A table for each row, all with the same widths, so that the reason can go below over the whole width."""
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.text import Text

    rows = [_cells(result) for result in results]
    measured = [[cell_len(Text.from_markup(cell).plain) for cell in column] for column in zip(_TITLES, *rows, strict=True)]
    widths = [max(column) for column in measured]
    widths[0] = max(8, min(widths[0], screen.width - sum(widths[1:]) - len(widths) + 1))
    screen.print(_table(widths))
    for row, result in zip(rows, results, strict=True):
        table = _table(widths, header=False)
        table.add_row(*row)
        screen.print(table)
        screen.print(Padding.indent(f"[dim]{shown(_why(result.record, alone=len(results) == 1))}[/]", 2))


def _table(widths: Sequence[int | None], *, header: bool = True) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, collapse_padding=widths[0] is not None, header_style="bold", show_header=header)
    for number, (title, width) in enumerate(zip(_TITLES, widths, strict=True)):
        figures = number >= _FIGURES
        table.add_column(title, justify="right" if figures else "left", width=width, no_wrap=number > 0, overflow="fold")
    return table


def _cells(result: OutputResult) -> list[str]:
    """As rich markup, by _TITLES."""
    record, run = result.record, result.run
    style = _LANE_STYLE.get(record.lane)
    return [
        shown(result.name),
        f"[{style}]{record.lane}[/]" if style else shown(record.lane),
        shown(record.codec),
        human_bytes(run.source_bytes),
        human_bytes(run.output_bytes),
        _reached(record.target),
        "-" if record.scores is None else f"{record.scores.p_value:.3f}",
    ]


def _reached(target: RecordedTarget | None) -> str:
    """What was reached, and by how much it is more than was asked for where the codec could not come nearer."""
    if target is None or target.achieved is None:
        return "-"
    digits = 4 if target.metric == "ms-ssim" else 1
    missed = target.outcome not in (None, "within")
    return f"{target.achieved:.{digits}f}" + (f" ({target.achieved - target.value:+.{digits}f})" if missed else "")


def asks_for_receiver(record: DecisionRecord) -> bool:
    """Whether the rule was chosen because nothing is known of the receiver."""
    from router.policy.engine import NO_RECEIVER

    return any(r.code == "RULE_MATCHED" and NO_RECEIVER in r.detail for r in record.reasons)


def print_advice(screen: Console, asking: int) -> None:
    """What would open the neural lane, once for all images: `asking` of them have no other reason."""
    if asking:
        from router.policy.engine import NO_RECEIVER

        screen.print(f"[dim]{asking} of these: {NO_RECEIVER}[/]", soft_wrap=True)


def _why(record: DecisionRecord, *, alone: bool = False) -> str:
    """The rule that matched and its reason, an error in a rule where that decided; the codecs passed over; what is lost.

    `alone`: of one image; of several, `print_advice` says once what to do about the receiver.
    """
    of_others = [r for r in record.reasons if (r.codec or r.lane) and r.code not in _OF_THE_RESULT]
    passed_over = [f"{r.codec or r.lane} {r.code}" + (f" ({r.detail})" if r.code in _MEASURED else "") for r in of_others]
    passed_over += [r.detail for r in record.reasons if r.code == "ARTEFACT_DAMAGED" and not (r.codec or r.lane)]
    decided = "forced by the caller"
    if record.policy is not None:
        stated = next((r.detail for r in record.reasons if r.code in ("RULE_MATCHED", "RULE_ERROR")), "")
        decided = stated if stated and (alone or not asks_for_receiver(record)) else record.policy.rule
    left = dict.fromkeys(r.detail for r in record.reasons if r.code == "METADATA_LEFT_BEHIND")
    if any(r.code == "SOURCE_XMP_DAMAGED" for r in record.reasons):
        left["XMP that cannot be read"] = None
    behind = [f"left behind: {', '.join(left)}"] if left else []
    return "; ".join([decided, *passed_over, *behind])
