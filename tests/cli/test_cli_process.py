"""The installed command as a process: start-up, pipes, interrupts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli
from images.image_builders import png
from sample_set import Samples

import router

COMMAND = (sys.executable, "-c", "from router.cli.main import main; main()")
COMMANDS = ["compress", "decompress", "score", "decide", "inspect", "models", "models list", "models verify"]


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert done.code == 0
    assert done.out.startswith("codec-router ")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(cli: Cli, command: str) -> None:
    done = cli(*command.split(), "--help")
    assert done.code == 0
    assert "Usage" in done.out
    unknown = cli(*command.split(), "--surprise")
    assert unknown.code == 2
    assert unknown.out == ""


def test_the_first_help_lists_commands_and_exit_codes(cli: Cli) -> None:
    shown = " ".join(cli("--help").out.split())
    for command in COMMANDS:
        assert command.split()[0] in shown
    for word in ("Exit codes:", "2 usage", "3 bad input", "5 damaged"):
        assert word in shown
    assert cli().code == 2


@pytest.mark.parametrize("arguments", [("--help",), ("compress", "--help"), ("--version",)])
def test_help_starts_light(arguments: tuple[str, ...]) -> None:
    heavy = ("torch", "numpy", "scipy", "sklearn", "PIL", "cv2", "yaml", "cel_expr_python", "safetensors")
    code = (
        "import sys\nfrom router.cli.main import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_whole_call(samples: Samples, tmp_path: Path) -> None:
    done = run("compress", samples["palette_badge"], "-o", tmp_path / "a", "--codec", "png")
    assert (done.returncode, done.stderr) == (0, "")
    assert router.inspect(tmp_path / "a.png").codec == "png"
    done = run("compress", tmp_path / "none.png", "-o", tmp_path / "b")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_names_print_where_the_terminal_is_ascii(samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "ünï.png"
    path.write_bytes(samples["palette_badge"].read_bytes())
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    as_json = run("decide", path, "--json", env=environment)
    assert (as_json.returncode, as_json.stderr) == (0, "")
    assert '"input": "' + str(path).replace("ü", "\\u00fc").replace("ï", "\\u00ef") in as_json.stdout
    plain = run("decide", path, env=environment)
    assert (plain.returncode, plain.stderr) == (0, "")


def test_no_live_line_goes_into_a_pipe_that_asks_for_colours(samples: Samples, tmp_path: Path) -> None:
    """As where a notebook captures a command: colours are text that it can show, a line that is drawn over and over is not."""
    sources = [samples[name] for name in ("palette_badge", "chart_rates", "alpha_logo")]
    environment = {**os.environ, "FORCE_COLOR": "1"}
    for command in (("decide", *sources), ("compress", *sources, "-o", f"{tmp_path}/out/", "--codec", "png", "--jobs", "1")):
        done = run(*command, env=environment)
        told = done.stdout + done.stderr
        assert done.returncode == 0, told
        assert set(re.findall("\x1b\\[[0-9;?]*([a-zA-Z])", told)) <= {"m"}
        assert "\r" not in told
        assert "alpha_logo" in told


@pytest.mark.parametrize("columns", [80, 130])
def test_what_a_terminal_shows(samples: Samples, tmp_path: Path, columns: int) -> None:
    sources = [str(samples[name]) for name in ("palette_badge", "chart_rates")]
    terminal, inside = os.openpty()
    termios.tcsetwinsize(inside, (50, columns))
    arguments = ["compress", *sources, "-o", f"{tmp_path}/out/", "--policy", "web", "--receiver", "image/avif", "--explain"]
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    with subprocess.Popen([*COMMAND, *arguments], stdout=inside, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(inside)
        shown = _all_of(terminal)
    assert process.returncode == 0
    lines = shown.split("\n")
    (summary,) = (n for n, line in enumerate(lines) if line.startswith("2 files written"))
    table = lines[:summary]
    for stem in ("palette_badge", "chart_rates"):
        (row,) = (n for n, line in enumerate(table) if line.startswith(f"{stem}.png "))
        policy = router.inspect(tmp_path / "out" / f"{stem}.png.avif").policy
        assert policy is not None
        assert policy.rule in (table[row] if columns > 120 else table[row + 1])
    assert all(len(line.rstrip()) <= columns for line in lines if str(tmp_path) not in line)
    assert "rule " not in "\n".join(table)
    assert shown.count("rule ") > 2


def _all_of(terminal: int) -> str:
    """What was written to the other end, until that is closed, without control sequences: each state of a live line is a line."""
    blocks: list[bytes] = []
    while True:
        try:
            block = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that nobody has the other end any more
            block = b""
        if not block:
            os.close(terminal)
            return re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", b"".join(blocks).decode().replace("\r\n", "\n")).replace("\r", "\n")
        blocks.append(block)


@pytest.mark.parametrize("arguments", [("--help",), ("models", "list"), ("models", "list", "--json")])
def test_a_reader_that_leaves(arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run([*COMMAND, *arguments], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert done.stderr == ""
    assert done.returncode in (0, 1)


def test_a_termination_leaves_no_temporary_file(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    noise = png(np.random.default_rng(0).integers(0, 256, (1000, 1500, 3), np.uint8))  # its writing takes a while
    for k in range(6):
        (source / f"{k}.png").write_bytes(noise)
    out.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "decompress", str(source), "-o", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    started = time.monotonic()
    while not any(out.glob("*.part")):
        assert process.poll() is None
        assert time.monotonic() - started < 60
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err == ""
    written = sorted(path for path in out.iterdir() if path.name != ".codec-router")
    assert len(written) < 6
    for path in written:
        assert path.suffix == ".png"
        assert np.array_equal(router.decompress(path, as_array=True), router.decompress(noise, as_array=True))


def test_a_termination_that_is_ignored_stays_so(samples: Samples, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "from router.cli.termination import orderly_termination\n"
        "with orderly_termination():\n    os.kill(os.getpid(), signal.SIGTERM)\nprint('done')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "done\n"
