"""Addresses as single inputs and outputs of commands."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest
from command_line import Cli
from sample_set import Samples

import router


@pytest.fixture
def shelf(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address below which there is `logo.png`, in a working folder that stays empty."""
    monkeypatch.chdir(tmp_path)
    files = fsspec.filesystem("memory")
    if files.exists("/shelf"):
        files.rm("/shelf", recursive=True)
    files.pipe_file("/shelf/logo.png", samples["alpha_logo"].read_bytes())
    return "memory://shelf"


def test_there_and_back(cli: Cli, shelf: str, samples: Samples, tmp_path: Path) -> None:
    written = cli("compress", f"{shelf}/logo.png", "-o", f"{shelf}/small", "--codec", "webp-lossless", "--json")
    assert written.code == 0, written.err
    assert json.loads(written.out)["output"] == f"{shelf}/small.webp"
    assert json.loads(cli("inspect", f"{shelf}/small.webp", "--json").out)["record"]["codec"] == "webp-lossless"
    assert cli("decide", f"{shelf}/small.webp").code == 0
    assert cli("decompress", f"{shelf}/small.webp", "-o", f"{shelf}/back.png").code == 0
    assert router.decompress(f"{shelf}/back.png").size == router.decompress(samples["alpha_logo"]).size
    again = cli("decompress", f"{shelf}/small.webp", "-o", f"{shelf}/back.png")
    assert (again.code, "OUTPUT_EXISTS" in again.err) == (4, True)
    assert list(tmp_path.iterdir()) == []
    assert cli("compress", f"{shelf}/logo.png", f"{shelf}/small.webp", "-o", "out", "--codec", "png").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["logo.png", "small.webp.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("compress", "{}/none.png", "-o", "x"), 3, "NOT_FOUND"),
        (("compress", "{}/logo.png", "{}/logo2.png", "-o", "{}/out"), 2, "address"),
        (("compress", "{}/logo.png", "-o", "s3://key:secret@bucket/x", "--codec", "png"), 4, "MISSING_EXTRA"),
        (("compress", ".", "-o", "s3://key:secret@bucket/x"), 2, "address"),
        (("inspect", "https://me:secret@127.0.0.1:1/x.png?secret"), 3, "UNREADABLE"),
    ],
)
def test_what_cannot_be_done_is_told_without_secrets(
    cli: Cli, shelf: str, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = cli(*(argument.format(shelf) for argument in arguments))
    assert done.code == code, done.err
    assert told in done.err
    assert "secret" not in done.err
    assert list(tmp_path.iterdir()) == []
