"""`codec-router models audit`: which neural models a folder of `.ncr` files needs, and whether these are here."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from router.cli import options as o
from router.cli.live import progress
from router.cli.ncr_files import Inputs, ncr_files
from router.cli.reporting import Tally, console, human_bytes, shown
from router.errors import ModelError

if TYPE_CHECKING:
    from router.archive.audit import Need


def command(
    inputs: Inputs,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read a few kilobytes of each file; damage between its start and its end is not seen.")
    ] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Tell which models .ncr files need, whether these are here with the same weights, and which files are damaged.

    Every file is read and its checksums are compared; nothing is decoded. With --json, one object for each model and one for each
    file that failed.

    Exit code: where files failed, theirs or 6; else 5 if a model that is needed is missing, damaged or has other weights.
    """
    from router.archive.audit import Audit

    tally, audit = Tally(as_json), Audit()
    for file in progress(ncr_files(inputs), None, as_json, name=lambda file: str(file.relative), tally=tally, unit="files"):
        try:
            audit.add(file.check(), quick=quick)
        except Exception as error:
            tally.run(file.path, functools.partial(_fail, error))
    needs = audit.needs()
    for need in needs:
        tally.run(need.model_id, functools.partial(_document, need))
    if needs and not as_json:
        _print(needs)
    tally.exit()
    if not all(need.usable for need in needs):
        raise typer.Exit(ModelError.exit_code)


def _fail(error: Exception) -> NoReturn:
    raise error


def _document(need: Need) -> dict[str, Any]:
    return {
        "ok": need.usable,
        "id": need.model_id,
        "sha256": need.sha256,
        "status": need.status.value,
        "files": need.files,
        "bytes": need.bytes,
        "formats": {str(version): files for version, files in need.formats.items()},
    }


def _print(needs: tuple[Need, ...]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", overflow="fold")
    for title in ("SHA-256", "status", "format"):
        table.add_column(title, no_wrap=True)
    for title in ("files", "size"):
        table.add_column(title, justify="right", no_wrap=True)
    for need in needs:
        table.add_row(
            shown(need.model_id),
            f"{need.sha256[:16]}…",
            f"[{'green' if need.usable else 'red'}]{need.status.value}[/]",
            ", ".join(map(str, need.formats)),
            f"{need.files:,}",
            human_bytes(need.bytes),
        )
    console().print(table)
