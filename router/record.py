"""What is written down: `DecisionRecord` travels inside the output and is deterministic; `RunRecord` goes to the log only."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router.errors import StreamError
from router.reasons import ReasonCode

SCHEMA_VERSION = 1
MAX_BYTES = 4096
"""Largest record that is embedded; counted in the bytes that are reported."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordedReason(_Frozen):
    """Why something was chosen, skipped or given up."""

    code: str
    lane: str | None = None
    codec: str | None = None
    detail: str = ""


class RecordedPolicy(_Frozen):
    """The policy that decided: name, SHA-256 of its canonical form, the rule that matched."""

    name: str
    sha256: str
    rule: str


class RecordedScores(_Frozen):
    """The detector's scores, where a rule read them."""

    detector: str
    ood_score: float
    p_value: float
    in_distribution: bool


class RecordedTarget(_Frozen):
    """What was asked for and what was reached on the same metric."""

    metric: str
    value: float
    achieved: float | None = None


class RecordedGuard(_Frozen):
    """The check after encoding. `arithmetic` names how the guard decoded."""

    level: str
    passed: bool
    code: str
    measured: dict[str, float | bool] = Field(default_factory=dict)
    arithmetic: str = "exact"


class DecisionRecord(_Frozen):
    """Evidence of one decision: never paths, times, hosts, nor context the policy does not list. Not signed."""

    schema_version: Literal[1] = 1
    software: str
    lane: str
    codec: str
    settings: dict[str, Any] = Field(default_factory=dict)
    policy: RecordedPolicy | None = None
    reasons: tuple[RecordedReason, ...] = ()
    scores: RecordedScores | None = None
    target: RecordedTarget | None = None
    guard: RecordedGuard | None = None
    bundle: str | None = None
    context: dict[str, str | int | float | bool] = Field(default_factory=dict)
    source_sha256: str
    pixels_sha256: str | None = None

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON, keys sorted, empty fields left out; at most MAX_BYTES.

        Details of reasons are shortened, then dropped from the end, where they would not fit.
        """
        document = _prune(self.model_dump(mode="json"))
        encoded = _dump(document)
        if len(encoded) <= MAX_BYTES:
            return encoded
        for reason in document.get("reasons", []):
            reason.pop("detail", None)
        while len(encoded := _dump(document)) > MAX_BYTES and document.get("reasons"):
            document["reasons"].pop()
        return encoded

    @classmethod
    def from_json(cls, data: bytes) -> DecisionRecord:
        """Parse and validate. Raises StreamError (DAMAGED_RECORD, UNSUPPORTED_VERSION)."""
        try:
            document = json.loads(data)
            version = document.get("schema_version") if isinstance(document, dict) else None
            if isinstance(version, int) and version > SCHEMA_VERSION:
                raise StreamError(
                    f"the decision record has schema version {version}, this reader knows {SCHEMA_VERSION}",
                    code=ReasonCode.UNSUPPORTED_VERSION,
                    hint="Update codec-router",
                )
            return cls.model_validate(document)
        except (ValueError, RecursionError, ValidationError) as error:
            raise StreamError("the decision record cannot be read", code=ReasonCode.DAMAGED_RECORD) from error


class Attempt(_Frozen):
    """One codec that was tried, with what it cost."""

    lane: str
    codec: str
    outcome: str
    detail: str = ""
    bytes: int | None = None
    encodings: int = 0
    seconds: float = 0.0


class RunRecord(_Frozen):
    """One line of the log: the decision record and everything about the run that must not travel with the output."""

    record: DecisionRecord
    source: str | None = None
    source_bytes: int | None = None
    output_bytes: int
    seconds: dict[str, float]
    attempts: tuple[Attempt, ...]
    rules: tuple[dict[str, Any], ...] = ()
    inputs: dict[str, Any] = Field(default_factory=dict)
    host: str
    started_at: str

    def to_json(self) -> str:
        """One line of JSON."""
        return self.model_dump_json(exclude_none=True)


def record_json_schema() -> dict[str, Any]:
    """JSON Schema of the embedded record."""
    return DecisionRecord.model_json_schema()


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _prune(v) for k, v in value.items() if v is not None and v != "" and v != {} and v != []}
    if isinstance(value, list):
        return [_prune(v) for v in value]
    return value


def _dump(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")
