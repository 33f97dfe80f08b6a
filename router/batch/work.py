"""One image in one process: a task and options in, a file and a row out. Nothing is shared but the models of the process."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from router.batch.placing import Permit, place
from router.batch.row import Row, State, failed
from router.batch.task import Task
from router.errors import RouterError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.batch.options import Options
    from router.encoded import EncodedImage
    from router.routing.router import Router

BUG_HINT = "This is a bug in codec-router: please report it"


def timed(task: Task, work: Callable[[], Row]) -> Row:
    """The row of `work` with its wall time; an error becomes the row."""
    began = time.perf_counter()
    try:
        row = work()
    except RouterError as error:
        row = replace(failed(task, error.code, error.told, error.hint, error.exit_code), details=error.details)
    except MemoryError:
        row = failed(task, ReasonCode.OUT_OF_MEMORY, "not enough memory for this image")
    except Exception as error:
        row = failed(task, ReasonCode.INTERNAL_ERROR, f"{type(error).__name__}: {error}", BUG_HINT)
    return replace(row, seconds=round(time.perf_counter() - began, 3))


def compress_one(task: Task, options: Options, key: str, permit: Permit) -> Row:
    """Compress one source and write its output; errors become the row. `key`: of `options`."""

    def work() -> Row:
        encoded = _router(_Once(key, options)).compress(task.source, **(options.arguments or {}))
        written = place(encoded.data, encoded.path_for(Path(task.destination)), encoded.suffix, task, permit)
        return _row(task, encoded, written)

    return timed(task, work)


def _row(task: Task, encoded: EncodedImage, written: Path) -> Row:
    record, run = encoded.record, encoded.run
    stated = next((r.detail for r in record.reasons if r.code in ("RULE_MATCHED", "RULE_ERROR")), "")
    return Row(
        task.name,
        State.DONE,
        source=task.source,
        source_state=task.state,
        output=str(written),
        lane=record.lane,
        codec=record.codec,
        rule="" if record.policy is None else record.policy.rule,
        why=stated or ("forced by the caller" if record.policy is None else record.policy.rule),
        source_bytes=run.source_bytes,
        output_bytes=run.output_bytes,
        metric="" if record.target is None else record.target.metric,
        target=None if record.target is None else record.target.value,
        achieved=None if record.target is None else record.target.achieved,
        p_value=None if record.scores is None else record.scores.p_value,
        run=run,
    )


class _Once:
    """Options that are equal when their keys are: what a process keeps its router by."""

    def __init__(self, key: str, options: Options) -> None:
        self.key = key
        self.options = options

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@functools.lru_cache(maxsize=2)
def _router(once: _Once) -> Router:
    from router.routing.router import Router

    return Router(once.options.policy, detector=once.options.detector, limits=once.options.limits)
