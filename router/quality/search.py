"""Rate control: the cheapest knob setting that reaches a target, found with few encodings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from router.codecs.base import Knob
from router.errors import CodecError
from router.images.sample import Pixels
from router.quality.metrics import Scorer
from router.quality.target import Target
from router.reasons import ReasonCode

MAX_STEPS = 10


@dataclass(frozen=True)
class Trial:
    """One encoding: knob value, bytes, decoded pixels, and the score on the target's metric (None for size targets)."""

    knob: int
    data: bytes
    pixels: Pixels
    score: float | None


@dataclass(frozen=True)
class SearchResult:
    """The chosen trial and how many encodings it took."""

    trial: Trial
    steps: int


def search(
    encode: Callable[[int], bytes],
    decode: Callable[[bytes], Pixels],
    knob: Knob,
    target: Target,
    *,
    score: Scorer | None,
    byte_limit: int | None,
    max_steps: int = MAX_STEPS,
    deadline: float | None = None,
) -> SearchResult:
    """Interpolating bisection over an integer knob whose quality and size rise together.

    For a quality target: stops at the first setting within the target's tolerance on either side, else returns the cheapest
    setting that scores at least `target.floor` (a coarse codec may have none closer). For a size target (`byte_limit` given,
    `score` None): the best setting that fits. What was found when `max_steps` runs out is used if it reaches the target.

    After `deadline` (a `time.monotonic()` value) no further encoding starts.

    Raises CodecError if no setting tried reaches it (TARGET_UNREACHABLE, or BUDGET_EXCEEDED past the deadline); errors of
    `encode` and `decode` pass through.
    """
    low, high = knob.low, knob.high
    failed: Trial | None = None  # nearest setting on the wrong side
    reached: Trial | None = None  # best setting on the right side
    guess = knob.start
    steps = 0
    late = False
    while low <= high and steps < max_steps:
        late = steps > 0 and deadline is not None and time.monotonic() > deadline
        if late:
            break
        trial = _try(guess, encode, decode, score)
        steps += 1
        good, done = _judge(trial, target, byte_limit)
        if good:
            reached = trial
        else:
            failed = trial
        if done:
            break
        # Quality targets look for the lowest good knob, size targets for the highest.
        if good == (byte_limit is None):
            high = guess - 1
        else:
            low = guess + 1
        if low > high:
            break
        # The last step goes where it must succeed if anything does.
        extreme = high if byte_limit is None else low
        guess = extreme if reached is None and steps >= max_steps - 2 else _next(low, high, failed, reached, target, byte_limit)
    if reached is None:
        best = "no setting was tried" if failed is None else _describe(failed)
        raise CodecError(
            f"{target.metric} {target.value:g} is out of reach ({best})",
            code=ReasonCode.BUDGET_EXCEEDED if late else ReasonCode.TARGET_UNREACHABLE,
            hint="Lower the target or permit another codec",
        )
    return SearchResult(reached, steps)


def _try(knob: int, encode: Callable[[int], bytes], decode: Callable[[bytes], Pixels], score: Scorer | None) -> Trial:
    data = encode(knob)
    pixels = decode(data)
    return Trial(knob, data, pixels, None if score is None else score(pixels))


def _judge(trial: Trial, target: Target, byte_limit: int | None) -> tuple[bool, bool]:
    """(reaches the target, near enough to stop)."""
    if byte_limit is not None:
        size = len(trial.data)
        return size <= byte_limit, 0.97 * byte_limit <= size <= byte_limit
    assert trial.score is not None
    good = trial.score >= target.floor
    return good, good and trial.score <= target.value + target.tolerance


def _next(low: int, high: int, failed: Trial | None, reached: Trial | None, target: Target, byte_limit: int | None) -> int:
    """Linear interpolation between the two nearest settings, kept off the ends so that the bracket shrinks; else bisection."""
    if failed is None or reached is None:
        return (low + high) // 2
    if byte_limit is not None:
        wanted, a, b = 0.985 * byte_limit, float(len(failed.data)), float(len(reached.data))
    else:
        assert failed.score is not None
        assert reached.score is not None
        wanted, a, b = target.value, failed.score, reached.score
    if a == b:
        return (low + high) // 2
    guess = failed.knob + (reached.knob - failed.knob) * (wanted - a) / (b - a)
    margin = (high - low) // 16
    return min(max(round(guess), low + margin), high - margin)


def _describe(trial: Trial) -> str:
    if trial.score is None:
        return f"{len(trial.data)} bytes at setting {trial.knob}"
    return f"{trial.score:.2f} at setting {trial.knob}"
