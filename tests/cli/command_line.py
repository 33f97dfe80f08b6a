"""What a call of the command line leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines; fails if anything else is there."""
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Done]


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder, but for journals of runs."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file() and ".codec-router" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in found}
