"""`codec-router models`: which neural models are here, and whether their files are intact."""

from __future__ import annotations

from typing import Any

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console, emit, human_bytes

app = typer.Typer(help="Neural models: list them, verify their files.", no_args_is_help=True)


@app.command("list")
def list_command(as_json: o.JsonOption = False) -> None:
    """List the models that can be decoded here."""
    from router.codecs.neural.weights import list_models

    cards = list_models()
    if as_json:
        for card in cards:
            emit(_document(card))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "format", "status", "size", "SHA-256"):
        table.add_column(title)
    for card in cards:
        status = "[yellow]experimental[/]" if card.experimental else "stable"
        table.add_row(card.id, str(card.format), status, human_bytes(card.size), f"{card.sha256[:16]}…")
    console().print(table)


@app.command("verify")
def verify_command(as_json: o.JsonOption = False) -> None:
    """Hash the weights of every model again and compare with their cards."""
    from router.codecs.neural.weights import list_models, verify_model

    tally = Tally(as_json)
    for card in list_models():

        def work(card: Any = card) -> dict[str, Any]:
            verify_model(card)
            return _document(card)

        if tally.run(card.id, work) is not None and not as_json:
            console().print(f"{card.id}  [green]intact[/]  [dim]{card.sha256}[/]", soft_wrap=True)
    tally.exit()


def _document(card: Any) -> dict[str, Any]:
    return {
        "id": card.id,
        "format": card.format,
        "experimental": card.experimental,
        "sha256": card.sha256,
        "bytes": card.size,
        "licence": card.licence,
        "description": card.description,
    }
