"""What is read is never written, and what the file system refuses is a typed error: every command, whatever the name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Cli, files
from sample_set import Samples

COMMAND = (sys.executable, "-c", "from router.cli.main import main; main()")


@pytest.fixture
def here(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: one picture under several names, and a log."""
    shutil.copy(samples["palette_badge"], tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    shutil.copy(samples["palette_badge"], tmp_path / "sub" / "b.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("log", ["link.png", "hard.png", "./sub/../a.png", "sub/b.png", "policy.yaml"])
def test_a_log_never_touches_what_is_read(cli: Cli, here: Path, log: str) -> None:
    (here / "policy.yaml").write_text("schema_version: 1\nname: p\notherwise: {lanes: [{lane: lossless, codecs: [png]}]}\n")
    before = files(here)
    done = cli("compress", "a.png", "sub", "-o", "out/", "--policy", "policy.yaml", "--log", log, "--force", "--json")
    assert done.code == 4
    assert {line["error"]["code"] for line in done.json} == {"OUTPUT_EXISTS"}
    assert files(here) == before


def test_a_log_that_is_an_empty_input_stays_empty(cli: Cli, here: Path) -> None:
    (here / "empty.png").touch()
    assert cli("compress", "empty.png", "-o", "out/", "--codec", "png", "--log", "empty.png").code == 4
    assert (here / "empty.png").read_bytes() == b""


@pytest.mark.parametrize("content", [b"GIF89a", b'{"record": 1}\n', b"[" * 100_000, b"\n"])
def test_a_file_that_is_no_log_is_not_appended_to(cli: Cli, here: Path, content: bytes) -> None:
    (here / "log").write_bytes(content)
    done = cli("compress", "a.png", "-o", "out/", "--codec", "png", "--log", "log", "--json")
    assert (done.code, done.json[0]["error"]["code"]) == (4, "OUTPUT_EXISTS")
    assert (here / "log").read_bytes() == content
    assert not (here / "out").exists()


def test_a_log_is_continued_also_after_half_a_line(cli: Cli, here: Path) -> None:
    call = ("compress", "a.png", "-o", "out/", "--codec", "png", "--force", "--log", "log")
    assert cli(*call).code == 0
    whole = (here / "log").read_text()
    (here / "log").write_text(whole + whole[:100])
    assert cli(*call).code == 0
    lines = (here / "log").read_text().splitlines()
    assert lines[1] == whole[:100]
    assert json.loads(lines[2])["record"] == json.loads(lines[0])["record"]


def test_an_output_never_touches_the_log_of_its_run(cli: Cli, here: Path) -> None:
    done = cli("compress", "a.png", "-o", "b.png", "--codec", "png", "--log", "b.png", "--force", "--json")
    assert (done.code, done.json[0]["error"]["code"]) == (4, "OUTPUT_EXISTS")
    assert (here / "b.png").read_bytes() == b""


@pytest.mark.parametrize("target", ["link.png", "hard.png", "sub/../a.png"])
@pytest.mark.parametrize("command", [("compress", "--codec", "png"), ("decompress",)], ids=lambda c: c[0])
def test_outputs_never_touch_inputs(cli: Cli, here: Path, command: tuple[str, ...], target: str) -> None:
    before = files(here)
    done = cli(*command, "a.png", "-o", target, "--force", "--json")
    assert (done.code, done.json[0]["error"]["code"]) == (4, "OUTPUT_EXISTS")
    assert files(here) == before


def test_as_many_look_ups_as_outputs(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(30):
        shutil.copy(here / "a.png", here / "sub" / f"{n}.png")
    looked_up = 0
    plain = os.stat

    def counted(*arguments: object, **options: object) -> os.stat_result:
        nonlocal looked_up
        looked_up += 1
        return plain(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", counted)
    assert cli("compress", "sub", "-o", "out", "--codec", "png", "--force", "--json").code == 0
    assert looked_up < 30 * 31


LONG = "x" * 300
READERS = [
    ("compress", "{}", "-o", "out/"), ("decompress", "{}", "-o", "out/"), ("score", "{}"), ("decide", "{}"), ("inspect", "{}"),
    ("drift", "{}"), ("models", "audit", "{}"), ("models", "migrate", "{}", "-o", "out/"),
    ("compress", "a.png", "-o", "out/", "--policy", "{}.yaml"), ("compress", "a.png", "-o", "out/", "--detector", "{}"),
]  # fmt: skip
WRITERS = [
    ("compress", "a.png", "-o", "{}", "--codec", "png"), ("decompress", "a.png", "-o", "{}.png"),
    ("compress", "a.png", "-o", "out/", "--codec", "png", "--log", "{}"),
    ("compress", "a.png", "sub", "-o", "{}/", "--codec", "png"),
]  # fmt: skip


ODD = [f"{LONG}/a.png", "a.png/b.png", "nul\0.png"]


@pytest.mark.parametrize(
    ("command", "name"), [*((command, LONG) for command in READERS), *((READERS[n], name) for n in (0, 4, 6) for name in ODD)]
)
def test_names_to_read_that_cannot_be(cli: Cli, here: Path, command: tuple[str, ...], name: str) -> None:
    done = cli(*(part.format(name) for part in command), "--json")
    assert done.code in (2, 3)
    assert all(line["error"]["code"] not in ("INTERNAL_ERROR", "") for line in done.json)
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("command", "name"),
    [*((c, n) for c in WRITERS for n in (LONG, "nul\0")), (WRITERS[0], "a.png/b"), (WRITERS[2], "/proc/no/a")],
)
def test_names_to_write_that_cannot_be(cli: Cli, here: Path, command: tuple[str, ...], name: str) -> None:
    before = files(here)
    done = cli(*(part.format(name) for part in command), "--json")
    assert done.code in (1, 2, 4)
    assert {line["error"]["code"] for line in done.json} <= {"OUTPUT_NOT_WRITABLE", "BAD_ARGUMENT"}
    assert files(here) == before


def test_a_name_that_is_no_utf_8_goes_through_with_a_log(cli: Cli, here: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    shutil.copy(here / "a.png", here / name)
    done = cli("compress", name, "-o", "out/", "--codec", "png", "--log", "log", "--json")
    assert done.code == 0
    assert json.loads((here / "log").read_text("utf-8"))["source"] == name
    assert cli("compress", "a.png", "-o", "out/", "--codec", "png", "--log", os.fsdecode(b"l\xf6g")).code == 0


@pytest.mark.parametrize("kind", ["pipe", "folder", "/dev/null", "/dev/zero"])
def test_what_is_no_file_is_not_read(cli: Cli, here: Path, kind: str) -> None:
    os.mkfifo(here / "pipe")
    (here / "folder").mkdir()
    for command in (("inspect", kind), ("drift", kind), ("decide", kind)):
        done = cli(*command, "--json")
        assert done.code == 3
        assert done.json[0]["error"]["code"] in ("NOT_A_FILE", "NOT_FOUND")


def test_a_pipe_in_a_folder_is_not_waited_for(cli: Cli, here: Path) -> None:
    os.mkfifo(here / "sub" / "pipe")
    assert cli("models", "audit", "sub", "--json").json[0]["error"]["code"] == "NOT_FOUND"


def test_a_pipe_that_nobody_reads_is_no_log(cli: Cli, here: Path) -> None:
    os.mkfifo(here / "pipe")
    done = cli("compress", "a.png", "-o", "out/", "--codec", "png", "--log", "pipe", "--json")
    assert (done.code, done.json[0]["error"]["code"]) == (1, "OUTPUT_NOT_WRITABLE")


def test_a_full_disk_under_the_log_is_said_and_the_output_is_whole(cli: Cli, here: Path) -> None:
    done = cli("compress", "a.png", "-o", "out/", "--codec", "png", "--log", "/dev/full", "--json")
    assert (done.code, done.json[0]["error"]["code"]) == (1, "OUTPUT_NOT_WRITABLE")
    assert "is written all the same" in done.json[0]["error"]["message"]
    assert cli("inspect", here / "out" / "a.png").code == 0


@pytest.mark.parametrize("options", [("--json",), ()])
@pytest.mark.parametrize("end", ["full", "closed"])
def test_standard_output_that_cannot_be_written(here: Path, options: tuple[str, ...], end: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "decide", "a.png", "--policy", "medical", *options],
            stdout=full if end == "full" else None,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            preexec_fn=(lambda: os.close(1)) if end == "closed" else None,
        )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == (1 if end == "full" else 0)
