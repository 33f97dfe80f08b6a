"""What is written down about a decision.

`DecisionRecord` travels inside the output, whole or in short, and is deterministic; `RunRecord` goes to the log only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from router.errors import StreamError
from router.reasons import ReasonCode

SCHEMA_VERSION = 1
MAX_BYTES = 4096
"""Largest record that is embedded; counted in the bytes that are reported."""
RecordForm = Literal["full", "short", "none"]
"""How much of the decision travels in the file. The log has all of it, whatever this says."""
RECORD_RESERVE: dict[RecordForm, int] = {"full": 1536, "short": 160, "none": 0}
"""Bytes that a usual record takes in a file, its packaging included."""
SHORT_BYTES = 120
"""Longest short record, its packaging not counted: that takes at most 40 bytes."""
HASH_PREFIX = 16
"""Hex digits of the source's hash in a short record."""

_SHORT = "cr1"
_LONGEST_SHORT = 1024
"""Bytes of a short record that are read; later versions may write longer ones."""

_PATH = re.compile(r"""(?<![\w.<])(?:~?/|[A-Za-z]:[\\/]|\\\\)[^\s'"<>|,;()].*""", re.DOTALL)
_NOT_IN_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def _without_paths(text: str) -> str:
    """The text up to an absolute path: our own words name none, and where somebody else's path ends nobody can tell."""
    return _PATH.sub("<path>", text)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordedReason(_Frozen):
    """Why something was chosen, skipped or given up."""

    code: str
    lane: str | None = None
    codec: str | None = None
    detail: str = ""

    @field_validator("detail")
    @classmethod
    def _without_paths(cls, detail: str) -> str:
        return _without_paths(detail)


class RecordedPolicy(_Frozen):
    """The policy that decided: name, SHA-256 of its canonical form, the rule that matched.

    A short record has no hash, and where names are long no name.
    """

    name: str | None = None
    sha256: str | None = None
    rule: str


class RecordedScores(_Frozen):
    """The detector's scores, where a rule read them."""

    detector: str
    ood_score: float
    p_value: float
    in_distribution: bool


class RecordedTarget(_Frozen):
    """What was asked for and what was reached on the same metric.

    `outcome`: `within` the tolerance; `cheapest`, off by more, but the codec has no cheaper setting that reaches the target (for
    a size: no larger one that fits); `beyond`, it reaches it, and something cheaper may too. None where nothing was searched.
    """

    metric: str
    value: float
    achieved: float | None = None
    outcome: str | None = None


class RecordedTile(_Frozen):
    """The tile that was worst against its limit: what was measured there, and where it is, in px of the upright image.

    The guard's `WorstTile` as files hold it: a class of its own, so that files do not change when the guard does.
    """

    measure: str
    value: float
    limit: float
    x: int
    y: int
    width: int
    height: int


class RecordedGuard(_Frozen):
    """The check after encoding. `arithmetic` names how the guard decoded; `calibration` and `quantile`, which limits held."""

    level: str
    passed: bool
    code: str
    measured: dict[str, float | bool] = Field(default_factory=dict)
    arithmetic: str = "exact"
    calibration: str | None = None
    quantile: float | None = None
    worst: RecordedTile | None = None


class RecordedRefusal(_Frozen):
    """A finished result that was not released: the guard refused it, or at level `strict` a classical one was better."""

    lane: str
    codec: str
    code: str
    bytes: int
    achieved: float | None = None
    worst: RecordedTile | None = None


class Migration(_Frozen):
    """The `.ncr` file that a standard file was migrated from, and its own decision record, whole.

    Attributes:
        model, weights_sha256, rate_index, format, arithmetic: what decoded it, and how.
        file_sha256: of the `.ncr` file.
        pixels_sha256: of what it decoded to, which the migrated file was compared with. `record` holds that of the day it was
            written, decoded in floating point, where two machines may differ (see `as_recorded`).
        record: its decision record, None if it had none.
        record_sha256: of that record's bytes. It is the hash of `record.to_json()` unless the record had to be cut to fit.
    """

    model: str
    weights_sha256: str
    rate_index: int
    format: int
    arithmetic: str
    file_sha256: str
    pixels_sha256: str
    record: DecisionRecord | None = None
    record_sha256: str | None = None

    @property
    def as_recorded(self) -> bool | None:
        """Whether the `.ncr` file decoded to the very pixels that its record names.

        None where that cannot be told: it names none, or those of another arithmetic.
        """
        record = self.record
        if record is None or record.pixels_sha256 is None or record.guard is None or record.guard.arithmetic != self.arithmetic:
            return None
        return record.pixels_sha256 == self.pixels_sha256


class DecisionRecord(_Frozen):
    """Evidence of one decision: never paths, times, hosts, nor context the policy does not list. Not signed.

    In a migrated file everything is about that file, compared with what the `.ncr` file decoded to, except `source_sha256`: that
    stays the hash of the first source. The decision on that source is `migrated_from.record`.

    A record read from a file that carries the short form has `form` "short": `lane`, `codec`, the policy's name and rule, the
    model in `settings`, and `source_sha256_prefix` (16 hex digits); all else is None or empty.
    """

    schema_version: Literal[1] = 1
    form: Literal["full", "short"] = "full"
    software: str | None = None
    lane: str
    codec: str
    settings: dict[str, Any] = Field(default_factory=dict)
    policy: RecordedPolicy | None = None
    reasons: tuple[RecordedReason, ...] = ()
    scores: RecordedScores | None = None
    target: RecordedTarget | None = None
    guard: RecordedGuard | None = None
    refused: tuple[RecordedRefusal, ...] = ()
    bundle: str | None = None
    context: dict[str, str | int | float | bool] = Field(default_factory=dict)
    source_sha256: str | None = None
    source_sha256_prefix: str | None = None
    pixels_sha256: str | None = None
    migrated_from: Migration | None = None

    @field_validator("settings")
    @classmethod
    def _without_paths(cls, settings: dict[str, Any]) -> dict[str, Any]:
        # Those of a plug-in's codec are its own affair; what they say of this machine's folders stays on it.
        return {k: _without_paths(v) if isinstance(v, str) else _as_json(v) for k, v in settings.items()}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.form == "full" and (self.software is None or self.source_sha256 is None):
            raise ValueError("a full record names the software and the source's hash")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `form` where it is full: the field is younger than records."""
        data: dict[str, Any] = plain(self)
        if self.form == "full":
            data.pop("form", None)
            data.pop("source_sha256_prefix", None)
        return data

    def to_short(self) -> bytes:
        """The short form: a JSON list of texts in ASCII, at most SHORT_BYTES bytes.

        `["cr1", lane, codec, "policy/rule", model, prefix of the source's SHA-256]`. What is not known is empty; of what is too
        long, the policy's name goes first, then the ends of rule, model and codec (a `~` stands there).
        """
        policy, model = self.policy, self.settings.get("model")
        rule = "" if policy is None else policy.rule
        named = f"{policy.name}/{rule}" if policy is not None and policy.name else rule
        prefix = (self.source_sha256 or self.source_sha256_prefix or "")[:HASH_PREFIX]
        fields = [_SHORT, self.lane, self.codec, named, model if isinstance(model, str) else "", prefix]
        if len(_short(fields)) > SHORT_BYTES:
            fields[3] = rule
        for index in (3, 4, 2):
            while len(written := _short(fields)) > SHORT_BYTES and len(fields[index]) > 1:
                # An escaped character takes up to 12 bytes; a plain one 1.
                cut = max(2, (len(written) - SHORT_BYTES) // 12 + 1)
                fields[index] = fields[index][:-cut] + "~"
        return _short(fields)

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON, keys sorted, empty fields left out; at most MAX_BYTES, see `fitted`."""
        return self.fitted()._json()

    def fitted(self) -> DecisionRecord:
        """The same record, or one of at most MAX_BYTES.

        First the details of reasons go, then refused results from the end, then reasons likewise, then context values from the
        last key on, then settings; then, in the same order, those of the record that a migration kept.
        """
        return next((r for r in self._smaller() if len(r._json()) <= MAX_BYTES), self)

    def _smaller(self) -> Iterator[DecisionRecord]:
        yield self
        record = self.model_copy(update={"reasons": tuple(r.model_copy(update={"detail": ""}) for r in self.reasons)})
        yield record
        for count in reversed(range(len(record.refused))):
            record = record.model_copy(update={"refused": record.refused[:count]})
            yield record
        for count in reversed(range(len(record.reasons))):
            record = record.model_copy(update={"reasons": record.reasons[:count]})
            yield record
        keys = sorted(record.context)
        for count in reversed(range(len(keys))):
            record = record.model_copy(update={"context": {k: record.context[k] for k in keys[:count]}})
            yield record
        record = record.model_copy(update={"settings": {}})
        yield record
        if self.migrated_from is not None and self.migrated_from.record is not None:
            for original in self.migrated_from.record._smaller():
                kept = self.migrated_from.model_copy(update={"record": original})
                yield record.model_copy(update={"migrated_from": kept})

    def _json(self) -> bytes:
        return _dump(_prune(_finite(self.model_dump(mode="json"))))

    @classmethod
    def from_json(cls, data: bytes) -> DecisionRecord:
        """Parse and validate either form. Raises StreamError (DAMAGED_RECORD, UNSUPPORTED_VERSION)."""
        try:
            document = json.loads(data)
            if isinstance(document, list):
                return cls._from_short(document, len(data))
            version = document.get("schema_version") if isinstance(document, dict) else None
            if isinstance(version, int) and version > SCHEMA_VERSION:
                raise StreamError(
                    f"the decision record has schema version {version}, this reader knows {SCHEMA_VERSION}",
                    code=ReasonCode.UNSUPPORTED_VERSION,
                    hint="Update codec-router",
                )
            return cls.model_validate(document)
        except StreamError:
            raise
        except (ValueError, RecursionError, ValidationError) as error:
            raise StreamError("the decision record cannot be read", code=ReasonCode.DAMAGED_RECORD) from error

    @classmethod
    def _from_short(cls, fields: list[Any], size: int) -> DecisionRecord:
        """Raises ValueError, StreamError (UNSUPPORTED_VERSION)."""
        if size > _LONGEST_SHORT or not fields or not all(isinstance(f, str) for f in fields):
            raise ValueError("a short record is a short list of texts")
        if fields[0] != _SHORT and re.fullmatch(r"cr[0-9]{1,3}", fields[0]):
            raise StreamError(
                f"the short decision record is of a later version ({fields[0]}), this reader knows {_SHORT}",
                code=ReasonCode.UNSUPPORTED_VERSION,
                hint="Update codec-router",
            )
        mark, lane, codec, named, model, prefix = fields
        if mark != _SHORT or not lane or not codec or not re.fullmatch(r"[0-9a-f]{0,64}", prefix):
            raise ValueError("a short record without its fields")
        policy, _, rule = named.rpartition("/")
        return cls(
            form="short",
            lane=lane,
            codec=codec,
            settings={"model": model} if model else {},
            policy=RecordedPolicy(name=policy or None, rule=rule) if rule else None,
            source_sha256_prefix=prefix or None,
        )


class Attempt(_Frozen):
    """One codec that was tried or passed over, with what it cost.

    Attributes:
        seconds: wall time that it took; at guard level `strict`, the classical baseline of a neural result included.
        predicted_seconds: what it was expected to take, None where costs are not known; of a codec that was passed over for
            that, what one encoding would have taken.
        predicted_encodings: how many encodings that counts.
        predicted_band: nine times of ten, the real time of that many encodings lies between these.
        left_seconds: what was left of the budget when its turn came; None without one.
    """

    lane: str
    codec: str
    outcome: str
    detail: str = ""
    bytes: int | None = None
    encodings: int = 0
    seconds: float = 0.0
    predicted_seconds: float | None = None
    predicted_encodings: float | None = None
    predicted_band: tuple[float, float] | None = None
    left_seconds: float | None = None


class RunRecord(_Frozen):
    """One line of the log: the decision record and everything about the run that must not travel with the output.

    `costs` says whether this machine's costs were known, and if not why.
    """

    record: DecisionRecord
    source: str | None = None
    source_bytes: int | None = None
    output_bytes: int
    seconds: dict[str, float]
    attempts: tuple[Attempt, ...]
    rules: tuple[dict[str, Any], ...] = ()
    inputs: dict[str, Any] = Field(default_factory=dict)
    costs: dict[str, Any] = Field(default_factory=dict)
    host: str
    started_at: str

    def to_json(self) -> str:
        """One line of JSON, always valid Unicode: bytes of a path that are no UTF-8 become escapes, what is not finite null."""
        text = json.dumps(_finite(self.model_dump(exclude_none=True)), ensure_ascii=False, separators=(",", ":"), default=str)
        # Lone surrogates stand for such bytes; their backslash form is their JSON escape.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def record_json_schema() -> dict[str, Any]:
    """JSON Schema of the embedded record."""
    return DecisionRecord.model_json_schema()


_DATA = ("context", "settings", "measured")
"""Fields whose own entries are data: an empty text there says something."""


def _short(fields: list[str]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if v is not None and v != "" and v != {} and v != []}
        return {k: v if k in _DATA else _prune(v) for k, v in kept.items()}
    if isinstance(value, list):
        return [_prune(v) for v in value]
    return value


def _finite(value: Any) -> Any:
    """The same document with None for every number that JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _as_json(value: Any) -> Any:
    """The value if JSON can hold it, else the name of its type: a plug-in's configuration must not cost the image."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def _dump(document: Any) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # What XML cannot hold would make the whole packet unreadable; outside strings JSON has no such characters.
    return _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8")
