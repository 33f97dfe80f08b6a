"""One image in one process: a task and options in, a file and a row out. Nothing is shared but the models of the process."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from router.batch.options import Options
from router.batch.row import Row, State, failed
from router.batch.task import Task
from router.errors import RouterError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.routing.encoded import EncodedImage
    from router.routing.router import Router

BUG_HINT = "This is a bug in codec-router: please report it"


def compress_one(task: Task, options: Options, key: str, overwrite: bool) -> Row:
    """Compress one source and write its output; errors become the row.

    `key`: of `options`. `overwrite`: also what no run wrote. The output gets the source's modification time.
    """
    began = time.perf_counter()
    try:
        encoded = _router(_Once(key, options)).compress(task.source, **(options.arguments or {}))
        written = _write(encoded, task, overwrite)
    except RouterError as error:
        row = failed(task.name, task.state, key, error.code, error.message, error.hint, error.exit_code)
    except MemoryError:
        row = failed(task.name, task.state, key, ReasonCode.TOO_MANY_PIXELS, "not enough memory for this image", exit_code=1)
    except Exception as error:
        row = failed(task.name, task.state, key, ReasonCode.INTERNAL_ERROR, f"{type(error).__name__}: {error}", BUG_HINT)
    else:
        return _row(task, key, encoded, written, time.perf_counter() - began)
    return row


def _write(encoded: EncodedImage, task: Task, overwrite: bool) -> Path:
    base = Path(task.destination)
    target = encoded.path_for(base)
    source = Path(task.source)
    # `a` and `a.png` in one folder may both want `a.png`: the one that is not called so gets its suffix once more.
    while target != base and source.with_name(target.name).is_file() and target.name != source.name:
        target = target.with_name(target.name + encoded.suffix)
    earlier = Path(task.replaces) if task.replaces else None
    written = encoded.save(target, overwrite=overwrite or target == earlier)
    if earlier is not None and earlier != written:
        earlier.unlink(missing_ok=True)
    times = source.stat()
    os.utime(written, ns=(times.st_atime_ns, times.st_mtime_ns))
    return written


def _row(task: Task, key: str, encoded: EncodedImage, written: Path, seconds: float) -> Row:
    record, run = encoded.record, encoded.run
    stated = next((r.detail for r in record.reasons if r.code in ("RULE_MATCHED", "RULE_ERROR")), "")
    return Row(
        task.name,
        State.DONE,
        task.state,
        key,
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
        seconds=round(seconds, 3),
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
