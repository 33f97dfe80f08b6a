"""The rival: interpolating bisection from a fixed start, which needs to know nothing. As the router searched before."""

from __future__ import annotations

from collections.abc import Callable

from router.codecs.base import Knob
from router.quality.search import FILL, SearchOutcome
from router.quality.target import Target

MAX_STEPS = 10


def bisect(
    measure: Callable[[int], tuple[int, float]], knob: Knob, target: Target, byte_limit: int | None
) -> tuple[int, SearchOutcome | None, int | None]:
    """(encodings, how it ended, setting); the last two are None where nothing reached the target.

    `measure` gives size and score of a setting.
    """
    low, high, guess, steps = knob.low, knob.high, knob.start, 0
    failed: tuple[int, float] | None = None
    reached: tuple[int, float] | None = None
    near = False
    while low <= high and steps < MAX_STEPS and not near:
        size, score = measure(guess)
        value = float(size) if byte_limit is not None else score
        steps += 1
        if byte_limit is not None:
            good, near = size <= byte_limit, FILL * byte_limit <= size <= byte_limit
        else:
            good = score >= target.floor
            near = good and score <= target.value + target.tolerance
        reached, failed = ((guess, value), failed) if good else (reached, (guess, value))
        if good == (byte_limit is None):
            high = guess - 1
        else:
            low = guess + 1
        if low <= high and not near:
            extreme = high if byte_limit is None else low
            wanted = target.value if byte_limit is None else 0.985 * byte_limit
            guess = extreme if reached is None and steps >= MAX_STEPS - 2 else _between(low, high, failed, reached, wanted)
    if reached is None:
        return steps, None, None
    return steps, SearchOutcome.WITHIN if near else SearchOutcome.CHEAPEST if low > high else SearchOutcome.BEYOND, reached[0]


def _between(low: int, high: int, a: tuple[int, float] | None, b: tuple[int, float] | None, wanted: float) -> int:
    if a is None or b is None or a[1] == b[1]:
        return (low + high) // 2
    margin = (high - low) // 16
    return min(max(round(a[0] + (b[0] - a[0]) * (wanted - a[1]) / (b[1] - a[1])), low + margin), high - margin)
