"""Memory: how much there is for one image, and what an error says that means there was too little."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

SHARE = 0.75
"""Part of the machine's memory that one image may take by default: the rest is for the process itself and the system."""
_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""What a container may take (cgroup version 2 and 1), seen from inside."""
_WORDS = (
    "out of memory",
    "out_of_memory",
    "bad_alloc",
    "bad allocation",
    "memory error",
    "allocate memory",
    "insufficient memory",
    "not enough memory",
)
"""What libraries say that have no MemoryError: libavif, libwebp, libjxl, libpng, OpenCV, torch."""


@cache
def machine_memory() -> int | None:
    """`SHARE` of the memory that there is, in bytes; None where that is not known.

    What there is, is the least of what the machine has, what its container may take and what this process may address.
    Totals count, not what happens to be free: the same image on the same machine is treated alike.
    """
    known = [size for size in _totals() if size > 0]
    return int(SHARE * min(known)) if known else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of whatever library, means that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _WORDS)


def _totals() -> Iterator[int]:
    with suppress(AttributeError, ValueError, OSError):  # not a system that has these
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in _GROUPS:
        with suppress(OSError, ValueError):  # no such group, or "max"
            yield int(Path(name).read_text("ascii"))
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    except (ImportError, OSError, ValueError):
        return
    if limit != resource.RLIM_INFINITY:
        yield limit
