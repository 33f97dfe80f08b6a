"""`codec-router models`: which neural models are here, whether they are intact, what coding costs, and leaving a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from router.cli import models_audit, models_benchmark, models_migrate
from router.cli import options as o
from router.cli.reporting import Tally, console, human_bytes, shown
from router.errors import ArtefactError

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
            status = "[yellow]preview[/]" if card.experimental else "stable"
            table.add_row(shown(card.id), str(card.format), status, human_bytes(card.size), f"{card.sha256[:16]}…")
        console().print(table)
    tally.exit()


@app.command("verify")
def verify_command(as_json: o.JsonOption = False) -> None:
    """Hash the weights of every model again and compare with their cards, and all else that ships with the bundle.

    With --json, one line for each model, and one for anything else that is not intact.
    """
    tally = Tally(as_json)
    for card in _each(tally, _intact):
        if not as_json:
            console().print(f"{shown(card.id)}  [green]intact[/]  [dim]{card.sha256}[/]", soft_wrap=True)
    _verify_others(tally, as_json)
    tally.exit()


def _intact(card: ModelCard) -> None:
    from router.artefacts import MODELS
    from router.artefacts.bundle import vouch
    from router.codecs.neural.weights import verify_model

    verify_model(card)
    if card.folder.parent == MODELS:
        vouch("models", card.sha256, card.id)


def _verify_others(tally: Tally, as_json: bool) -> None:
    """All that ships beside the models that are here."""
    from router.codecs.neural.weights import model_folders
    from router.inventory import Item, shipped

    def failed(item: Item) -> dict[str, Any]:
        return {"sha256": item.verify()}

    told = set(model_folders())
    for item in shipped():
        if item.folder in told:
            continue
        try:
            sha256 = item.verify()
        except ArtefactError:
            tally.run(item.folder, functools.partial(failed, item))
        else:
            if not as_json:
                console().print(f"{item.kind} {shown(item.id)}  [green]intact[/]  [dim]{sha256}[/]", soft_wrap=True)


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
