"""More than 8 bits per sample: the extra that reads them, and samples of 9 to 15 bits brought to the range of 16."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from router.extras import install_hint
from router.images.decoders.header import depth_refused

if TYPE_CHECKING:
    from router.errors import InputError
    from router.images.sample import Pixels


def have_imagecodecs() -> bool:
    """Whether the `depth` extra is installed; it is not imported for the answer."""
    from importlib.util import find_spec

    return find_spec("imagecodecs") is not None


def missing_depth(what: str) -> InputError:
    """The refusal of what only the `depth` extra can read."""
    return depth_refused(f"{what} needs an extra that is not installed", install_hint("depth"))


def widened(samples: Pixels, bits: int) -> Pixels:
    """(H, W) or (H, W, C) uint16 samples of `bits` bits, 9 to 16, as (H, W, C) over the full range of 16.

    Rounded to the nearest, so that the stored sample comes back as `value * (2**bits - 1) / 65535`, rounded.
    """
    if samples.ndim == 2:
        samples = samples[..., None]
    if bits == 16:
        return samples
    top = (1 << bits) - 1
    table = ((np.arange(top + 1, dtype=np.int64) * 2 * 65535 + top) // (2 * top)).astype(np.uint16)
    return cast("Pixels", table[np.minimum(samples, top)])
