"""Work on tiles side by side: entropy coding of some while the caller transforms others."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

MOST = 4
"""Tiles that are coded side by side, however many processors there are: each takes about 100 MB while it is."""


def ahead(function: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    """`map(function, items)` in threads; at most a few results beyond the one asked for exist at a time.

    `count`: how many items there are; one item, or one processor, is worked on in the caller's thread.
    """
    workers = min(count, MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if workers < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="codec-router-tile") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
