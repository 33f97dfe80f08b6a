"""A run over a folder: twice, changed, failed, forced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from sample_set import Samples

from router.batch import Options, Row, State, Summary, run
from router.batch.journal import FOLDER, index, rows

WEBP = Options(arguments={"codec": "webp", "quality": 50})
JPEG = Options(arguments={"codec": "jpeg", "quality": 50})


@pytest.fixture
def folder(samples: Samples, tmp_path: Path) -> Path:
    """Three small pictures, one of them below another folder, and a file that is none."""
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    with Image.open(samples["photo_cat"]) as image:
        for number, name in enumerate(("a.png", "b", "deep/c.png")):
            image.convert("RGB").crop((40 * number, 0, 40 * number + 64, 48)).save(root / name, "PNG")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    os.utime(root / "a.png", ns=(10**18, 10**18 + 7))
    return root


def _run(folder: Path, options: Options = WEBP, **more: bool) -> tuple[Summary, dict[str, Row]]:
    rows: list[Row] = []

    def files() -> Iterator[tuple[Path, Path]]:
        return ((path, path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file())

    summary = run(files(), folder.parent / "out", options, jobs=2, on_row=rows.append, **more)
    assert len({row.name for row in rows}) == len(rows)
    return summary, {row.name: row for row in rows}


def _written(folder: Path) -> set[str]:
    out = folder.parent / "out"
    return {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file() and FOLDER not in p.parts}


@pytest.mark.slow
def test_a_second_run_leaves_alone_what_is_done_and_does_again_what_changed(folder: Path) -> None:
    first, rows = _run(folder)
    assert (first.total.images, dict(first.failures)) == (3, {"DAMAGED_IMAGE": 1})
    assert _written(folder) == {"a.png.webp", "b.webp", "deep/c.png.webp"}
    assert (folder.parent / "out" / "a.png.webp").stat().st_mtime_ns == 10**18 + 7
    assert rows["a.png"].achieved is not None
    assert first.lanes["classical"].output_bytes == sum(
        (folder.parent / "out" / name).stat().st_size for name in _written(folder)
    )

    second, rows = _run(folder)
    assert (second.skipped, second.failed_before, second.total.images) == (3, 1, 0)

    (folder.parent / "out" / "b.webp").unlink()
    with Image.open(folder / "a.png") as image:
        image.transpose(Image.Transpose.ROTATE_180).save(folder / "a.png")
    _, rows = _run(folder)
    assert {name for name, row in rows.items() if row.state is State.DONE} == {"a.png", "b"}

    fourth, rows = _run(folder, retry_failed=True)
    assert (fourth.skipped, fourth.failed) == (3, 1)


def test_other_options_replace_what_the_earlier_run_wrote(folder: Path) -> None:
    _run(folder)
    summary, _ = _run(folder, JPEG)
    assert summary.total.images == 3
    assert _written(folder) == {"a.png.jpg", "b.jpg", "deep/c.png.jpg"}
    assert _run(folder, JPEG)[0].skipped == 3


def test_what_no_run_wrote_is_not_overwritten_unless_asked(folder: Path) -> None:
    out = folder.parent / "out"
    out.mkdir()
    (out / "a.png.webp").write_bytes(b"mine")
    summary, rows = _run(folder)
    assert rows["a.png"].code == "OUTPUT_EXISTS"
    assert (out / "a.png.webp").read_bytes() == b"mine"
    summary, rows = _run(folder, force=True)
    assert rows["a.png"].state is State.DONE
    assert summary.total.images == 3


def test_a_torn_line_is_stepped_over(folder: Path) -> None:
    _run(folder)
    (journal,) = (folder.parent / "out" / FOLDER).iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])
    assert len({row.name for row in rows(folder.parent / "out")}) == 3
    summary, _ = _run(folder)
    assert summary.skipped + summary.failed_before == 3


def test_two_sources_that_want_one_name_both_get_one(folder: Path) -> None:
    Image.open(folder / "a.png").save(folder / "a", "PNG")  # kept as they are, both would be a.png
    png = Options(arguments={"codec": "png"})
    summary, _ = _run(folder, png)
    assert summary.total.images == 4
    assert _written(folder) == {"a.png", "a.png.png", "b.png", "deep/c.png"}


@pytest.mark.parametrize("output", ["/etc/b.webp", "../b.webp", "deep/../b.webp", "deep/..", "other/b.webp", "", "b\0.webp"])
def test_the_journal_gives_a_source_no_output_elsewhere(folder: Path, output: str) -> None:
    """A line that somebody else wrote must not have a file outside the folder replaced."""
    journal = folder.parent / "out" / FOLDER
    journal.mkdir(parents=True)
    name = "deep/c.png" if output.startswith("deep") else "b"
    line = {"name": name, "state": "done", "output": output, "output_bytes": 1}
    (journal / "rows-00000001.jsonl").write_text(json.dumps(line) + "\n", encoding="ascii")
    found = index(folder.parent / "out").get(name)
    assert found is None or not found.output
    assert [row.output for row in rows(folder.parent / "out")] == ([""] if not output else [])


@pytest.mark.parametrize("line", [{"output_bytes": 10**30}, {"exit_code": "4"}, {"options": 1}, {"lane": None}])
def test_a_line_that_no_run_wrote_is_stepped_over(tmp_path: Path, line: dict[str, object]) -> None:
    journal = tmp_path / FOLDER
    journal.mkdir()
    lines = [{"name": "a.png", "state": "done", "output": "a.png.webp"} | line, {"name": "b.png", "state": "done", "output": "b"}]
    (journal / "rows-00000001.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="ascii")
    found = index(tmp_path)
    assert found.get("a.png") is None
    assert found.get("b.png") is not None


def test_the_last_try_holds_and_a_failure_keeps_the_output_before(tmp_path: Path) -> None:
    journal = tmp_path / FOLDER
    journal.mkdir()
    lines = [
        {"name": "a.png", "state": "done", "output": "a.png.webp", "output_bytes": 9, "lane": "classical", "options": "1"},
        {"name": "a.png", "state": "failed", "code": "TIMED_OUT", "exit_code": 4, "options": "2"},
        {"name": "b.png", "state": "failed", "code": "TIMED_OUT", "exit_code": 4, "options": "1"},
        {"name": "b.png", "state": "done", "output": "b.png.jxl", "output_bytes": 5, "options": "2"},
    ]
    (journal / "rows-00000001.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"name": "torn', encoding="ascii")
    found = index(tmp_path)
    a, b = found.get("a.png"), found.get("b.png")
    assert a is not None
    assert b is not None
    assert (a.failed, a.code, a.output, a.size, a.lane, a.options) == (True, "TIMED_OUT", "a.png.webp", 9, "classical", "2")
    assert (b.failed, b.code, b.output, b.options) == (False, "", "b.png.jxl", "2")
    assert found.made("a.png.webp") == a
    assert found.made("none") is None
    assert (found.claim("x", "one"), found.claim("x", "two"), found.claim("y", "two")) == ("one", "one", "two")
