"""`codec-router models`: which neural models are here, whether they are intact, what coding costs, and leaving a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from router.cli import models_audit, models_benchmark, models_migrate
from router.cli import options as o
from router.cli.reporting import Tally, console, human_bytes, shown

if TYPE_CHECKING:
    from router.codecs.neural.weights import ModelCard

app = typer.Typer(
    help="Neural models: list, verify and time them, see which ones files need, write standard files before one goes.",
    no_args_is_help=True,
)
app.command("audit")(models_audit.command)
app.command("benchmark")(models_benchmark.command)
app.command("migrate")(models_migrate.command)


@app.command("list")
def list_command(as_json: o.JsonOption = False) -> None:
    """List the models that can be decoded here."""
    from rich.table import Table

    tally = Tally(as_json)
    cards = _each(tally, lambda card: None)
    if not as_json and cards:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("model", "format", "status", "size", "SHA-256"):
            table.add_column(title)
        for card in cards:
            status = "[yellow]experimental[/]" if card.experimental else "stable"
            table.add_row(shown(card.id), str(card.format), status, human_bytes(card.size), f"{card.sha256[:16]}…")
        console().print(table)
    tally.exit()


@app.command("verify")
def verify_command(as_json: o.JsonOption = False) -> None:
    """Hash the weights of every model again and compare with their cards."""
    from router.codecs.neural.weights import verify_model

    tally = Tally(as_json)
    for card in _each(tally, verify_model):
        if not as_json:
            console().print(f"{shown(card.id)}  [green]intact[/]  [dim]{card.sha256}[/]", soft_wrap=True)
    tally.exit()


def _each(tally: Tally, check: Callable[[ModelCard], None]) -> list[ModelCard]:
    """The cards that can be read and pass `check`; a damaged model is the failure of that model alone."""
    from router.codecs.neural.weights import ENVIRONMENT, ModelCard, model_folders

    cards: list[ModelCard] = []
    folders = model_folders()
    if not folders:
        console(stderr=True).print(f"There is no model here. Put one into a folder that {ENVIRONMENT} lists.")
    for folder in folders:

        def work(folder: Any = folder) -> dict[str, Any]:
            card = ModelCard.read(folder)
            check(card)
            cards.append(card)
            return _document(card)

        tally.run(folder, work)
    return cards


def _document(card: ModelCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "format": card.format,
        "experimental": card.experimental,
        "sha256": card.sha256,
        "bytes": card.size,
        "licence": card.licence,
        "description": card.description,
    }
