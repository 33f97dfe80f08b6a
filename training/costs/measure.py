"""Predicted against real time, codec by codec and size by size, for as long as there is time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from router.codecs import registry
from router.errors import CodecError
from router.images.arrays import from_pixels
from router.images.sample import ImageSample
from router.prediction.costs import benchmark, store
from router.prediction.costs.benchmark import BenchmarkTask
from router.prediction.costs.model import CODEC, GUARD, SCORE
from router.prediction.costs.picture import picture
from router.prediction.costs.predict import ImageShape, Prediction, configuration, predict
from router.quality.guard import GuardLevel
from router.quality.target import MAX_STEPS, Target
from router.routing.attempt import EncodingTask, Scorers, encode_to_target
from training.costs.pictures import PhotographFolder

CODECS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("jpeg", {}),
    ("webp", {}),
    ("avif", {"speed": 9}),
    ("png", {}),
    ("webp-lossless", {}),
    ("jxl", {}),
    ("avif", {}),
    ("ncr", {}),
)
_ROOM = 1.5
"""A run begins only where this many times its prediction is left; more where the machine has shown to be slower."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class CostRow:
    """One compression.

    Attributes:
        size: megapixels that were asked for.
        real: seconds by the clock of the check.
        wall, cpu: seconds by either clock; `cpu` is that of all threads together.
        predicted: seconds for the encodings that the search took; `foreseen`, for those that are to be expected.
        within: whether real / predicted lies in the stated band.
    """

    codec: str
    size: float
    number: int
    threads: int
    encodings: int
    real: float
    wall: float
    cpu: float
    predicted: float
    foreseen: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """The real seconds over the predicted ones."""
        return self.real / self.predicted

    @property
    def within(self) -> bool:
        return self.low <= self.ratio <= self.high

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self) | {"within": self.within}


def use_threads(count: int) -> None:
    """Let this process compute with so many threads, on as many CPUs. Before torch and OpenCV are used for the first time."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    import cv2
    import torch

    cv2.setNumThreads(count)
    torch.set_num_threads(count)


def known_costs(clock: Clock, *, stored: bool) -> store.Costs:
    """This machine's stored costs, or those of what is checked here, measured now: half a minute on a quiet machine."""
    if stored:
        return store.load()
    wanted = [BenchmarkTask(CODEC, name, configuration(registry.get(name), settings)) for name, settings in CODECS]
    wanted += [BenchmarkTask(SCORE, "ssimulacra2", {}), BenchmarkTask(GUARD, "full", {})]
    return store.Costs(benchmark.measure(wanted, clock=clock)[0])


def rows(
    photographs: PhotographFolder,
    costs: store.Costs,
    sizes: Sequence[float],
    target: Target,
    threads: int,
    deadline: float,
    clock: Clock,
    codecs: Sequence[tuple[str, dict[str, Any]]] = CODECS,
) -> Iterator[CostRow]:
    """Every size and codec once, as far as there is time, then again with other photographs where least time has gone yet.

    `deadline`: a `time.monotonic()` value. What could not be expected to end before it does not begin.
    """
    warm = from_pixels(picture(0.02, 0, busy=False))
    for name, settings in codecs:  # imports, weights, tables
        _run(costs, name, settings, warm, Target.quality(50), clock)
    spent = dict.fromkeys(sizes, 0.0)
    done = dict.fromkeys(sizes, 0)
    over: set[float] = set()
    foretold = passed = 0.0
    while len(over) < len(sizes):
        size = min((s for s in sizes if s not in over), key=lambda s: (done[s] > 0, spent[s], s))
        began, left_out = time.monotonic(), 0
        sample = photographs.mosaic(size, done[size])
        for name, settings in codecs:
            foreseen = _prediction(costs, name, settings, sample, target)
            room = _ROOM * max(1.0, passed / foretold if foretold else 1.0)
            if foreseen is None or time.monotonic() + room * foreseen.seconds > deadline:
                left_out += 1
                continue
            found = _run(costs, name, settings, sample, target, clock)
            if found is not None:
                foretold, passed = foretold + found["foreseen"], passed + found["wall"]
                yield CostRow(codec=title(name, settings), size=size, number=done[size], threads=threads, **found)
        done[size] += 1
        spent[size] += time.monotonic() - began
        if left_out:
            over.add(size)


def title(codec_id: str, settings: dict[str, Any]) -> str:
    """For people."""
    return " ".join([codec_id, *(f"{k} {v}" for k, v in settings.items())])


def _prediction(
    costs: store.Costs, name: str, settings: dict[str, Any], sample: ImageSample, target: Target
) -> Prediction | None:
    return predict(costs, registry.get(name), settings, ImageShape.of(sample), target, GuardLevel.FULL, MAX_STEPS)


def _run(
    costs: store.Costs, name: str, settings: dict[str, Any], sample: ImageSample, target: Target, clock: Clock
) -> dict[str, Any] | None:
    """Encoded to the target, decoded, scored and guarded as a forced codec is; None where nothing is known or reached."""
    prediction = _prediction(costs, name, settings, sample, target)
    if prediction is None:
        return None
    cpu, wall, began = time.process_time(), time.perf_counter(), clock()
    try:
        done = encode_to_target(EncodingTask(registry.get(name), sample, settings, target, GuardLevel.FULL), Scorers())
    except CodecError:
        return None
    real, wall, cpu = clock() - began, time.perf_counter() - wall, time.process_time() - cpu
    return {
        "encodings": done.encodings,
        "real": real,
        "wall": wall,
        "cpu": cpu,
        "predicted": prediction.once + done.encodings * prediction.step,
        "foreseen": prediction.seconds,
        "low": prediction.band.low,
        "high": prediction.band.high,
    }
