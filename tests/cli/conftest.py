"""The command line, called in this process: arguments in; exit code, standard output and standard error out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Cli, Done
from sample_set import Samples

from router.cli.main import main


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
def one_thread() -> Iterator[None]:
    """For the neural lane on small images: more threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
