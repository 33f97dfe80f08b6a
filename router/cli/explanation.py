"""How a decision is explained to people: the rules that were tried with the values they read, and what each codec made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from router.cli.reporting import human_bytes, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from router.cli.results import OutputResult
    from router.record import Attempt


def print_explanation(screen: Console, result: OutputResult) -> None:
    """Print what the codecs made of one output, then the rules that led there."""
    from rich.padding import Padding

    run = result.run
    screen.print(f"\n[bold]{shown(result.name)}[/] -> {shown(result.written)}", soft_wrap=True)
    screen.print(Padding.indent(attempts(run.attempts), 2))
    screen.print(Padding.indent(rules(run.rules), 2))
    problem = run.costs.get("problem")
    if problem:
        screen.print(Padding.indent(f"costs: {problem['code']} [dim]{shown(problem['message'])}[/]", 2))


def rules(tried: Iterable[Mapping[str, Any]], *, values: bool = True) -> Table:
    """One line a rule, as `RuleTrace.to_dict` has it: its first false condition, then the values that it read, if wanted.

    An input's value stands where it was read first, and not again.
    """
    lines, read, unreached = _lines(), set[str](), []
    for rule in tried:
        if rule.get("outcome") == "not reached":
            unreached.append(rule["rule"])
            continue
        brief = rule.get("failed") or rule.get("words")
        detail = _detail(rule, read) if values or not brief else ""
        told = f"{brief}. {detail}" if brief and detail else brief or detail
        lines.add_row(f"rule {shown(rule['rule'])}: {rule.get('outcome', '')}", shown(told))
        read |= rule.get("inputs", {}).keys()
    if unreached:
        lines.add_row("rules not reached:", shown(", ".join(unreached)))
    return lines


def attempts(made: Iterable[Attempt]) -> Table:
    """One line a codec: what came of it, its size, and its time beside what was expected."""
    lines = _lines()
    for a in made:
        name = f"{a.lane}/{a.codec}" if a.codec else a.lane
        counted = f"{a.encodings} encoding{'' if a.encodings == 1 else 's'}"
        facts = [human_bytes(a.bytes)] if a.bytes is not None else []
        facts += [counted] if a.encodings else []
        facts += [f"{a.seconds:.2f} s", *_predicted(a)] if a.codec else []
        lines.add_row(f"{shown(name)}: {a.outcome}", shown("; ".join(part for part in (a.detail, ", ".join(facts)) if part)))
    return lines


def _lines() -> Table:
    """Two columns, the second one wrapped beside the first."""
    from rich.table import Table

    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(overflow="fold", min_width=26, ratio=2)
    lines.add_column(overflow="fold", style="dim", ratio=3)
    return lines


def _detail(rule: Mapping[str, Any], read: set[str]) -> str:
    """The values that no earlier rule has read, and the error if there was one."""
    from router.policy.decision import RuleTrace

    inputs = rule.get("inputs", {})
    whole, fresh = (
        RuleTrace("", "error", "", {k: v for k, v in inputs.items() if k not in without}).detail for without in (set(), read)
    )
    error = rule.get("detail", "").removeprefix(whole).removeprefix("; ")
    return "; ".join(part for part in (fresh if fresh or not whole else "values as above", error) if part)


def _predicted(attempt: Attempt) -> list[str]:
    """What the attempt was expected to take, where that is known."""
    if attempt.predicted_seconds is None or attempt.predicted_band is None:
        return []
    low, high = attempt.predicted_band
    count = f"{attempt.predicted_encodings:g} encodings"
    return [f"predicted {attempt.predicted_seconds:.2f} s ({low:.2f} to {high:.2f}) for {count}"]
