"""fork() while images are compressed: children get locks that nobody holds, and libraries that nobody was in the middle of.

A child of `os.fork` has one thread, and a copy of all that the others held: a lock stays locked, and a library whose mutex was
taken waits for ever. So

- locks here are `Lock`, which a child finds unlocked. What they guard is written by single assignments, so that it is never half
  there;
- `fork()` waits for calls of this package in other threads to come to the end of a step (one encoding, one check), at most
  `PATIENCE` seconds; new steps wait for the fork;
- threads of the package's own (`kernels.py`) are made anew in the child.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 10.0
"""Seconds that a fork waits for others. A step may be longer, and may itself wait for what the forking thread holds."""

_locks: weakref.WeakSet[Lock] = weakref.WeakSet()
_renewals: list[Callable[[], None]] = []


class Lock:
    """A reentrant lock; unlocked in a child, and in what a pickle of it becomes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[Lock], tuple[()]]:
        return Lock, ()

    def renew(self) -> None:
        """Another lock, which nobody holds."""
        self._lock = threading.RLock()


class _Gate:
    """Counts the threads that are in a step; closed while somebody forks."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside = 0
        self.forking = 0
        self.mine = threading.local()

    def depth(self) -> int:
        """How often the calling thread has entered."""
        return getattr(self.mine, "depth", 0)

    def enter(self) -> None:
        """Wait for forks, then count."""
        with self.changed:
            self.changed.wait_for(lambda: not self.forking, PATIENCE)
            self.inside += 1

    def leave(self) -> None:
        """Count down."""
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def before(self) -> None:
        """Close, and wait for the others."""
        with self.changed:
            self.forking += 1
            mine = 1 if self.depth() else 0
            self.changed.wait_for(lambda: self.inside <= mine, PATIENCE)

    def after(self) -> None:
        """Open, in the parent."""
        with self.changed:
            self.forking -= 1
            self.changed.notify_all()


_gate = _Gate()


@contextmanager
def step() -> Iterator[None]:
    """Within it, no fork of another thread begins, but after `PATIENCE`. May be entered again by the thread that is in it."""
    gate, depth = _gate, _gate.depth()
    if not depth:
        gate.enter()
    gate.mine.depth = depth + 1
    try:
        yield
    finally:
        # In a child that was forked within a step, there is another gate, which knows of this one.
        gate = _gate
        gate.mine.depth = depth
        if not depth:
            gate.leave()


def pause() -> None:
    """The end of a step and the beginning of the next one: a fork that waits goes first."""
    gate = _gate
    if gate.forking and gate.depth():
        gate.leave()
        gate.enter()


def in_children(renew: Callable[[], None]) -> None:
    """Have `renew` called in every child of a fork, before anything else of this package."""
    _renewals.append(renew)


def _in_child() -> None:
    global _gate
    depth = _gate.depth()
    _gate = _Gate()
    _gate.mine.depth = depth
    _gate.inside = 1 if depth else 0
    for lock in list(_locks):
        lock.renew()
    for renew in _renewals:
        renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: _gate.before(), after_in_parent=lambda: _gate.after(), after_in_child=_in_child)
