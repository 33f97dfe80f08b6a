"""Pictures coded to a target by one codec, kept by content in a cache: the benchmarks ask for the same ones again and again."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import NDArray

import router
from router.errors import CarryError, CodecError
from router.reasons import ReasonCode

Pixels = NDArray[np.uint8]
"""(H, W, 1 or 3)."""


@dataclass(frozen=True)
class Coded:
    """`pixels` as decoded from the released bytes; `score`: SSIMULACRA2."""

    pixels: Pixels
    size: int
    score: float


def coded(picture: Pixels, codec: str, target: float, cache: Path) -> Coded | None:
    """`picture` by one codec at a SSIMULACRA2 target, whatever the guard says; None where the codec cannot write or reach it."""
    found = Memory(cache, verbose=0, compress=1).cache(_code)(picture, codec, _identity(codec), target)
    return None if found is None else Coded(*found)


def _code(picture: Pixels, codec: str, identity: str, target: float) -> tuple[Any, ...] | None:
    try:
        encoded = router.compress(picture, codec=codec, quality=target, on_guard_fail="release")
    except CarryError:
        return None
    except CodecError as error:
        if error.code is not ReasonCode.TARGET_UNREACHABLE:
            raise  # or it would stand in the cache as a target that is out of reach
        return None
    decoded = router.decompress(encoded.data, as_array=True)
    achieved = encoded.record.target.achieved if encoded.record.target is not None else None
    return decoded.reshape(picture.shape), len(encoded.data), achieved


def _identity(codec: str) -> str:
    from router.codecs import registry
    from router.codecs.neural.weights import find_model

    model = registry.get(codec).get_config().get("model")
    return f"pillow {version('pillow')}" if model is None else find_model(model).sha256
