"""`codec-router manifest`: what became of every image of an output folder, as one Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console, shown


def command(
    folder: Annotated[Path, typer.Argument(help="Output folder of runs of compress or decompress.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Parquet file to write.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite it.")] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Write one Parquet row for every image that was done or failed, as the last run left it; for DuckDB, pandas and others."""
    tally = Tally(as_json)

    def work() -> dict[str, Any]:
        from router.batch import manifest

        return {"output": str(output), "rows": manifest.write(folder, output, overwrite=force)}

    document = tally.run(folder, work)
    if document is not None and not as_json:
        console().print(f"[dim]{shown(str(output))} written, {document['rows']} rows[/]", soft_wrap=True)
    tally.exit()
