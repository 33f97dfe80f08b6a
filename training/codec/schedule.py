"""Warm-up, constant rate, linear decay (WSD): by the clock or by steps, whichever is further."""

from __future__ import annotations

from dataclasses import dataclass

_WARM_UP = 100
"""Steps from the first of all, also for a schedule that begins later."""
_LEAST = 0.005


@dataclass(frozen=True)
class Schedule:
    """A schedule that began at `first_step`, after `first_seconds` of training."""

    seconds: float
    steps: int | None
    decay_from: float
    first_step: int = 0
    first_seconds: float = 0.0

    def share(self, step: int, seconds: float) -> float:
        """Share of it behind us, 1 at its end, after so many steps and seconds of training in all."""
        by_clock = (seconds - self.first_seconds) / self.seconds
        return by_clock if self.steps is None else max(by_clock, (step - self.first_step) / self.steps)

    def decays(self, share: float) -> bool:
        """Whether the rates fall."""
        return share >= self.decay_from

    def factor(self, step: int, share: float) -> float:
        """The factor of all learning rates."""
        warm = min(1.0, (step + 1) / _WARM_UP)
        return warm * (max(_LEAST, (1 - share) / (1 - self.decay_from)) if self.decays(share) and self.decay_from < 1 else 1.0)
