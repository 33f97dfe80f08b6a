"""Whether a file that is kept as it is can be decoded: asked before it is released, and never claimed without being done."""

from __future__ import annotations

from router.images.sample import ImageSample
from router.quality.guard import GuardLevel


def verify(sample: ImageSample, level: GuardLevel) -> str | None:
    """Decode what `sample`, as it was read, was read from; why that was not done, or None where it was.

    At the levels `fast` and `off` nothing is decoded for this alone. Raises InputError (DAMAGED_IMAGE) for a file that fails.
    """
    if sample.undecodable is not None:
        return sample.undecodable.message
    if not level.scores and not sample.is_decoded:
        return f"not decoded at guard level {level.value}"
    _ = sample.pixels
    return None
