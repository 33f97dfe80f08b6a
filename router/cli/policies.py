"""`codec-router policies`: which policies are here, what they say, what they can ask about an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console, emit, shown

if TYPE_CHECKING:
    from router.policy.inputs import Input

app = typer.Typer(
    help="Policies: list the shipped ones, print one to start your own from, see what a rule can ask.", no_args_is_help=True
)


@app.command("list")
def list_command(as_json: o.JsonOption = False) -> None:
    """List the shipped policies."""
    from rich.table import Table

    from router.policy.load import load, shipped_names

    tally = Tally(as_json)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("policy", "quality", "guard", "what it does"):
        table.add_column(title, overflow="fold")
    for name in shipped_names():

        def work(name: str = name) -> dict[str, Any]:
            compiled = load(name)
            policy = compiled.policy
            target, guard = compiled.default_target, _guard(policy.defaults.guard)
            table.add_row(shown(name), f"{target.metric} {target.value:g}", guard, shown(policy.description))
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
