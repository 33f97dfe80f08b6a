"""Worker processes: one that dies or overruns its time costs its own image only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workers import behave

from router.batch import State, Task
from router.batch.local import AHEAD, LocalEngine


def _tasks(folder: Path, *names: str) -> list[Task]:
    return [Task(str(folder), name, "", "") for name in names]


def test_what_kills_its_worker_is_tried_once_more_and_the_rest_goes_on(tmp_path: Path) -> None:
    names = ["a-1", "crash-1", "a-2", "once-1", "a-3", "a-4"]
    rows = {row.name: row for row in LocalEngine(2).run(_tasks(tmp_path, *names), behave)}
    assert sorted(rows) == sorted(names)
    assert {name for name, row in rows.items() if row.state is State.DONE} == {*names} - {"crash-1"}
    assert rows["crash-1"].code == "WORKER_DIED"
    assert (tmp_path / "crash-1").read_text() == (tmp_path / "once-1").read_text() == "xx"


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    rows = {row.name: row for row in LocalEngine(1, timeout=3).run(_tasks(tmp_path, "sleep-1", "a-1"), behave)}
    assert rows["sleep-1"].code == "TIMED_OUT"
    assert rows["a-1"].state is State.DONE


def test_tasks_are_drawn_as_workers_get_free_and_no_more_once_stopping(tmp_path: Path) -> None:
    drawn: list[str] = []
    seen: list[str] = []

    def endless() -> Iterator[Task]:
        while True:
            drawn.append(f"a-{len(drawn)}")
            yield from _tasks(tmp_path, drawn[-1])

    for row in LocalEngine(1).run(endless(), behave, stopping=lambda: len(seen) >= 3):
        seen.append(row.name)
        assert len(drawn) <= len(seen) + AHEAD
    assert sorted(seen) == sorted(drawn)
