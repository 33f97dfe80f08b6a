"""What the caller wants the output to reach: a quality on some metric, or a size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, cast

from router.codecs.options import shortened
from router.errors import UsageError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    import numpy as np

Number: TypeAlias = Union[float, "np.floating[Any]", "np.integer[Any]"]
"""A number of Python's or of NumPy's."""

MetricName = Literal["ssimulacra2", "psnr", "ms-ssim", "bpp", "max_bytes"]

_RANGES: dict[str, tuple[float, float]] = {
    "ssimulacra2": (0.0, 100.0),
    "psnr": (5.0, 100.0),
    "ms-ssim": (0.0, 1.0),
    "bpp": (1e-3, 64.0),
    "max_bytes": (1.0, 2.0**53),
}
SIZE_METRICS = frozenset({"bpp", "max_bytes"})
_TOLERANCES: dict[str, float] = {"ssimulacra2": 1.0, "psnr": 0.25, "ms-ssim": 0.001, "bpp": 0.0, "max_bytes": 0.0}

MAX_STEPS = 32
"""Encodings that a search may try, where nobody says otherwise."""


@dataclass(frozen=True)
class Target:
    """A value on a metric. Quality metrics are reached from above within `tolerance`; size metrics are upper bounds."""

    metric: MetricName
    value: float

    @property
    def is_size(self) -> bool:
        """Whether the target bounds the bytes instead of the quality."""
        return self.metric in SIZE_METRICS

    @property
    def tolerance(self) -> float:
        """How far below `value` a result still counts as reaching it, in the metric's unit."""
        return _TOLERANCES[self.metric]

    @property
    def floor(self) -> float:
        """Lowest accepted value of a quality metric."""
        return self.value - self.tolerance

    def max_bytes(self, width: int, height: int) -> int:
        """The size bound in bytes for an image; only for size targets."""
        return int(self.value if self.metric == "max_bytes" else self.value * width * height / 8)

    @classmethod
    def parse(cls, target: Target | Mapping[str, Any]) -> Target:
        """From {"metric": ..., "value": ...}; raises UsageError (BAD_ARGUMENT)."""
        if isinstance(target, Target):
            return cls._checked(target.metric, target.value)
        if not isinstance(target, Mapping) or set(target) != {"metric", "value"}:
            raise _bad(f'a target is {{"metric": name, "value": number}}, not {shortened(target)}')
        return cls._checked(target["metric"], target["value"])

    @classmethod
    def given(cls, quality: Number | None, target: Target | Mapping[str, Any] | None) -> Target | None:
        """What a caller asked for, one way or the other, or not at all; raises UsageError (BAD_ARGUMENT) for both."""
        if quality is not None and target is not None:
            raise _bad("quality and target exclude each other")
        if quality is not None:
            return cls.quality(quality)
        return None if target is None else cls.parse(target)

    @classmethod
    def quality(cls, value: Number) -> Target:
        """A SSIMULACRA2 target; raises UsageError (BAD_ARGUMENT) outside 0 to 100."""
        return cls._checked("ssimulacra2", value)

    @classmethod
    def _checked(cls, metric: Any, value: Any) -> Target:
        if not isinstance(metric, str) or metric not in _RANGES:
            raise _bad(f"unknown metric {shortened(metric)}; known: {', '.join(_RANGES)}")
        low, high = _RANGES[metric]
        if (
            isinstance(value, bool)
            or not isinstance(value, Real)  # NumPy's scalars are numbers too
            or (not isinstance(value, int) and not math.isfinite(value))
        ):
            raise _bad(f"the value of a {metric} target must be a finite number, not {shortened(value)}")
        if not low <= cast("float", value) <= high:
            raise _bad(f"{metric} target {shortened(value)} is outside {low:g} to {high:g}")
        return cls(cast("MetricName", metric), float(value))


def _bad(message: str) -> UsageError:
    return UsageError(message, code=ReasonCode.BAD_ARGUMENT)
