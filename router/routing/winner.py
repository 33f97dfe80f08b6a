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


def winner(
    lanes: Sequence[LanePlan],
    result: Callable[[LanePlan, str], R | None],
    size: Callable[[R], float],
    *,
    source_goes: Callable[[LanePlan], bool],
    stands: Callable[[LanePlan, R], bool] = lambda lane, result: True,
) -> Won[R] | None:
    """The first lane that gives a result wins; in a lane that compares its codecs, the smallest result. None if no lane wins.

    Args:
        lanes: in order.
        result: what a codec of a lane gives, None if it gives nothing. Codecs are asked in order, and no more of them than it
            takes.
        size: bytes of a result.
        source_goes: whether the source's own bytes may be released; asked for a passthrough lane.
        stands: whether a result may be released in this lane.
    """
    for position, lane in enumerate(lanes):
        if lane.lane == Lane.PASSTHROUGH:
            if source_goes(lane):
                return Won(position, lane, None)
            continue
        found = [one for one in _results(lane, result) if stands(lane, one)]
        if found:
            best = min(found, key=size)
            return Won(position, lane, best, tuple(one for one in found if one is not best))
    return None


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


def _results(lane: LanePlan, result: Callable[[LanePlan, str], R | None]) -> Iterator[R]:
    for codec_id in lane.codecs:
        found = result(lane, codec_id)
        if found is not None:
            yield found
            if lane.choose == "first":
                return
