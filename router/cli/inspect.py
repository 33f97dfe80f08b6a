"""`codec-router inspect`: the decision record inside an output."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.address_paths import as_path
from router.cli.inputs import is_stdin
from router.cli.reporting import Tally, console
from router.files.named import read_stream


def command(
    file: Annotated[
        Path, typer.Argument(help="An output of the router, or its address; - is standard input.", metavar="FILE", parser=as_path)
    ],
    as_json: o.JsonOption = False,
) -> None:
    """Print the decision record of an output: why it is what it is."""
    from router.decoding import inspect

    tally = Tally(as_json)

    def work() -> dict[str, Any]:
        source = read_stream(sys.stdin.buffer) if is_stdin(file) else file
        return {"record": inspect(source).model_dump(mode="json", exclude_none=True)}

    document = tally.run(file, work)
    if document is not None and not as_json:
        import json

        console().print_json(json.dumps(document["record"], ensure_ascii=False))
    tally.exit()
