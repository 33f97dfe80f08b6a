"""Temporary files of writers that were killed go at the next writing; those of writers at work stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from router.files import leftovers
from router.files.named import write_atomically

WRITER = (
    "import sys\nfrom pathlib import Path\nfrom router.files import leftovers\n"
    "with leftovers.temporary(Path(sys.argv[1])) as (made, file):\n"
    "    file.write(b'half')\n    file.flush()\n    print(made, flush=True)\n    sys.stdin.read()\n"
)


@pytest.fixture(autouse=True)
def a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_searched", set())


def writer(path: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    (killed, left), (living, kept) = writer(tmp_path / "a.png"), writer(tmp_path / "b.png")
    with living:
        with killed:
            killed.send_signal(signal.SIGKILL)
        assert left.read_bytes() == kept.read_bytes() == b"half"
        write_atomically(tmp_path / "c.png", b"whole")
        assert not left.exists()
        assert kept.exists()
        living.communicate("")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.png"]


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    names = [
        ".a.png.abcdefgh.part", "a.png.abcdefgh.codec-router.part", ".a.png.codec-router.part", ".a.ABCDEFGH.codec-router.part",
        ".a.png.abcdefgh.codec-router.part.txt", "x.part", ".codec-router.part",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
    folder = tmp_path / ".a.png.abcdefgh.codec-router.part"
    folder.mkdir()
    elsewhere = tmp_path / "sub" / ".a.png.abcdefgh.codec-router.part"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"of another folder")
    (tmp_path / ".b.png.abcdefgh.codec-router.part").symlink_to(elsewhere)
    os.mkfifo(tmp_path / ".c.png.abcdefgh.codec-router.part")
    before = sorted(p.name for p in tmp_path.iterdir())
    write_atomically(tmp_path / "c.png", b"whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "c.png"])
    assert elsewhere.exists()


@pytest.mark.parametrize("name", ["a.png", "ä" * 60 + ".png", "a\nb.png"])
def test_every_name_that_is_given_is_recognised(tmp_path: Path, name: str) -> None:
    with leftovers.temporary(tmp_path / name) as (made, _):
        assert leftovers._NAME.fullmatch(made.name)
    assert list(tmp_path.iterdir()) == []


def test_writers_and_cleaners_do_not_disturb_each_other(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for k in range(20):
                leftovers._searched.clear()
                write_atomically(tmp_path / f"{number}-{k}", b"whole")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(list(tmp_path.iterdir())) == 80


ENDED_ANYWHERE = """
import os, sys
from pathlib import Path
from router.files import leftovers

target, step = Path(sys.argv[1]), 0
while True:
    step += 1
    child = os.fork()
    if child == 0:
        left = step

        def leave(frame, event, arg):
            global left
            if frame.f_code.co_filename != leftovers.__file__ or frame.f_code.co_name == "_discard_all":
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left == 0:
                    sys.settrace(None)
                    raise SystemExit(143)
            return leave

        sys.settrace(leave)
        with leftovers.temporary(target) as (made, file):
            file.write(b"half")
        sys.settrace(None)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended == 0:
        break
    assert ended == 143, ended
    assert os.listdir(target.parent) == [], (step, os.listdir(target.parent))
print(step)
"""


def test_an_exception_at_any_step_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED_ANYWHERE, str(tmp_path / "a.png")], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert int(done.stdout) > 50
