"""What a command reads is never written by it, whatever name or link leads there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from router.errors import OutputExistsError
from router.reasons import ReasonCode


class Untouched:
    """The files that a command reads, told by what they are and not by their names: links and spellings do not matter.

    One look-up a question, however many files there are.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._known: dict[tuple[int, int], Path] = {}
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> None:
        """Also this one; one that is not there cannot be touched."""
        identity = _identity(path)
        if identity is not None:
            self._known.setdefault(identity, path)

    def check(self, target: Path) -> Path:
        """`target`, if it is none of them. Raises OutputExistsError, also where overwriting was asked for."""
        known = self._known.get(_identity(target) or (0, 0))
        if known is not None:
            raise OutputExistsError(
                f"{target} is read by this command, as {known}" if target != known else f"{target} is an input of this command",
                code=ReasonCode.OUTPUT_EXISTS,
                hint="Choose another output",
                path=str(target),
            )
        return target


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - takes any name, and says of none of them more than it must
    except (OSError, ValueError):  # not there, or a name that the file system refuses: writing says why
        return None
    return status.st_dev, status.st_ino
