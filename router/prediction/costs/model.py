"""The cost model: seconds as a function of megapixels for each thing that coding does, with the error that was seen.

Every cost is a fixed part and a part per megapixel. Codecs, metrics and the guard walk over pixels or blocks with a context of
bounded size, so their time grows with the area; what does not (headers, tables, buffers, the first call of a library) is the
fixed part. Large pictures leave the caches, and their arrays are fetched from the system anew each time: from KNOT megapixels
on, the slope is another, never smaller one. Content changes the slopes, which is what the band is for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from router.errors import ArtefactError
from router.reasons import ReasonCode

SCHEMA_VERSION = 2
"""2: slopes above KNOT. Measurements of version 1 are made again."""
KNOT = 1.0
"""Megapixels at which slopes may change."""
CODEC, SCORE, GUARD = "codec", "score", "guard"
"""Kinds of entries."""
PARTS = {CODEC: ("setup", "encode", "decode"), SCORE: ("reference", "score"), GUARD: ("check",)}
"""What is measured apart: `setup` and `reference` are paid once an image, `encode`, `decode` and `score` for each setting."""


@dataclass(frozen=True)
class CostLine:
    """A cost of `fixed` + `per_megapixel` * MP seconds, with the slope `beyond` above KNOT MP.

    Nothing is negative, so a larger picture never costs less. `beyond`: by default as below.
    """

    fixed: float
    per_megapixel: float
    beyond: float = -1.0

    def __post_init__(self) -> None:
        if self.beyond < 0:
            object.__setattr__(self, "beyond", self.per_megapixel)

    def at(self, megapixels: float) -> float:
        """Seconds."""
        return self.fixed + self.per_megapixel * min(megapixels, KNOT) + self.beyond * max(0.0, megapixels - KNOT)


@dataclass(frozen=True)
class Band:
    """Real / predicted time: nine of ten measurements lay between `low` and `high`."""

    low: float
    high: float

    @classmethod
    def of_sum(cls, costs: Sequence[tuple[float, Band]]) -> Band:
        """The band of a sum of (seconds, band).

        It is taken as if all were late, or early, together, which makes it rather too wide.
        """
        total = sum(seconds for seconds, _ in costs)
        if total <= 0:
            return cls(1.0, 1.0)
        return cls(sum(s * band.low for s, band in costs) / total, sum(s * band.high for s, band in costs) / total)


@dataclass(frozen=True)
class CostEntry:
    """What one codec in one configuration, one metric or one guard level costs.

    Attributes:
        kind: CODEC, SCORE or GUARD.
        name: codec id; metric; "fast" or "full" (`strict` looks at every tile too, and costs as `full`).
        settings: the codec's whole configuration but for the setting that the search turns; empty for the others.
        parts: by the names in PARTS.
        band: of the sum of the parts.
        samples: how many timings it stands on.
        megapixels: the largest picture measured; beyond it the line is continued.
        versions: libraries, and the hash of a model, that it was measured with. Others make it void.
        threads: of torch, where torch does the work; else None.
    """

    kind: str
    name: str
    settings: Mapping[str, Any]
    parts: Mapping[str, CostLine]
    band: Band
    samples: int
    megapixels: float
    versions: Mapping[str, str]
    threads: int | None = None

    def at(self, megapixels: float) -> float:
        """Seconds for every part once."""
        return sum(line.at(megapixels) for line in self.parts.values())

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about, hashable."""
        return entry_key(self.kind, self.name, self.settings)


def entry_key(kind: str, name: str, settings: Mapping[str, Any]) -> tuple[str, str, str]:
    """Kind, name and settings as one hashable value."""
    return kind, name, json.dumps(dict(settings), sort_keys=True, default=str)


@dataclass(frozen=True)
class Machine:
    """What times depend on besides versions: processor, the CPUs this process may use, and the thread count it was told.

    `omp_threads` is OMP_NUM_THREADS, "" where it is not set.
    """

    processor: str
    architecture: str
    cpus: int
    omp_threads: str


@dataclass(frozen=True)
class CostModel:
    """Everything measured on one machine.

    Attributes:
        machine: where.
        measured_at: ISO date and time of the last measurement.
        start_up: seconds that a process pays once before its first neural encoding: importing torch, loading weights.
        waiting: median of wall time / CPU time of what runs on one thread. Much above 1: other processes had the CPU, and all
            times are as much too long.
        entries: no two with one key.
    """

    machine: Machine
    measured_at: str
    start_up: float
    waiting: float
    entries: tuple[CostEntry, ...] = field(default=())

    def find(self, kind: str, name: str, settings: Mapping[str, Any] | None = None) -> CostEntry | None:
        """The entry of exactly this configuration."""
        key = entry_key(kind, name, settings or {})
        return next((e for e in self.entries if e.key == key), None)

    def to_json(self) -> str:
        """Content of the file; `from_json` gives an equal model."""
        return _document(self).model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> CostModel:
        """Parse and check. Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for another schema)."""
        try:
            found = _Version.model_validate_json(text)
        except ValidationError as error:
            raise _damaged("no cost model") from error
        if found.schema_version != SCHEMA_VERSION:
            raise ArtefactError(
                f"the cost model has schema version {found.schema_version}, this build reads {SCHEMA_VERSION}",
                code=ReasonCode.UNSUPPORTED_VERSION,
                hint=REMEDY,
            )
        try:
            model = _Document.model_validate_json(text).model()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise _damaged(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:120]) from error
        if len({e.key for e in model.entries}) < len(model.entries):
            raise _damaged("an entry stands twice")
        return model


REMEDY = "Measure again: codec-router models benchmark"


def _damaged(what: str) -> ArtefactError:
    return ArtefactError(f"the cost model cannot be used: {what}", code=ReasonCode.ARTEFACT_DAMAGED, hint=REMEDY)


_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Version(BaseModel):
    model_config = ConfigDict(strict=True)

    schema_version: int


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)

    kind: Literal["codec", "score", "guard"]
    name: str
    samples: int
    megapixels: _Seconds
    threads: int | None
    settings: dict[str, Any]
    seconds: dict[str, tuple[_Seconds, _Seconds, _Seconds]]
    band: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=1, allow_inf_nan=False)]]
    versions: dict[str, str]

    @model_validator(mode="after")
    def _all_parts(self) -> Self:
        if set(self.seconds) != set(PARTS[self.kind]):
            raise ValueError(f"parts {sorted(self.seconds)}")
        return self

    def entry(self) -> CostEntry:
        values = dict(self)
        parts = {name: CostLine(*line) for name, line in values.pop("seconds").items()}
        return CostEntry(**{**values, "band": Band(*self.band)}, parts=parts)


class _Document(BaseModel):
    """The file. Lines are lists of their three numbers."""

    model_config = ConfigDict(strict=True)

    schema_version: int
    machine: Machine
    measured_at: str
    start_up_seconds: _Seconds
    waiting: _Seconds
    entries: list[_Entry]

    def model(self) -> CostModel:
        entries = tuple(entry.entry() for entry in self.entries)
        return CostModel(self.machine, self.measured_at, self.start_up_seconds, self.waiting, entries)


def _document(model: CostModel) -> _Document:
    return _Document(
        schema_version=SCHEMA_VERSION,
        machine=model.machine,
        measured_at=model.measured_at,
        start_up_seconds=model.start_up,
        waiting=model.waiting,
        entries=[
            _Entry(
                **{name: getattr(e, name) for name in ("kind", "name", "samples", "megapixels", "threads")},
                settings=dict(e.settings),
                seconds={name: (line.fixed, line.per_megapixel, line.beyond) for name, line in e.parts.items()},
                band=(e.band.low, e.band.high),
                versions=dict(e.versions),
            )
            for e in model.entries
        ],
    )
