"""`-o -`: the bytes of one output on standard output, and nothing else there."""

from __future__ import annotations

import sys

from router.errors import UsageError
from router.reasons import ReasonCode


def check_pipe(output: str, as_json: bool) -> None:
    """Raises UsageError where `output` is standard output, and that has another use or is a terminal."""
    if output != "-":
        return
    if as_json:
        raise UsageError("--json and -o - both write to standard output", code=ReasonCode.BAD_ARGUMENT, hint="Leave out one")
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal, which cannot show an image",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Send it to a file or a program, or name a file: ./- is one called so",
        )


def write_to_pipe(data: bytes) -> None:
    """Write to standard output. Raises OSError."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
