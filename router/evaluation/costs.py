"""What it costs to find the setting for a target: the router's own search, played on a measured ladder."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router.codecs.base import Knob
from router.errors import CodecError
from router.quality.search import MAX_STEPS, search
from router.quality.target import Target

if TYPE_CHECKING:
    import pandas as pd

    from router.images.sample import Pixels


@dataclass(frozen=True)
class Cost:
    """`steps` encodings; CPU `seconds` for them, with decoding and scoring, and for what is done once an image."""

    steps: int
    seconds: float


def cost(points: pd.DataFrame, knob: Knob | None, target: float, max_steps: int = MAX_STEPS) -> Cost:
    """Of one family on one image; also where the search ends without reaching the target.

    Between measured settings score and seconds are interpolated linearly. A codec without a knob encodes and decodes once.
    """
    setup = float(points["setup_seconds"].median())
    spent = (points["encode_seconds"] + points["decode_seconds"] + points["score_seconds"]).to_numpy(float)
    if knob is None or len(points) == 1:
        return Cost(1, setup + float(spent[0]))
    order = np.argsort(points["setting"].to_numpy(float))
    settings = points["setting"].to_numpy(float)[order]
    scores, spent = points["ssimulacra2"].to_numpy(float)[order], spent[order]
    tried: list[int] = []

    def encode(setting: int) -> bytes:
        tried.append(setting)
        return setting.to_bytes(4, "big")

    def decode(data: bytes) -> Pixels:
        return np.frombuffer(data, np.uint8).reshape(1, 1, 4)

    def score(pixels: Pixels) -> float:
        return float(np.interp(int.from_bytes(pixels.tobytes(), "big"), settings, scores))

    with contextlib.suppress(CodecError):  # out of reach: what it took to find that out is the cost
        search(encode, decode, knob, Target.quality(target), score=score, byte_limit=None, max_steps=max_steps)
    return Cost(len(tried), setup + float(np.interp(tried, settings, spent).sum()))
