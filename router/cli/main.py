"""The `codec-router` command. Start-up imports typer and rich only; commands import what they need when they run."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Annotated

import typer

from router.cli import (
    codecs,
    compress,
    decide,
    decompress,
    drift,
    evaluate,
    fit,
    inspect,
    manifest,
    models,
    policies,
    score,
    tune,
)
from router.cli.reporting import fail, typed
from router.cli.termination import orderly_termination
from router.errors import RouterError

app = typer.Typer(
    name="codec-router",
    help="Compress images with a neural codec where it is safe and a classical codec where it is not.",
    epilog=(
        "Exit codes: 0 done, 2 usage, 3 bad input, 4 refused by policy or limits, 5 damaged or unknown stream, "
        "6 some of several inputs failed, 130 interrupted, 143 terminated, 1 anything else."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("compress")(compress.command)
app.command("decompress")(decompress.command)
app.command("score")(score.command)
app.command("decide")(decide.command)
app.command("inspect")(inspect.command)
app.command("manifest")(manifest.command)
app.command("fit")(fit.command)
app.command("drift")(drift.command)
app.command("evaluate")(evaluate.command)
app.command("tune")(tune.command)
app.add_typer(models.app, name="models")
app.add_typer(policies.app, name="policies")
app.add_typer(codecs.app, name="codecs")


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"codec-router {version('codec-router')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: typed errors that no command handled become one line on standard error and their exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name never fails to print
    try:
        with orderly_termination():
            app()
    except RouterError as error:
        fail(error)
        sys.exit(error.exit_code)
    except OSError as error:  # of standard output, mostly: a full disk
        failure = typed(error)
        _without_output()
        fail(failure)
        sys.exit(failure.exit_code)


def _without_output() -> None:
    """What could not be written to standard output cannot be written when the process ends either."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
