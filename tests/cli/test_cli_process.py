"""The installed command as a process: start-up, pipes, interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Cli
from images.image_builders import photo, png
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


def test_an_interrupt_leaves_whole_files_only(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for k in range(60):
        (source / f"{k:02}.png").write_bytes(png(photo(96, 128, seed=k)))
    process = subprocess.Popen(
        [*COMMAND, "compress", str(source), "-o", str(out), "--codec", "jxl-lossless"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore SIGINT and hand that down: the tests may run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    started = time.monotonic()
    while not (out.is_dir() and any(out.glob("[!.]*"))):
        assert process.poll() is None
        assert time.monotonic() - started < 60
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    written = sorted(out.iterdir())
    assert 0 < len(written) < 60
    for path in written:
        assert path.suffix == ".jxl"
        assert router.inspect(path).codec == "jxl-lossless"
