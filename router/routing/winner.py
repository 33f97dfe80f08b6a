"""Which lane wins. The rule stands here alone: the router asks codecs for results, evaluation and tuning ask tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from router.codecs.base import Lane
from router.policy.decision import LanePlan

R = TypeVar("R")


@dataclass(frozen=True)
class Won(Generic[R]):
    """What is released.

    Attributes:
        position: of the lane among the decision's lanes.
        lane: that lane.
        result: the codec's result; None where the source's own bytes are released.
        beaten: results of the same lane that are not smaller.
    """

    position: int
    lane: LanePlan
    result: R | None
    beaten: tuple[R, ...] = ()


class LaneContest(Generic[R]):
    """Who is asked for a result, in order, and which result wins.

    The first lane that gives a result wins; in a lane that compares its codecs, the smallest result. So:

        contest = LaneContest(lanes, size)
        for lane, codec_id in contest:  # no more codecs than it takes; None stands for the source's own bytes
            contest.enter(result)  # left out for a codec that gives nothing
        contest.won
    """

    def __init__(self, lanes: Sequence[LanePlan], size: Callable[[R], float]) -> None:
        """`size`: bytes of a result."""
        self._lanes = lanes
        self._size = size
        self._entered: list[R | None] = []
        self.won: Won[R] | None = None

    def __iter__(self) -> Iterator[tuple[LanePlan, str | None]]:
        for position, lane in enumerate(self._lanes):
            self._entered = []
            for codec_id in (None,) if lane.lane == Lane.PASSTHROUGH else lane.codecs:
                yield lane, codec_id
                if self._entered and lane.choose == "first":
                    break
            if self._entered:
                results = [one for one in self._entered if one is not None]
                best = min(results, key=self._size) if results else None
                self.won = Won(position, lane, best, tuple(one for one in results if one is not best))
                return

    def enter(self, result: R | None) -> None:
        """What the codec that was asked last gives; None for the source's own bytes."""
        self._entered.append(result)


def winner(
    lanes: Sequence[LanePlan],
    result: Callable[[LanePlan, str], R | None],
    size: Callable[[R], float],
    *,
    source_goes: bool,
) -> Won[R] | None:
    """A contest of results that are known. None if no lane wins.

    Args:
        lanes: in order.
        result: what a codec of a lane gives, None if it gives nothing that may be released.
        size: bytes of a result.
        source_goes: whether the source's own bytes may be released.
    """
    contest = LaneContest(lanes, size)
    for lane, codec_id in contest:
        if codec_id is None:
            if source_goes:
                contest.enter(None)
        elif (found := result(lane, codec_id)) is not None:
            contest.enter(found)
    return contest.won


def saves_too_little(lane: LanePlan, size: float, baseline: float) -> bool:
    """Whether a neural result of `size` bytes saves less than its lane asks for beside a classical one of `baseline` bytes."""
    return lane.must_save is not None and 1 - size / baseline < lane.must_save


def source_is_better(lane: str, size: float, source_size: float | None, *, lossy: bool | None) -> bool:
    """Whether the source's own bytes are a better output than an encoding: not larger, and as faithful in the class asked for.

    Args:
        lane: of the encoding.
        size: its bytes.
        source_size: bytes of the source; None for bare pixels.
        lossy: whether the source's own coding lost something; None where that is not known.
    """
    if source_size is None or size < source_size:
        return False
    # A lossless copy of a lossy source is meant to be larger: somebody asked for a format, not for fewer bytes.
    return lane != Lane.LOSSLESS or lossy is False
