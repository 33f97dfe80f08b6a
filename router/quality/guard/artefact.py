"""The guard's artefact: how far photographs go, so that limits mean something. `guard.json`, named by its own SHA-256.

Per measure and target, the value that one photograph in four exceeds (`typical`) and the scale of the tail beyond it
(`spread`): (value - typical) / spread is comparable over measures and targets. The largest of these in a photograph, the
measures taken together, has the quantiles `levels`: that is the family-wise rule, so that a quantile of 0.99 refuses one
photograph in a hundred, and not one in a hundred for each measure.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from router.artefacts import GUARDS
from router.artefacts.bundle import vouch
from router.artefacts.manifest import ArtefactType, HashedManifest
from router.errors import ArtefactError
from router.quality.guard.levels import QUANTILES
from router.quality.guard.measure import ATTENUATED, MEASURES, MEASURES_VERSION
from router.reasons import ReasonCode

SCHEMA_VERSION: Final = 2
FILE = "guard.json"
SHIPPED = GUARDS
MOST_DOUBLINGS = 6
"""Limits stop growing at 64 times the area of the photographs that they were calibrated on."""
LEAST = {"tile": 0.02, "colour": 1.0, "edges": 0.2, "lines": 0.2, "detail": 0.5, "added": 0.6, "faded": 0.02}
"""No limit is below these, by the first word of a measure: differences of about half an 8-bit step, which nobody sees."""
_TYPE = ArtefactType("guard", FILE, SCHEMA_VERSION, "fit the guard again: python -m training.guard.fit", largest=1 << 20)
_STRICT = ConfigDict(extra="forbid", frozen=True)

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MeasureScale(BaseModel):
    """One measure, by target."""

    model_config = _STRICT
    typical: tuple[FiniteFloat, ...]
    spread: tuple[Positive, ...]


class GuardCalibration(HashedManifest):
    """`guard.json`.

    Attributes:
        measures_version: of the measurements that it was made with (`measure.MEASURES_VERSION`).
        model, model_sha256: the neural model whose results it was made with.
        targets: SSIMULACRA2, rising; nothing gets stricter below the first or above the last.
        quantiles: rising.
        levels: by quantile: of the largest standardised value in a photograph, at any target.
        pixels: area that photographs had.
        growth: by target: how much a level rises when the area doubles: more tiles, a worse worst tile. Not for shares of the
            whole image.
        photographs: by target: how many reached it.
    """

    schema_version: Literal[2]
    guard_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    measures_version: int
    model: str
    model_sha256: str
    targets: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]
    quantiles: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=2)]
    measures: dict[str, MeasureScale]
    levels: tuple[FiniteFloat, ...]
    pixels: Positive
    growth: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...]
    photographs: tuple[int, ...]
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        count = len(self.targets)
        columns = [self.growth, self.photographs]
        columns += [row for scale in self.measures.values() for row in (scale.typical, scale.spread)]
        if any(len(column) != count for column in columns) or len(self.levels) != len(self.quantiles):
            raise ValueError("tables of different lengths")
        if any(b < a for row in (self.targets, self.quantiles, self.levels) for a, b in pairwise(row)):
            raise ValueError("targets, quantiles and levels must rise")
        return self

    def limits(self, names: tuple[str, ...], target: float | None, quantile: float, pixels: int) -> NDArray[np.float32]:
        """One limit for each measure in `names`. It never rises with the target: what may pass at one may pass at any lower one.

        Args:
            target: SSIMULACRA2; None for the lowest that it was calibrated at, where the most is allowed.
            quantile: share of photographs that pass.
            pixels: area that is looked at.
        """
        at = self.targets[0] if target is None else target
        depth = [-math.log1p(-q) for q in self.quantiles]
        low, high = QUANTILES
        level = float(np.interp(-math.log1p(-min(max(quantile, low), high)), depth, self.levels))
        growth = min(max(0.0, math.log2(pixels / self.pixels)), MOST_DOUBLINGS) * np.array(self.growth)
        found = []
        for name in names:
            scale = self.measures[name]
            raised = level + (0.0 if MEASURES.index(name) in ATTENUATED else growth)
            calibrated = np.array(scale.typical) + raised * np.array(scale.spread)
            falling = np.maximum.accumulate(calibrated[::-1])[::-1]
            found.append(max(float(np.interp(at, self.targets, falling)), LEAST[name.partition("-")[0]]))
        return np.array(found, np.float32)


def write(folder: Path, calibration: GuardCalibration) -> GuardCalibration:
    """Write it into `folder` (made if missing) and return it with its hash filled in."""
    return _TYPE.write(folder, calibration)


def read(folder: Path) -> GuardCalibration:
    """Read and verify. Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for a newer schema)."""
    return _TYPE.read_manifest(folder, GuardCalibration)


@cache
def calibration_for(model: str | None) -> GuardCalibration:
    """The shipped calibration made with this model; for another one, or None, the last by id.

    Raises ArtefactError where there is none, or one that cannot be used may have been the one.
    """
    known: list[GuardCalibration] = []
    problem: ArtefactError | None = None
    for folder in sorted(file.parent for file in SHIPPED.glob(f"*/{FILE}")):
        try:
            known.append(shipped(folder))
        except ArtefactError as error:
            problem = problem or error
    found = next((c for c in known if c.model == model), None)
    if found is None and problem is not None:
        raise problem
    if not known:
        raise ArtefactError("no guard calibration is installed", code=ReasonCode.ARTEFACT_DAMAGED, hint="Reinstall codec-router")
    return found or known[-1]


def shipped(folder: Path) -> GuardCalibration:
    """One of those that ship, made for this build's measurements and named by the bundle. Raises ArtefactError."""
    calibration = read(folder)
    if calibration.measures_version != MEASURES_VERSION or set(calibration.measures) != set(MEASURES):
        raise _TYPE.damaged(folder, "made for other measurements than this build's")
    vouch("guards", calibration.sha256, calibration.guard_id, folder.name)
    return calibration
