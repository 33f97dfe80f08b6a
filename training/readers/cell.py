"""One file of the grid, and what reading it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from router.errors import RouterError
from router.images.read import read
from router.reasons import ReasonCode

Verdict = Literal["right", "refused", "called damaged", "wrong"]


@dataclass(frozen=True)
class Cell:
    """A file and the pixels it means.

    Attributes:
        format: table to which it belongs.
        axes: what was varied, by name.
        make: the file's bytes.
        expected: (H, W, C) uint8 or uint16 as `read` has to give them; None where no such pixels say the same: to be refused.
        tolerance: largest difference that a lossy decoder may have.
        witness: what another library reads from the bytes, in the form of `samples`; raises where it cannot.
        samples: what `witness` has to find.
        slack: as `tolerance`, for the witness.
    """

    format: str
    axes: dict[str, str]
    make: Callable[[], bytes]
    expected: NDArray[Any] | None
    tolerance: int = 0
    witness: Callable[[bytes], NDArray[Any]] | None = None
    samples: NDArray[Any] | None = None
    slack: int = 0

    @property
    def name(self) -> str:
        """All that was varied, in one line."""
        return f"{self.format}: " + ", ".join(f"{axis} {value}" for axis, value in self.axes.items())


@dataclass(frozen=True)
class CellResult:
    """What came of a cell: the verdict, the refusal's code and words or what is wrong, and whether the witness agreed."""

    cell: Cell
    verdict: Verdict
    why: str = ""
    witnessed: bool | None = field(default=None)


def check(cell: Cell, *, witness: bool = True) -> CellResult:
    """Read one cell. "wrong" is any other pixel, an untyped exception, and pixels where none are right."""
    data = cell.make()
    witnessed = _witnessed(cell, data) if witness else None
    try:
        pixels = read(data).pixels
    except RouterError as error:
        verdict: Verdict = "called damaged" if error.code == ReasonCode.DAMAGED_IMAGE else "refused"
        return CellResult(cell, verdict, f"{error.code}: {error.message}", witnessed)
    except Exception as error:
        return CellResult(cell, "wrong", f"untyped {error!r}", witnessed)
    if cell.expected is None:
        return CellResult(cell, "wrong", f"read as {pixels.dtype} {pixels.shape}, though no such pixels say the same", witnessed)
    if pixels.shape != cell.expected.shape or pixels.dtype != cell.expected.dtype:
        why = f"{pixels.dtype} {pixels.shape} instead of {cell.expected.dtype} {cell.expected.shape}"
        return CellResult(cell, "wrong", why, witnessed)
    worst = _distance(pixels, cell.expected)
    if worst > cell.tolerance:
        return CellResult(cell, "wrong", f"differs by up to {worst}", witnessed)
    return CellResult(cell, "right", "", witnessed)


def _witnessed(cell: Cell, data: bytes) -> bool | None:
    if cell.witness is None or cell.samples is None:
        return None
    try:
        seen = cell.witness(data)
    except Exception:
        return None
    if seen.shape != cell.samples.shape:
        return False
    if np.issubdtype(seen.dtype, np.floating):
        return bool(np.array_equal(seen, cell.samples, equal_nan=True))
    return _distance(seen, cell.samples) <= cell.slack


def _distance(a: NDArray[Any], b: NDArray[Any]) -> int:
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0))
