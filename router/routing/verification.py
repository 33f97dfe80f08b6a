"""Whether a file that is kept as it is can be decoded: asked before it is released, and never claimed without being done."""

from __future__ import annotations

from router.codecs.base import Lane
from router.errors import LimitError
from router.images.integrity import decode_whole
from router.images.sample import ImageSample
from router.policy.decision import Reason
from router.quality.guard import GuardLevel
from router.reasons import ReasonCode


def verify(sample: ImageSample, level: GuardLevel, lane: Lane) -> Reason | None:
    """Decode what `sample`, as it was read, was read from; NOT_VERIFIED with what of it was not decoded, or None.

    At the guard's levels `full` and `strict` that is all of the file, as far as memory goes; at `fast` and `off` only what was
    decoded anyway.

    Raises InputError (DAMAGED_IMAGE) for a file that fails.
    """
    if level.scores:
        try:
            doubt = decode_whole(sample)
        except LimitError as error:  # keeping a file takes no memory: what is too large to be looked at may still be kept
            doubt = f"not decoded: {error.message}"
    elif sample.is_decoded:
        return None
    else:
        doubt = f"not decoded at guard level {level.value}"
    return None if doubt is None else Reason(ReasonCode.NOT_VERIFIED, doubt, lane.value)
