"""The engine of few images: one after the other in this process, which starts no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from router.batch.row import Row
from router.batch.task import Task


@dataclass(frozen=True)
class InlineEngine:
    """No worker to start, and none to end: an image that crashes its decoder ends the process."""

    def run(
        self,
        tasks: Iterable[Task],
        work: Callable[[Task], Row],
        stopping: Callable[[], bool] = lambda: False,
        on_begin: Callable[[Task], None] = lambda task: None,
    ) -> Iterator[Row]:
        """Rows in the order of the tasks. `stopping` and `on_begin` as in `LocalEngine.run`."""
        for task in tasks:
            on_begin(task)
            yield work(task)
            if stopping():
                return
