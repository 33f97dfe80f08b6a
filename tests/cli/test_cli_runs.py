"""Runs over many files: twice, killed, and back; lists, pipes, what is shown meanwhile."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, files
from images.image_builders import photo, png
from sample_set import Samples

import router
from router.batch import Row, State, Summary
from router.cli.listing import Listing
from router.cli.live import LiveLine
from router.cli.many import progress_of
from router.cli.termination import Stop

COMMAND = (sys.executable, "-m", "router")
MIXED = """schema_version: 1
name: mixed
rules:
  - name: jpeg
    when: source.transcodable
    then: {reason: a JPEG, lanes: [{lane: transcode, codecs: [jxl-transcode]}]}
  - name: graphics
    when: image.colours < 100
    then: {reason: graphics, lanes: [{lane: passthrough}]}
otherwise: {lanes: [{lane: classical, codecs: [jxl]}]}
"""


@pytest.fixture
def mixed(samples: Samples, tmp_path: Path) -> Path:
    """A JPEG, two files that stay as they are (one without a suffix), and photographs that become lossy JPEG XL."""
    root = tmp_path / "photos"
    (root / "deep").mkdir(parents=True)
    shutil.copy(samples["portrait_hopper"], root / "a.jpg")
    shutil.copy(samples["palette_badge"], root / "logo.png")
    shutil.copy(samples["palette_badge"], root / "LOGO")
    (root / "deep" / "b.png").write_bytes(png(photo(64, 96)))
    os.utime(root / "a.jpg", ns=(10**18, 10**18 + 7))
    (tmp_path / "mixed.yaml").write_text(MIXED)
    return root


def _compress(cli: Cli, root: Path, *more: object) -> list[dict[str, object]]:
    done = cli("compress", root, "-o", root.parent / "out", "-p", root.parent / "mixed.yaml", "--json", "-q", 50, *more)
    assert (done.code, done.err) == (0, "")
    return done.json


def test_there_and_back_is_one_command_each_way(cli: Cli, mixed: Path, tmp_path: Path) -> None:
    first = _compress(cli, mixed)
    assert {d["record"]["lane"] for d in first} == {"transcode", "passthrough", "classical"}  # type: ignore[index]
    assert files(tmp_path / "out").keys() == {"a.jpg.jxl", "logo.png", "LOGO.png", "deep/b.png.jxl"}
    second = _compress(cli, mixed)
    assert [d["skipped"] for d in second] == [True] * 4
    assert {d["output"] for d in second} == {d["output"] for d in first}

    done = cli("decompress", tmp_path / "out", "-o", tmp_path / "back", "--originals")
    assert done.code == 0
    assert "4 files written" in done.out
    back, sources = files(tmp_path / "back"), files(mixed)
    assert back.keys() == sources.keys()
    assert {name for name in back if back[name] == sources[name]} == {"a.jpg", "logo.png", "LOGO"}
    assert (tmp_path / "back" / "a.jpg").stat().st_mtime_ns == 10**18 + 7
    assert np.array_equal(
        router.decompress(tmp_path / "back/deep/b.png", as_array=True),
        router.decompress(tmp_path / "out/deep/b.png.jxl", as_array=True),
    )
    assert "skipped: 4 done before" in cli("decompress", tmp_path / "out", "-o", tmp_path / "back", "--originals").out


def test_back_without_a_journal_goes_by_records_and_names(cli: Cli, mixed: Path, tmp_path: Path) -> None:
    _compress(cli, mixed)
    shutil.rmtree(tmp_path / "out" / ".codec-router")
    assert cli("decompress", tmp_path / "out", "-o", tmp_path / "back", "--originals", "--to", "jpg").code == 0
    back, sources = files(tmp_path / "back"), files(mixed)
    assert back.keys() == {"a.jpg", "logo.png", "LOGO.png", "deep/b.png.jpg"}
    assert (back["a.jpg"], back["logo.png"]) == (sources["a.jpg"], sources["logo.png"])


@pytest.mark.parametrize(("to", "exact"), [("webp", True), ("jxl", True), ("jpeg", False), ("avif", False)])
def test_other_formats(cli: Cli, tmp_path: Path, to: str, exact: bool) -> None:
    (tmp_path / "a.png").write_bytes(png(photo(64, 96)))
    (document,) = cli("decompress", tmp_path / "a.png", "-o", f"{tmp_path}/back/", "--to", to, "--json").json
    assert Path(document["output"]).name == f"a.png.{'jpg' if to == 'jpeg' else to}"
    pixels = router.decompress(document["output"], as_array=True)
    assert np.array_equal(pixels, photo(64, 96)) == exact
    assert np.abs(pixels.astype(int) - photo(64, 96)).mean() < 3
    assert cli("decompress", tmp_path / "a.png", "-o", tmp_path / "b.png", "--to", to).code == 2


def test_two_sources_of_one_name_are_both_kept(cli: Cli, mixed: Path, tmp_path: Path) -> None:
    """By force too: `a` and `a.png` of two folders, and one name in the same output folder from two."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "a").write_bytes(png(photo(48, 64, seed=1)))
    (tmp_path / "two" / "a.png").write_bytes(png(photo(48, 64, seed=2)))
    done = cli("compress", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "out", "--codec", "png", "--force", "--json")
    assert done.code == 0
    for document, seed in zip(sorted(done.json, key=lambda d: d["input"]), (1, 2), strict=True):
        assert np.array_equal(router.decompress(document["output"], as_array=True), photo(48, 64, seed=seed))
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "a.png").write_bytes(png(photo(48, 64, seed=3)))
    before = files(tmp_path / "out")
    done = cli("compress", tmp_path / "three", "-o", tmp_path / "out", "--codec", "png", "--json")
    assert done.json[0]["error"]["code"] == "OUTPUT_EXISTS"
    assert files(tmp_path / "out") == before


def test_a_folder_that_holds_sources_and_outputs(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(photo(48, 64)))
    for options in ((), (), ("--force",)):
        done = cli("compress", tmp_path, "-o", tmp_path, "--codec", "jxl", "-q", 50, "--json", *options)
        assert (done.code, len(done.json)) == (0, 1)
    assert files(tmp_path).keys() == {"a.png", "a.png.jxl"}


def test_failures_are_told_again_and_tried_again_when_asked(cli: Cli, mixed: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "logo.png", "LOGO"):
        (mixed / name).unlink()
    (mixed / "broken.png").write_bytes(b"no image")
    call = ("compress", mixed, "-o", tmp_path / "out", "--codec", "jxl", "-q", 50)
    first = cli(*call)
    assert first.code == 6
    assert "failed: 1 (1 NOT_AN_IMAGE)" in first.out
    second = cli(*call)
    assert second.code == 6
    assert "--retry-failed" in second.err
    assert "failed before: 1 (1 NOT_AN_IMAGE)" in second.out
    document = next(d for d in cli(*call, "--json").json if not d["ok"])
    assert (document["failed_before"], document["error"]["code"]) == (True, "NOT_AN_IMAGE")
    (mixed / "broken.png").write_bytes(png(photo(48, 64)))  # another file now
    assert cli(*call, "--quiet").out == ""
    assert cli(*call).code == 0


def test_few_named_files_leave_no_journal(cli: Cli, mixed: Path, tmp_path: Path) -> None:
    assert cli("compress", mixed / "a.jpg", mixed / "logo.png", "-o", tmp_path / "out", "--codec", "png").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.jpg.png", "logo.png"}


def test_lists(cli: Cli, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text(f"photos/a.jpg\n\n./photos/deep\n{mixed}/a.jpg\nout/.codec-router/rows-1.jsonl\n")
    call = ("compress", "--codec", "webp", "-q", 30, "--json")
    (tmp_path / "list").write_text("photos/a.jpg\n\nphotos/deep\n./photos/a.jpg\nout/.codec-router/rows-1.jsonl\n")
    assert len(cli(*call, "-o", "out", "--files-from", "list").json) == 2
    assert files(tmp_path / "out").keys() == {"photos/a.jpg.webp", "photos/deep/b.png.webp"}
    names = f"{mixed}/logo.png\0".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names)))
    assert len(cli(*call, "-o", "other", "--files-from", "-", "--null").json) == 1
    assert files(tmp_path / "other").keys() == {f"{mixed}/logo.png.webp"[1:]}
    assert cli(*call, "-o", "other").code == 2
    assert cli(*call, "-o", "other", "--null", "photos").code == 2


def test_standard_input_and_output(mixed: Path, tmp_path: Path) -> None:
    compressed = subprocess.run(
        [*COMMAND, "compress", "-", "-o", "-", "--codec", "jxl-transcode"],
        input=(mixed / "a.jpg").read_bytes(),
        capture_output=True,
        check=True,
    )
    assert router.inspect(compressed.stdout).codec == "jxl-transcode"
    assert b"standard output written" in compressed.stderr
    back = subprocess.run(
        [*COMMAND, "decompress", "-", "-o", "-", "--originals"], input=compressed.stdout, capture_output=True, check=True
    )
    assert back.stdout == (mixed / "a.jpg").read_bytes()


@pytest.mark.parametrize("command", [("inspect",), ("decide", "-p", "medical"), ("score",), ("compress", "-o", "out/")])
def test_standard_input(
    cli: Cli, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = router.compress(samples["palette_badge"], codec="webp", quality=30).data
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (document,) = cli(*command, "-", "--json").json
    assert (document["input"], document["ok"]) == ("-", True)


def test_a_pipe_takes_one_image(cli: Cli, mixed: Path) -> None:
    for call in (
        ("compress", mixed, "-o", "-"),
        ("compress", "-", mixed, "-o", "out"),
        ("decompress", mixed / "a.jpg", "-o", "-", "--json"),
    ):
        assert cli(*call).code == 2


def _workers(parent: int) -> list[int]:
    children = [Path(f"/proc/{parent}/task/{thread.name}/children") for thread in Path(f"/proc/{parent}/task").iterdir()]
    return [int(pid) for file in children for pid in file.read_text().split()]


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _process(*arguments: object) -> subprocess.Popen[str]:
    """The command in a process of its own, which takes interrupts as one from a terminal does."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def _started(folder: Path, out: Path) -> subprocess.Popen[str]:
    """A run that has written something, with workers that go on."""
    process = _process("compress", folder, "-o", out, "--codec", "jxl-lossless", "--jobs", "2", "--json")
    started = time.monotonic()
    while len([*out.glob("*.jxl")]) < 4:
        assert process.poll() is None
        assert time.monotonic() - started < 60
        time.sleep(0.005)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_leaves_nothing_half_and_goes_on(cli: Cli, tmp_path: Path, number: int, code: int) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for k in range(20):
        (folder / f"{k:02}.png").write_bytes(png(photo(144, 192, seed=k)))
    process = _started(folder, out)
    workers = _workers(process.pid)
    assert len(workers) >= 2
    process.send_signal(number)
    told, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    ended = time.monotonic()
    while not all(map(_gone, workers)):
        assert time.monotonic() - ended < 10
        time.sleep(0.02)
    written = {path.name for path in out.iterdir()} - {".codec-router"}
    assert 0 < len(written) < 20
    assert all(name.endswith(".jxl") for name in written if number != signal.SIGKILL)
    if number != signal.SIGKILL:  # what was in flight is finished, in the journal and told
        assert sorted(Path(json.loads(line)["output"]).name for line in told.splitlines()) == sorted(written)
    done = cli("compress", folder, "-o", out, "--codec", "jxl-lossless", "--jobs", "1", "--json")
    assert done.code == 0
    assert 0 < sum("skipped" in document for document in done.json) < 20
    assert len(done.json) == 20
    assert {path.name for path in out.iterdir()} == {".codec-router", *(f"{k:02}.png.jxl" for k in range(20))}
    for path in out.glob("*.jxl"):
        assert np.array_equal(router.decompress(path, as_array=True), photo(144, 192, seed=int(path.name[:2])))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_twice_a_run_ends_at_once(tmp_path: Path, number: int) -> None:
    """An image that takes long is not waited for."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for k in range(8):
        (folder / f"{k:02}.png").write_bytes(png(photo(144, 192, seed=k)))
    (folder / "99.png").write_bytes(png(photo(2400, 3200, seed=1)))
    process = _process("compress", folder, "-o", out, "--codec", "avif", "-q", "90", "--jobs", "1", "--json")
    started = time.monotonic()
    while len([*out.glob("*.avif")]) < 8:
        assert process.poll() is None
        assert time.monotonic() - started < 60
        time.sleep(0.02)
    time.sleep(0.5)  # the long one is begun
    process.send_signal(number)
    time.sleep(1)
    assert process.poll() is None
    told = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert time.monotonic() - told < 5
    assert process.returncode == 128 + number
    assert {path.name for path in out.iterdir()} == {".codec-router", *(f"{k:02}.png.avif" for k in range(8))}


def test_a_second_run_starts_no_worker_and_loads_no_network(mixed: Path, tmp_path: Path) -> None:
    call = f"['codec-router', 'compress', {str(mixed)!r}, '-o', {str(tmp_path / 'out')!r}, '--codec', 'webp', '-q', '30']"
    code = (
        f"import sys, multiprocessing\nsys.argv = {call}\nfrom router.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code\n"
        "print('torch' in sys.modules, multiprocessing.active_children(), file=sys.stderr)"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr == "False []\n"
    assert "skipped: 4 done before" in done.stdout


def test_the_live_line_fits_and_says_where_the_run_is() -> None:
    now = [0.0]
    summary = Summary()
    line = LiveLine(lambda: progress_of(summary, Listing([None] * 60), True, Stop()), clock=lambda: now[0])  # type: ignore[list-item]
    line.begin("holidays/2021/a very long name of a folder/DSC_0001.jpg")
    summary.add(Row("a", State.DONE, lane="classical", source_bytes=1000, output_bytes=400))
    summary.add(Row("b", State.FAILED, code="NOT_AN_IMAGE"))
    summary.add(Row("c", State.SKIPPED))
    now[0] = 4.0
    for width in (60, 80, 120, 200):
        text = line.text(width)
        assert len(text) < width
        for part in ("3/60", "0.5 images/s", "saved 60%", "1 failed", "1:54 left"):
            assert part in text
    assert "DSC_0001.jpg" in line.text(80)
    assert "[=" in line.text(120)


@pytest.mark.parametrize("columns", [80, 130])
def test_what_a_terminal_shows_of_a_run(mixed: Path, tmp_path: Path, columns: int) -> None:
    terminal, inside = os.openpty()
    termios.tcsetwinsize(inside, (50, columns))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    arguments = ["compress", str(mixed), "-o", str(tmp_path / "out"), "-p", str(tmp_path / "mixed.yaml"), "-q", "50"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=inside, stderr=inside, env=environment) as process:
        os.close(inside)
        blocks = []
        while True:
            try:
                blocks.append(os.read(terminal, 1 << 16))
            except OSError:
                break
        os.close(terminal)
    assert process.returncode == 0
    text = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", b"".join(blocks).decode())
    lines = [line for part in text.split("\n") for line in part.split("\r")]
    assert max(map(len, lines)) <= columns
    assert any(line.startswith(("0/", "[")) for line in lines)
    for stem in ("a.jpg", "LOGO", "logo.png", "deep/b.png"):
        assert any(line.startswith(f"{stem} ") for line in lines)
    assert any(line.startswith("classical ") for line in lines)
    assert "4 files written in" in text


def test_a_run_prints_thirty_rows_and_serves_its_figures(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(32):
        shutil.copy(samples["palette_badge"], root / f"{number:02d}.png")
    done = cli("compress", root, "-o", tmp_path / "out", "--codec", "png", "--metrics", "0")
    assert (done.code, done.out.count(".png")) == (0, 30)
    assert "the first 30; --verbose shows all" in done.out
    assert "metrics at port" in done.err
    again = cli("compress", root, "-o", tmp_path / "all", "--codec", "png", "--verbose")
    assert again.out.count(".png") == 32
    refused = cli("compress", root, "-o", tmp_path / "out", "--codec", "png", "--metrics", "many")
    assert refused.code == 2
    assert "is no port" in refused.err
    written = cli("manifest", tmp_path / "out", "-o", tmp_path / "m.parquet", "--json")
    assert written.json[0]["rows"] == 32
    missing = cli("manifest", root, "-o", tmp_path / "n.parquet")
    assert missing.code == 3
    assert "there is no journal" in missing.err
