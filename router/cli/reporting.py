"""What commands print: JSON lines for machines, rich tables for people, errors on standard error, and the exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from router.display.words import printable as printable
from router.errors import PolicyError, RouterError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from rich.console import Console

SOME_FAILED = 6
DEBUG = "CODEC_ROUTER_DEBUG"
"""Environment variable that lets unexpected exceptions through, with their traceback."""


def console(stderr: bool = False) -> Console:
    """A rich console on standard output or standard error."""
    from rich.console import Console

    # Rich takes 80 columns where there is no terminal to ask; a file or a pipe has room for the tables.
    width = None if on_terminal(Console(stderr=stderr)) else 160
    return Console(stderr=stderr, highlight=False, emoji=False, soft_wrap=stderr, width=width)


def on_terminal(screen: Console) -> bool:
    """Whether somebody looks on: rich calls a pipe a terminal too where FORCE_COLOR asks for colours."""
    try:
        return screen.is_terminal and screen.file.isatty()
    except ValueError:  # closed
        return False


def shown(text: object) -> str:
    """`printable`, and safe inside rich markup."""
    from rich.markup import escape

    return escape(printable(text))


def emit(document: dict[str, Any]) -> None:
    """One JSON object on one line of standard output."""
    if sys.stdout is None:  # closed by whoever started this
        return
    encoding = (sys.stdout.encoding or "utf-8").lower().replace("-", "").replace("_", "")
    text = json.dumps(document, ensure_ascii=encoding != "utf8", allow_nan=False, default=str)
    # A name that is no UTF-8 holds lone surrogates; their backslash form is their JSON escape.
    typer.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def error_document(error: RouterError) -> dict[str, Any]:
    """An error as JSON-able facts."""
    document: dict[str, Any] = {"code": str(error.code), "message": error.told}
    if error.hint:
        document["hint"] = error.hint
    return document | ({"details": error.details} if error.details else {})


def fail(error: RouterError, name: str = "", screen: Console | None = None) -> None:
    """One error on standard error, or on another console: on one line, or, if it is made of several, each on its own."""
    from rich.text import Text

    several = error.details.get("errors", ()) if isinstance(error, PolicyError) else ()
    lines = list(several) if len(several) > 1 else [error.told]
    text = Text()
    text.append(f"{error.code} ", style="bold red")
    text.append("\n".join(printable(line) for line in ([f"{name}: {lines[0]}", *lines[1:]] if name else lines)))
    separator = "  " if len(lines) == 1 else "\n"
    if error.hint:
        text.append(f"{separator}{printable(error.hint)}", style="dim")
    (screen or console(stderr=True)).print(text, soft_wrap=True)


def typed(error: Exception) -> RouterError:
    """The error itself if it is one of ours, else one of ours that says what it was. With DEBUG set, others are raised."""
    if isinstance(error, RouterError):
        return error
    if isinstance(error, MemoryError):
        return RouterError("not enough memory for this image", code=ReasonCode.OUT_OF_MEMORY)
    if os.environ.get(DEBUG):
        raise error
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return RouterError(
            f"{where}{error.strerror or error}", code=ReasonCode.UNREADABLE, hint="Check the path and its permissions"
        )
    hint = f"This is a bug in codec-router: please report it with what {DEBUG}=1 prints"
    return RouterError(f"{type(error).__name__}: {error}", code=ReasonCode.INTERNAL_ERROR, hint=hint)


class Tally:
    """Counts failures over several inputs and turns them into the exit code."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.screen: Console | None = None
        """Where errors go while a live line is shown: above it, where standard error is a terminal too."""
        self._inputs = 0
        self._failures = 0
        self._codes: set[int] = set()  # not the errors: their tracebacks would keep every failed image in memory

    @contextmanager
    def setup(self, names: Iterable[object]) -> Iterator[None]:
        """Around what all inputs need (options, policy): if it fails, each of them has failed, and the command ends."""
        try:
            yield
        except (typer.Exit, typer.Abort):
            raise
        except Exception as raised:
            error = typed(raised)
            if self.as_json:
                for name in names:
                    self._failed(str(name), error)
            else:
                fail(error)
            raise typer.Exit(error.exit_code) from raised

    def run(self, name: str | Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """Do the work for one input; print its JSON or its error. None if it failed: the other inputs go on."""
        self._inputs += 1
        try:
            document = work()
        except Exception as error:
            self._failed(str(name), typed(error))
            return None
        self._tell(name, document)
        return document

    def count(self, exit_code: int) -> None:
        """One input whose outcome the command has told itself: 0, or what it failed with."""
        self._inputs += 1
        if exit_code:
            self._failures += 1
            self._codes.add(exit_code)

    def done(self, name: str | Path, document: dict[str, Any]) -> None:
        """Count an input that was done elsewhere, and print its JSON."""
        self._inputs += 1
        self._tell(name, document)

    def failed(self, name: str | Path, error: RouterError, **more: Any) -> None:
        """Count an input that failed elsewhere, and print its error; `more` goes into its JSON."""
        self._inputs += 1
        self._failed(str(name), error, **more)

    def _tell(self, name: str | Path, document: dict[str, Any]) -> None:
        if self.as_json:
            emit({"input": str(name), "ok": True} | document)

    def _failed(self, name: str, error: RouterError, **more: Any) -> None:
        self._failures += 1
        self._codes.add(error.exit_code)
        if self.as_json:
            emit({"input": name, "ok": False} | more | {"error": error_document(error)})
        else:
            fail(error, name, self.screen if sys.stderr is not None and sys.stderr.isatty() else None)

    def exit(self) -> None:
        """Leave with 0, with the error's own code for a single input or when all failed alike, else with SOME_FAILED."""
        if not self._failures:
            return
        all_alike = self._failures == self._inputs and len(self._codes) == 1
        raise typer.Exit(next(iter(self._codes)) if all_alike else SOME_FAILED)


def human_bytes(count: int | None) -> str:
    """12,345 as "12.3 kB"; a dash for None."""
    if count is None:
        return "-"
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.2f} MB"
