"""The time of one image: one budget for all that happens to it, and what is left."""

from __future__ import annotations

import time
from dataclasses import dataclass

from router.costs.predict import Prediction


@dataclass(frozen=True)
class Budget:
    """Wall time from `started` (a `time.monotonic()` value) on; `seconds` None for no bound."""

    started: float
    seconds: float | None

    @property
    def left(self) -> float | None:
        """Seconds left, at least 0; None for no bound."""
        return None if self.seconds is None else max(0.0, self.started + self.seconds - time.monotonic())

    def deadline(self, prediction: Prediction | None = None, reserve: float = 0.0) -> float | None:
        """The `time.monotonic()` value after which no further encoding may start; with a prediction, none that could not end.

        `reserve`: seconds to be left for others.
        """
        if self.seconds is None:
            return None
        end = self.started + self.seconds - reserve
        return end if prediction is None else end - prediction.step - prediction.after

    def renewed(self) -> Budget:
        """The same time once more, from now on."""
        return Budget(time.monotonic(), self.seconds)
