"""What became of one image: a flat row, JSON-able, for journal, summary and `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from router.reasons import ReasonCode


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
    """

    name: str
    state: State
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; fields that say nothing are left out."""
        return {k: v for k, v in asdict(self).items() if v is not None and v != ""}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Row:
        """From `to_dict`; unknown fields of later versions are ignored. Raises KeyError, ValueError or TypeError."""
        known = {f.name: document[f.name] for f in fields(cls) if f.name in document}
        if not isinstance(known["name"], str):
            raise TypeError("a row's name is text")
        return cls(**{**known, "state": State(known["state"])})

    @property
    def miss(self) -> float | None:
        """How far a quality target was missed, in points of its metric; negative below it. None without a target."""
        return None if self.achieved is None or self.target is None else self.achieved - self.target


def failed(name: str, source_state: str, options: str, code: ReasonCode, message: str, hint: str = "", exit_code: int = 1) -> Row:
    """The row of an image that no worker could finish."""
    return Row(name, State.FAILED, source_state, options, code=str(code), message=message, hint=hint, exit_code=exit_code)
