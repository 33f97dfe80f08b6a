"""The time of one image: what is left of it, and what of that one codec may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router.prediction.costs.predict import Prediction


@dataclass(frozen=True)
class Allowance:
    """At most so many encodings, none of which begins after `deadline` (an instant of the budget's clock; None for no bound)."""

    encodings: int
    deadline: float | None


@dataclass(frozen=True)
class Budget:
    """Seconds by `clock` from `started` on; `seconds` None for no bound.

    A running encoding is never stopped. What keeps the time is that none begins which is not expected to end within it.
    """

    started: float
    seconds: float | None
    clock: Callable[[], float] = time.monotonic

    @property
    def left(self) -> float | None:
        """Seconds left, at least 0; None for no bound."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    @property
    def deadline(self) -> float | None:
        """When the time is over; None for no bound."""
        return None if self.seconds is None else self.started + self.seconds

    def allowance(self, most: int, prediction: Prediction | None, left: float | None, reserve: float = 0.0) -> Allowance | None:
        """What a codec may take of the `left` seconds: as many of `most` encodings as fit; None if not even one does.

        Without a prediction the clock alone decides: no encoding begins when the time is over. `reserve`: seconds to be left to
        others; one encoding that fits without them is let through all the same.
        """
        if self.deadline is None or left is None or prediction is None:
            return Allowance(most, self.deadline)
        if prediction.first > left:
            return None
        encodings = min(most, prediction.within(left - reserve))
        if encodings == 1:  # let through by its prediction alone
            return Allowance(1, self.deadline)
        return Allowance(encodings, self.deadline - reserve - prediction.step - prediction.after)

    def reserve(self, prediction: Prediction, later: Iterable[Prediction], left: float) -> float:
        """The part of `left` to keep for one encoding of each `later` codec, in seconds.

        Codecs count as far as these fit beside an encoding with `prediction`.
        """
        reserved = 0.0
        for other in later:
            if prediction.first + reserved + other.first <= left:
                reserved += other.first
        return reserved

    def renewed(self) -> Budget:
        """The same time once more, from now on."""
        return Budget(self.clock(), self.seconds, self.clock)
