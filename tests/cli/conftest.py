"""The command line, called in this process: arguments in; exit code, standard output and standard error out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sample_set import Samples

from router.cli.main import main


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


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["codec-router", *(str(a) for a in arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int | None)
        assert "Traceback" not in err
        return Done(code or 0, out, err)

    return call


@pytest.fixture
def folder(samples: Samples, tmp_path: Path) -> Path:
    """A folder with a PNG and a JPEG of one stem, one more PNG below it, and things that are no input."""
    root = tmp_path / "in"
    (root / "sub" / "deeper").mkdir(parents=True)
    (root / ".hidden").mkdir()
    shutil.copy(samples["palette_badge"], root / "a.png")
    shutil.copy(samples["portrait_hopper"], root / "a.jpg")
    shutil.copy(samples["palette_badge"], root / "sub" / "deeper" / "B.PNG")
    shutil.copy(samples["palette_badge"], root / ".hidden" / "c.png")
    shutil.copy(samples["palette_badge"], root / ".d.png")
    (root / "notes.txt").write_text("no image")
    return root


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
