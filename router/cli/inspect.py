"""`codec-router inspect`: the decision record inside an output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console


def command(
    file: Annotated[Path, typer.Argument(help="An output of the router.", metavar="FILE")],
    as_json: o.JsonOption = False,
) -> None:
    """Print the decision record of an output: why it is what it is."""
    from router.decoding import inspect

    tally = Tally(as_json)

    def work() -> dict[str, Any]:
        return {"record": inspect(file).model_dump(mode="json", exclude_none=True)}

    document = tally.run(file, work)
    if document is not None and not as_json:
        import json

        console().print_json(json.dumps(document["record"], ensure_ascii=False))
    tally.exit()
