"""`codec-router policies`: which policies are here, what they say, what is wrong with yours, what they can ask about an image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console, emit, printable, shown

if TYPE_CHECKING:
    from router.policy.check import PolicyFindings
    from router.policy.inputs import Input

_MOST_SHOWN = 500

app = typer.Typer(
    help="Policies: list the shipped ones, print one to start your own from, check yours, see what a rule can ask.",
    no_args_is_help=True,
)


@app.command("list")
def list_command(as_json: o.JsonOption = False) -> None:
    """List the shipped policies."""
    from rich.table import Table

    from router.policy.load import load, shipped_names
    from router.routing.router import DEFAULT_POLICY

    tally = Tally(as_json)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("policy", "target", "guard", "what it does"):
        table.add_column(title, overflow="fold")
    for name in shipped_names():

        def work(name: str = name) -> dict[str, Any]:
            compiled = load(name)
            policy = compiled.policy
            target, guard = compiled.default_target, _guard(policy.defaults.guard)
            aim = f"{target.metric} {target.value:g}" if compiled.loses else "lossless"
            title = f"{shown(name)} [dim](default)[/]" if name == DEFAULT_POLICY else shown(name)
            table.add_row(title, aim, guard, shown(policy.description))
            return {
                "name": name,
                "description": policy.description,
                "sha256": compiled.sha256,
                "target": {"metric": target.metric, "value": target.value},
                "guard": guard,
                "context": sorted(policy.context),
            }

        tally.run(name, work)
    if not as_json:
        console().print(table)
    tally.exit()


@app.command("show")
def show_command(name: Annotated[str, typer.Argument(metavar="NAME", help="A shipped policy, or a file.")]) -> None:
    """Print a policy as it is written: `codec-router policies show balanced > mine.yaml`."""
    from router.policy.load import policy_file

    typer.echo(policy_file(name).read_text("utf-8"), nl=False)


@app.command("check")
def check_command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Policy files, or names of shipped ones.", show_default=False)
    ],
    as_json: o.JsonOption = False,
) -> None:
    """List everything that is wrong with a policy, and what will surprise, with line and column.

    Exits with 2 if a policy does not load (6 if others do); warnings alone leave it at 0. With --json one object per file.
    """
    from router.errors import PolicyError
    from router.policy.check import check

    tally = Tally(as_json)
    for file in files:
        try:
            found = check(file)
        except PolicyError as error:
            tally.run(file, partial(_fail, error))
            continue
        (_emit_findings if as_json else _print_findings)(file, found)
        tally.count(0 if found.policy else PolicyError.exit_code)
    tally.exit()


@app.command("inputs")
def inputs_command(as_json: o.JsonOption = False) -> None:
    """List everything that a condition can read."""
    from rich.table import Table

    from router.policy.inputs import INPUTS

    if as_json:
        for entry in INPUTS.values():
            emit(_document(entry))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("input", "type", "unit or values", "what it says"):
        table.add_column(title, overflow="fold")
    for entry in INPUTS.values():
        table.add_row(entry.key, entry.type, shown(entry.unit), shown(entry.meaning))
    console().print(table)


def _fail(error: Exception) -> NoReturn:
    raise error


def _emit_findings(file: str, found: PolicyFindings) -> None:
    document = {"input": file, "ok": found.policy is not None}
    emit(document | {"problems": [problem.to_dict(file) for problem in found.problems]})


def _print_findings(file: str, found: PolicyFindings) -> None:
    """A line for every problem, one below it for what to do, and a last line that counts them."""
    from rich.text import Text

    screen = console()
    for problem in found.problems[:_MOST_SHOWN]:
        line = Text(printable(problem.line(file, kind=True)))
        line.highlight_words([" warning: " if problem.warning else " error: "], "yellow" if problem.warning else "bold red")
        screen.print(line, soft_wrap=True)
        if problem.hint:
            screen.print(Text(f"    {printable(problem.hint)}", style="dim"), soft_wrap=True)
    if len(found.problems) > _MOST_SHOWN:
        screen.print(f"and {len(found.problems) - _MOST_SHOWN} more")
    warnings = sum(problem.warning for problem in found.problems)
    errors = len(found.problems) - warnings
    counts = [_counted(errors, "error"), _counted(warnings, "warning")]
    verdict = "loads" if found.policy else "does not load"
    screen.print(Text(f"{printable(file)}: {verdict}, {' and '.join(filter(None, counts)) or 'nothing found'}"), soft_wrap=True)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}" if count else ""


def _guard(guard: Any) -> str:
    from router.policy.schema import guard_spec

    return guard_spec(guard).level


def _document(entry: Input) -> dict[str, Any]:
    return {
        "input": entry.key,
        "type": entry.type,
        "meaning": entry.meaning,
        "unit": entry.unit,
        "unavailable": entry.unavailable,
        "flag": entry.flag,
        "price": entry.price.name.lower(),
    }
