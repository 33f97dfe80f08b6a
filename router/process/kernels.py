"""Where the networks' kernels run: each on one thread, so that no sum depends on how many threads there are.

A library chooses another kernel, or another order of summation, when it may use another number of threads; the last bits of a
latent then decide another integer, and the file has other bytes. So whatever is computed is cut into pieces that depend on
nothing but its shape, and every piece is computed by one thread. Pieces are worked on side by side by as many threads as the
caller's torch setting allows (`OMP_NUM_THREADS`, `torch.set_num_threads`).

The threads live as long as the process, and are made anew in a child of `fork()`. Their own torch setting is one thread; nobody
else's changes. So no thread team of OpenMP is ever made here, which a child would wait for in vain, nor one of the
caller's used: everything that computes with torch goes through `each` or `alone`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from router.process.forks import Lock, in_children

T = TypeVar("T")
R = TypeVar("R")


class _Threads:
    """The pool, made when it is first needed."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.pool: ThreadPoolExecutor | None = None
        self.inside = threading.local()

    def get(self) -> ThreadPoolExecutor:
        with self.lock:
            if self.pool is None:
                self.pool = ThreadPoolExecutor(os.cpu_count() or 1, "codec-router-kernels", self._begin)
            return self.pool

    def _begin(self) -> None:
        import torch

        self.inside.yes = True
        usual = torch.get_num_threads()
        torch.set_num_threads(1)
        # The call above also sets what threads that have not used torch yet begin with. Another such thread puts it back.
        undo = threading.Thread(target=torch.set_num_threads, args=(usual,))
        undo.start()
        undo.join()


_threads = _Threads()


def _renew() -> None:
    """In a child of a fork, the threads of its parent are not there."""
    global _threads
    _threads = _Threads()


in_children(_renew)


def each(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`[function(item) for item in items]`, side by side; every call has torch to itself on one thread.

    `function` does not depend on the thread that it runs in: torch's inference mode and the like are entered within it. The
    first exception is raised, once the calls that had begun have ended.
    """
    import torch

    workers = min(torch.get_num_threads(), os.cpu_count() or 1, len(items))
    if torch.get_num_threads() == 1 or getattr(_threads.inside, "yes", False):
        return [function(item) for item in items]
    results: list[R | None] = [None] * len(items)
    waiting = iter(enumerate(items))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number, item = next(waiting, (-1, None))
            if number < 0:
                return
            try:
                results[number] = function(item)  # type: ignore[arg-type]
            except BaseException:
                with lock:
                    for _ in waiting:  # nobody begins another one
                        pass
                raise

    futures = [_threads.get().submit(work) for _ in range(workers)]
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise errors[0]
    return results  # type: ignore[return-value]


def alone(function: Callable[[], R]) -> R:
    """`function()`, with torch to itself on one thread."""
    return each(lambda _: function(), [None])[0]
