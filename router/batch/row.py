"""What became of one image: a flat row, JSON-able, for journal, summary and `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from router.batch.task import Task
from router.quality.target import SIZE_METRICS
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.record import RunRecord


class State(StrEnum):
    """What was done with a source in this run."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Done before, for the same source and the same options."""
    FAILED_BEFORE = "failed before"
    """Failed before, for the same source and the same options, and not asked to be tried again."""


@dataclass(frozen=True)
class Row:
    """One image of a run.

    Attributes:
        name: of the source, below the folder that was named.
        state: what became of it.
        operation: "compress" or "decompress".
        source: path of the source; absolute in the journal.
        source_state: size and modification time of the source, see `Task`.
        options: key of the options that it was done with, see `Options.key`.
        output: path written, relative to the output folder; "" where nothing was.
        lane, codec, rule: of the decision; "" where there was none.
        why: the reason in words.
        source_bytes, output_bytes: sizes; None where there is none.
        target, achieved: what was asked for and reached on the target's metric.
        p_value: of the detector, None where it was not asked.
        seconds: wall time of the whole image in its worker.
        code, message, hint: of the error of a failed image.
        exit_code: what `codec-router` would exit with for this image alone; 0 where it did not fail.
        details: JSON-able facts of the error.
        run: everything about a compression, for a log; None for other rows. Neither is part of `to_dict`, nor of the journal.
    """

    name: str
    state: State
    operation: str = "compress"
    source: str = ""
    source_state: str = ""
    options: str = ""
    output: str = ""
    lane: str = ""
    codec: str = ""
    rule: str = ""
    why: str = ""
    source_bytes: int | None = None
    output_bytes: int | None = None
    metric: str = ""
    target: float | None = None
    achieved: float | None = None
    p_value: float | None = None
    seconds: float = 0.0
    code: str = ""
    message: str = ""
    hint: str = ""
    exit_code: int = 0
    details: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    run: RunRecord | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; fields that say nothing are left out."""
        told = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name in KINDS)
        return {name: value for name, value in told if value is not None and value != ""}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Row:
        """From `to_dict`; unknown fields of later versions are ignored. Raises KeyError, ValueError or TypeError."""
        known = {name: document[name] for name in KINDS if name in document}
        for name, value in known.items():
            if not isinstance(value, KINDS[name]):
                raise TypeError(f"{name} of a row is not {value!r}")
        return cls(**{**known, "state": State(known["state"])})

    @property
    def miss(self) -> float | None:
        """How far a quality target was missed, in points of its metric; negative below it. None without one."""
        if self.achieved is None or self.target is None or self.metric in SIZE_METRICS:
            return None
        return self.achieved - self.target


_IN_JSON: dict[str, tuple[type, ...]] = {"str": (str,), "State": (str,), "int": (int,), "int | None": (int,)}
KINDS = {f.name: _IN_JSON.get(str(f.type), (int, float)) for f in fields(Row) if f.name not in ("details", "run")}
"""What each field may be in JSON."""


def failed(task: Task, code: ReasonCode, message: str, hint: str = "", exit_code: int = 1) -> Row:
    """The row of an image that was not finished."""
    return Row(
        task.name,
        State.FAILED,
        source=task.source,
        source_state=task.state,
        code=str(code),
        message=message,
        hint=hint,
        exit_code=exit_code,
    )
