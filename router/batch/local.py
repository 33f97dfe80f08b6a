"""The engine of one machine: worker processes with one thread each, that load their models once.

Pebble keeps the processes: a worker that dies (a crash in a decoder, the kernel's out-of-memory killer) or overruns its time
costs its own image only, and the others go on. Workers are spawned and not forked: a fork of a process with threads may hang.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context, parent_process
from typing import TYPE_CHECKING, NoReturn

from router.batch.row import Row, failed
from router.batch.task import Task
from router.files import leftovers
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from pebble import ProcessPool

AHEAD = 2
"""Tasks a worker has waiting, so that none idles while rows are written down."""
_PATIENCE = 0.5
"""Seconds after which it is asked again whether to stop."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Work = Callable[[Task], Row]
"""Picklable: a function of a module, or a `functools.partial` of one."""


@dataclass(frozen=True)
class LocalEngine:
    """`jobs` worker processes; `timeout`: seconds that one image may take, None for any."""

    jobs: int
    timeout: float | None = None

    def run(
        self,
        tasks: Iterable[Task],
        work: Work,
        stopping: Callable[[], bool] = lambda: False,
        on_begin: Callable[[Task], None] = lambda task: None,
    ) -> Iterator[Row]:
        """Rows as images are finished, in no order. Tasks are drawn as workers get free: they may be endless.

        `on_begin` is told which image a worker has begun, soon after.

        Once `stopping` says so, no further task is drawn; what is in flight is finished. Where the caller gives up the iterator,
        or an exception passes through it, the workers are stopped at once. Should this process be killed, they end by themselves.
        """
        source = iter(tasks)
        running: dict[Future[Row], Task] = {}
        begun: set[Future[Row]] = set()
        pool = self._pool()

        def start(task: Task) -> None:
            nonlocal pool
            try:
                future = self._scheduled(pool, work, task)
            except RuntimeError:  # the pool broke since its last future was looked at
                pool = self._after(pool)
                future = self._scheduled(pool, work, task)
            running[future] = task

        try:
            exhausted = False
            while True:
                while not exhausted and len(running) < self.jobs * AHEAD:
                    task = None if stopping() else next(source, None)
                    if task is None:
                        exhausted = True
                    else:
                        start(task)
                if not running:
                    pool.close()  # type: ignore[no-untyped-call]
                    return
                for future in running:
                    if future not in begun and future.running():
                        begun.add(future)
                        on_begin(running[future])
                finished, _ = wait(running, timeout=_PATIENCE, return_when=FIRST_COMPLETED)
                for future in finished:
                    task = running.pop(future)
                    begun.discard(future)
                    row = _result(future, task)
                    if row is None:
                        start(replace(task, again=True))
                    else:
                        yield row
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise
        finally:
            pool.join()

    def _pool(self) -> ProcessPool:
        from pebble import ProcessPool

        return ProcessPool(self.jobs, initializer=_prepare, context=get_context("spawn"))

    def _after(self, broken: ProcessPool) -> ProcessPool:
        """Another pool: a worker that dies while it takes a task, or begins, may take the channel of all with it."""
        broken.stop()  # type: ignore[no-untyped-call]
        broken.join()
        return self._pool()

    def _scheduled(self, pool: ProcessPool, work: Work, task: Task) -> Future[Row]:
        with _no_interrupts():  # workers, and the threads that start others, inherit that
            future: Future[Row] = pool.schedule(work, (task,), timeout=self.timeout)
        return future


def available_cpus() -> int:
    """CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _result(future: Future[Row], task: Task) -> Row | None:
    """The row; None where the worker died and the task has one more try."""
    from pebble import ProcessExpired

    try:
        return future.result()
    except FutureTimeoutError as error:
        seconds = error.args[1] if len(error.args) > 1 else "its"
        return failed(task, ReasonCode.TIMED_OUT, f"took longer than {seconds} seconds", "Raise --timeout", exit_code=4)
    except (ProcessExpired, BrokenProcessPool) as error:
        if not task.again:
            return None
        return failed(
            task,
            ReasonCode.WORKER_DIED,
            f"the worker process ended twice with code {getattr(error, 'exitcode', 'unknown')} on this image",
            "Its decoder crashed, or the system ran out of memory",
        )
    except Exception as error:  # what a worker could not send
        return failed(task, ReasonCode.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def _prepare() -> None:
    """In a new worker, before anything heavy is imported: one thread, and interrupts are the parent's business."""
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        # Not a handler: that would wait for the library call which the main thread is in.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_when_told() -> None:
    signal.sigwait({signal.SIGTERM})
    _end()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        _end()


def _end() -> NoReturn:
    leftovers.discard_all()
    os._exit(0)


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Within it, an interrupt waits: one from the keyboard goes to every process, and a worker has no handler at first."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
