"""Rate control: the cheapest knob setting that reaches a target, found with few encodings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Knob
from router.errors import CodecError
from router.images.sample import Pixels
from router.quality.metrics import Scorer
from router.quality.search_model.predictor import CurvePredictor, generic_predictor
from router.quality.search_model.scales import scale_of
from router.quality.target import MAX_STEPS, Target
from router.reasons import ReasonCode

EXPECTED_STEPS = 4
"""Encodings that a search is planned for: what is not found by then, halving what is open finds for certain."""

FILL = 0.97
"""A size target is met by what fits and takes at least this share of it."""

UNEVEN_PIXELS = 1 << 17
"""Up to this size a picture has so few blocks that its curves are uneven from setting to setting."""
UNEVEN = 4.0
"""By how much, in tolerances: below a setting that has failed others are looked at, from the top down, until `IN_A_ROW` fall
short by more than this. Then none of them is believed to reach the target."""
IN_A_ROW = 3
MOST_DOUBTS = 10
"""Settings that are looked at so; a knob of more than `_FINE` has neighbours that differ by nothing."""
_FINE = 1024
TINY_PIXELS = 1 << 14
"""Up to this size a curve may rise and fall as it likes: settings spread over all below the best one are looked at too."""
_SPREAD = 9
_HALVING = 2 * EXPECTED_STEPS
"""From this encoding on only the middle of what is open is tried."""
_SURE = 0.75
"""How likely a setting must be on the right side of the target where only one try would be left after it."""
_PLAUSIBLE = 0.25
"""Where no setting is more likely than this to be near enough, the codec is taken to be coarse here."""


class SearchOutcome(StrEnum):
    """How well a search ended.

    `within`: near enough to the target. `cheapest`: not so, but the codec has no cheaper setting that reaches the target (for a
    size target: no larger one that fits). `beyond`: reaches the target, but something cheaper (or larger) may do so too; it
    was not looked for, for want of encodings or time that the caller has bounded.
    """

    WITHIN = "within"
    CHEAPEST = "cheapest"
    BEYOND = "beyond"


@dataclass(frozen=True)
class Trial:
    """One encoding: knob value, bytes, decoded pixels, and the score on the target's metric (None for size targets)."""

    knob: int
    data: bytes
    pixels: Pixels
    score: float | None


@dataclass(frozen=True)
class SearchResult:
    """The chosen trial, how many encodings it took, and how well it ended."""

    trial: Trial
    steps: int
    outcome: SearchOutcome


class OutOfReachError(CodecError):
    """Nothing that was tried reaches the target. `proven`: nor does any other setting, as far as a search can tell."""

    def __init__(self, message: str, *, code: ReasonCode, hint: str = "", proven: bool = False, **details: float) -> None:
        super().__init__(message, code=code, hint=hint, **details)
        self.proven = proven


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
    predictor: CurvePredictor | None = None,
) -> SearchResult:
    """Turns an integer knob whose quality and size rise together.

    For a quality target: stops at the first setting within the target's tolerance on either side, else at the cheapest setting
    that scores at least `target.floor` (a coarse codec may have none closer). For a size target (`byte_limit` given, `score`
    None): what fits and takes at least `FILL` of it, else the best setting that fits. Where `max_steps` is less than that takes,
    what was found when they run out is used if it reaches the target.

    Each encoding goes to the setting that is most likely near enough, given `predictor` (what is known of this codec and this
    image; a rough guess of a curve without it) and all encodings before, between the nearest settings known to lie on either
    side. The extreme setting is tried as soon as it is more likely than not that it fails, and in any case before giving up.
    What `EXPECTED_STEPS` encodings have not ended is halved from there on, so that a wrong guess costs encodings and not the
    result. Of pictures of up to `UNEVEN_PIXELS` some settings below a failed one are looked at too.

    After `deadline` (a `time.monotonic()` value) no further encoding starts.

    Raises OutOfReachError if no setting tried reaches it (TARGET_UNREACHABLE, with `details`: `setting` and `best`, the score or
    bytes that came nearest, and `short` by how much; or BUDGET_EXCEEDED past the deadline). Errors of `encode` and `decode`
    pass through.
    """
    if predictor is None:  # nor is the image's size known: the limit is taken to be an ordinary one, of a bit a pixel
        predictor = generic_predictor(knob, 8 * max(byte_limit or 1, 1))
    run = _SearchRun(predictor, knob, target, byte_limit, max_steps)
    late = False
    while run.steps < max_steps and not run.done:
        late = run.steps > 0 and deadline is not None and time.monotonic() > deadline
        if late:
            break
        setting = run.next()
        data = encode(setting)
        pixels = decode(data)
        run.take(Trial(setting, data, pixels, None if score is None else score(pixels)))
        del pixels
    if run.reached is not None:
        return SearchResult(run.reached, run.steps, run.outcome)
    raise _unreached(target, run, byte_limit, late)


class _SearchRun:
    """What is left to be tried, and what was found."""

    def __init__(self, predictor: CurvePredictor, knob: Knob, target: Target, byte_limit: int | None, max_steps: int) -> None:
        self._predictor = predictor
        self._target = target
        self._limit = byte_limit
        self._left = max_steps
        self._scale = scale_of(target.metric)
        self._window = predictor.window(
            self._scale,
            *((target.floor, target.value + target.tolerance) if byte_limit is None else (FILL * byte_limit, byte_limit)),
        )
        self._knob = knob
        self._low, self._high = knob.low, knob.high
        self._tried: dict[int, float | None] = {}
        self.steps = 0
        self.reached: Trial | None = None
        self.nearest: Trial | None = None  # of those that do not reach it
        self.done = False
        self._near_enough = False

    @property
    def outcome(self) -> SearchOutcome:
        if self._near_enough:
            return SearchOutcome.WITHIN
        return SearchOutcome.CHEAPEST if self._exhausted else SearchOutcome.BEYOND

    def next(self) -> int:
        settings = self._open()
        if not len(settings):
            doubtful = self._doubtful()
            assert doubtful is not None
            return doubtful
        if self.reached is None and self.steps and (self._left == 1 or self.steps >= EXPECTED_STEPS):
            return self._extreme(settings)  # must succeed if anything does
        if self.steps >= _HALVING:
            return int(settings[len(settings) // 2])
        setting = self._likeliest(settings)
        if self.steps < EXPECTED_STEPS:
            return setting
        quarter = len(settings) // 4  # a guess near an end leaves most of what is open if it is wrong
        return min(max(setting, int(settings[quarter])), int(settings[-1 - quarter]))

    def take(self, trial: Trial) -> None:
        self.steps += 1
        self._left -= 1
        self._tried[trial.knob] = trial.score
        self._predictor.learn(trial.knob, len(trial.data), self._target, trial.score)
        good, self._near_enough = _judge(trial, self._target, self._limit)
        if not good:
            self._keep_nearest(trial)
        elif self.reached is None or self._near_enough or self._better(trial, self.reached):
            self.reached = trial
        if good == (self._limit is None):  # quality targets look for the lowest good setting, size targets for the highest
            self._high = min(self._high, trial.knob - 1)
        else:
            self._low = max(self._low, trial.knob + 1)
        self.done = self._near_enough or self._exhausted

    def _likeliest(self, settings: NDArray[np.int64]) -> int:
        mean, deviation = self._predictor.levels(self._scale, settings)
        low, high = self._window
        below_low, below_high = (_normal((edge - mean) / deviation) for edge in (low, high))
        good = 1 - below_low if self._limit is None else below_high
        if self.reached is None:
            extreme = -1 if self._limit is None else 0
            if good[extreme] < 0.5:
                return int(settings[extreme])
            if self._left == 1 or (self.steps and self._left == 2):
                return _edge(settings, good >= _SURE, lowest=self._limit is None)
        near = below_high - below_low
        if near.max() >= _PLAUSIBLE:
            return int(settings[int(near.argmax())])
        return _edge(settings, good >= 0.5, lowest=self._limit is None)

    def _open(self) -> NDArray[np.int64]:
        return self._predictor.settings(self._low, self._high)

    @property
    def _exhausted(self) -> bool:
        return not len(self._open()) and self._doubtful() is None

    def _doubtful(self) -> int | None:
        """The next setting below the best one that was taken to fail because one between them and it did."""
        fine = self._predictor.pixels > UNEVEN_PIXELS or self._knob.high - self._knob.low > _FINE
        if self._limit is not None or fine or (self.reached is None and not self._nearly):
            return None
        top = self._knob.high if self.reached is None else self.reached.knob - 1
        hopeless = self._target.floor - UNEVEN * self._target.tolerance
        in_a_row = 0
        for setting in reversed(self._predictor.settings(self._knob.low, top)[-MOST_DOUBTS:].tolist()):
            if setting not in self._tried:
                return int(setting)
            score = self._tried[setting]
            in_a_row = in_a_row + 1 if score is not None and score < hopeless else 0
            if in_a_row == IN_A_ROW:
                break
        if self.reached is None or self._predictor.pixels > TINY_PIXELS:
            return None
        below = self._predictor.settings(self._knob.low, top)
        spread = below[np.unique(np.linspace(0, len(below) - 1, _SPREAD).round().astype(np.intp))] if len(below) else below
        return next((int(setting) for setting in reversed(spread.tolist()) if setting not in self._tried), None)

    @property
    def _nearly(self) -> bool:
        """Whether something is so near the target that a neighbour may reach it."""
        known = None if self.nearest is None else self.nearest.score
        return known is not None and known >= self._target.floor - 3 * self._target.tolerance

    def _extreme(self, settings: NDArray[np.int64]) -> int:
        return int(settings[-1 if self._limit is None else 0])

    def _better(self, a: Trial, b: Trial) -> bool:
        return len(a.data) < len(b.data) if self._limit is None else len(a.data) > len(b.data)

    def _keep_nearest(self, trial: Trial) -> None:
        known = self.nearest
        if known is None or (
            len(trial.data) < len(known.data) if trial.score is None or known.score is None else trial.score > known.score
        ):
            self.nearest = replace(trial, pixels=np.empty((0, 0, 1), np.uint8))  # nobody looks at these: they need not be held


def _edge(settings: NDArray[np.int64], wanted: NDArray[np.bool_], *, lowest: bool) -> int:
    """The lowest setting that is `wanted`, or the highest; where none is, the one on that side that comes nearest to it."""
    places = np.flatnonzero(wanted)
    if not len(places):
        return int(settings[-1 if lowest else 0])
    return int(settings[places[0 if lowest else -1]])


def _judge(trial: Trial, target: Target, byte_limit: int | None) -> tuple[bool, bool]:
    """(reaches the target, near enough to stop)."""
    if byte_limit is not None:
        size = len(trial.data)
        return size <= byte_limit, FILL * byte_limit <= size <= byte_limit
    assert trial.score is not None
    good = trial.score >= target.floor
    return good, good and trial.score <= target.value + target.tolerance


def _normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z.tolist()])


def _unreached(target: Target, run: _SearchRun, byte_limit: int | None, late: bool) -> OutOfReachError:
    what = f"{target.metric} {target.value:g}"
    code = ReasonCode.BUDGET_EXCEEDED if late else ReasonCode.TARGET_UNREACHABLE
    hint = "Lower the target or permit another codec"
    trial = run.nearest
    if trial is None:
        return OutOfReachError(f"{what} is out of reach (no setting was tried)", code=code, hint=hint)
    if trial.score is not None:
        best, short = trial.score, target.floor - trial.score
        found = f"{best:.2f} at setting {trial.knob}, {short:.2f} below the lowest that counts"
    else:
        best, short = float(len(trial.data)), float(len(trial.data) - (byte_limit or 0))
        found = f"{len(trial.data)} bytes at setting {trial.knob}, {short:.0f} too many"
    message = f"{what} is out of reach ({found})"
    return OutOfReachError(message, code=code, hint=hint, proven=run.done, setting=trial.knob, best=best, short=short)
