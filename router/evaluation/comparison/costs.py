"""What it costs to find the setting for a target: the router's own search, played on measured points."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from router.codecs import registry
from router.codecs.base import Knob
from router.errors import CodecError
from router.evaluation.comparison.matched import RateDistortion
from router.evaluation.measure.variants import VARIANTS
from router.quality.search import SearchResult, search
from router.quality.search_model import CurvePredictor, SearchModel, usable_search_model
from router.quality.search_model.curves import CurveSet as Curves
from router.quality.target import MAX_STEPS, Target

if TYPE_CHECKING:
    import pandas as pd

    from router.images.sample import Pixels

UNREACHED = "unreached"


@dataclass(frozen=True)
class SearchCost:
    """`steps` encodings; CPU `seconds` for them, with decoding and scoring, and for what is done once an image.

    What the search would release: its `bytes`, `score` (SSIMULACRA2) and `outcome` (`router.quality.search.SearchOutcome`),
    "unreached" where it finds nothing; None where nothing is searched.
    """

    steps: int
    seconds: float
    bytes: float | None = None
    score: float | None = None
    outcome: str | None = None


def cost(points: pd.DataFrame, knob: Knob | None, target: float, max_steps: int = MAX_STEPS) -> SearchCost:
    """What a search costs with one family on one image, also where it ends without reaching the target.

    Between measured settings score, bytes and seconds are interpolated linearly. A codec without a knob encodes and decodes
    once. The search knows the codec's curves on the average image, and how images vary, but not this image: points have no
    pixels. With the image's features the router needs a third of an encoding less on average (docs/internals/search.md), and
    extracting them costs up to 25 ms an image, which are not counted. What other codecs have measured on the image is not used.
    """
    setup = float(points["setup_seconds"].median())
    spent = (points["encode_seconds"] + points["decode_seconds"] + points["score_seconds"]).to_numpy(float)
    if knob is None or len(points) == 1:
        return SearchCost(1, setup + float(spent[0]))
    order = np.argsort(points["setting"].to_numpy(float))
    settings = points["setting"].to_numpy(float)[order]
    scores, spent = points["ssimulacra2"].to_numpy(float)[order], spent[order]
    sizes = points["bytes"].to_numpy(float)[order]
    tried: list[int] = []

    def encode(setting: int) -> bytes:
        tried.append(setting)
        return bytes(round(float(np.interp(setting, settings, sizes))))

    def decode(_: bytes) -> Pixels:
        return np.zeros((1, 1, 1), np.uint8)

    def score(_: Pixels) -> float:
        return float(np.interp(tried[-1], settings, scores))

    released: SearchResult | None = None
    with contextlib.suppress(CodecError):  # out of reach: what it took to find that out is the cost
        released = search(
            encode,
            decode,
            knob,
            Target.quality(target),
            score=score,
            byte_limit=None,
            max_steps=max_steps,
            predictor=_predictor(points, knob),
        )
    seconds = setup + float(np.interp(tried, settings, spent).sum())
    if released is None:
        return SearchCost(len(tried), seconds, outcome=UNREACHED)
    trial = released.trial
    return SearchCost(len(tried), seconds, float(len(trial.data)), trial.score, released.outcome.value)


def searched(rd: RateDistortion, family: str, target: float, max_steps: int = MAX_STEPS) -> SearchCost:
    """`cost` on the points of one family with the knob of its codec; played once for them, a target and number of steps."""
    played, key = _PLAYED.setdefault(rd, {}), (target, max_steps)
    if key not in played:
        played[key] = cost(rd.points, registry.get_class(VARIANTS[family].codec_id).knob, target, max_steps)
    return played[key]


_PLAYED: WeakKeyDictionary[RateDistortion, dict[tuple[float, int], SearchCost]] = WeakKeyDictionary()


def _predictor(points: pd.DataFrame, knob: Knob) -> CurvePredictor | None:
    """What the search knows of a family on an image that nobody has looked at.

    None (a generic curve) where no search model ships, for families and knobs that are not those of `VARIANTS`, and where the
    table does not state the image's size.
    """
    pixels = int(points["width"].iloc[0]) * int(points["height"].iloc[0])
    known = _known(str(points["family"].iloc[0]), usable_search_model(pixels)[0])
    if known is None or known[2] != knob or not pixels:
        return None
    search_model, curves, _ = known
    return CurvePredictor(search_model.posterior(None), curves, pixels)


@cache
def _known(family: str, search_model: SearchModel | None) -> tuple[SearchModel, Curves, Knob | None] | None:
    if search_model is None or family not in VARIANTS:
        return None
    codec = VARIANTS[family].codec()
    return None if codec.knob is None else (search_model, search_model.curve_set(codec, {}), codec.knob)
