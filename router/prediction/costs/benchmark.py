"""Measuring: every codec, metric and guard level on made-up photographs of several sizes.

A cell is one entry on one picture at one setting, timed a few times; the least time counts for the line, since whatever else the
machine does only adds to it. All timings count for the band.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, cast

from router.codecs import registry
from router.codecs._pillow import to_image
from router.codecs.base import Codec, Lane
from router.errors import RouterError
from router.images.arrays import from_pixels
from router.images.read import read
from router.images.sample import ImageSample
from router.limits import NO_LIMITS
from router.policy.builtin import codec_name
from router.policy.schema import Policy
from router.prediction.costs import fit
from router.prediction.costs.machine import this_machine, torch_threads, versions
from router.prediction.costs.model import CODEC, GUARD, KNOT, PARTS, SCORE, CostEntry, CostLine, CostModel, entry_key
from router.prediction.costs.picture import picture
from router.prediction.costs.predict import configuration
from router.quality.guard import GuardLevel, check
from router.quality.metrics import scorer
from router.quality.target import MetricName, Target

Clock = Callable[[], float]
MEGAPIXELS = (0.25, 1.0, 4.0)
"""The last size on two pictures where that takes less than `_QUICK` seconds, on one where it takes less than `_LONGEST`."""
CELLS = ((0, False, 0.0), (1, True, 0.0), (0, False, -0.5), (1, True, 0.5))
"""(seed, busy, setting): settings as parts of the way from the codec's own start to its lowest or highest."""
_QUICK, _LONGEST = 1.0, 10.0
_REPEATS, _ENOUGH = 3, 0.25
_METRICS: tuple[MetricName, ...] = ("ssimulacra2", "ms-ssim", "psnr")


@dataclass(frozen=True)
class BenchmarkTask:
    """One entry to be measured."""

    kind: str
    name: str
    settings: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """As an entry's."""
        return entry_key(self.kind, self.name, self.settings)

    @property
    def title(self) -> str:
        """For people."""
        return " ".join([self.name, *(f"{k}={v}" for k, v in self.settings.items())])


@dataclass(frozen=True)
class Failed:
    """A task that could not be measured, and why."""

    task: BenchmarkTask
    error: str


@dataclass(frozen=True)
class _Timing:
    megapixels: float
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def tasks(policies: Iterable[Policy]) -> list[BenchmarkTask]:
    """Every codec here in its default configuration and as these policies set it, the metrics, and the guard's levels."""
    found: dict[tuple[str, str, str], BenchmarkTask] = {}
    variants: list[tuple[str, dict[str, Any]]] = [(codec_id, {}) for codec_id in registry.ids()]
    for codec_id, settings in [*variants, *(v for policy in policies for v in _settings(policy))]:
        try:
            codec = registry.get(codec_id)
            if codec.unavailable() is None:
                task = BenchmarkTask(CODEC, codec_id, configuration(codec, settings))
                found.setdefault(task.key, task)
        except RouterError:  # not installed, or damaged: nothing can be coded with it
            continue
    return [
        *found.values(),
        *(BenchmarkTask(SCORE, m, {}) for m in _METRICS),
        *(BenchmarkTask(GUARD, g, {}) for g in ("fast", "full")),
    ]


def measure(
    wanted: Iterable[BenchmarkTask],
    *,
    known: CostModel | None = None,
    clock: Clock = time.perf_counter,
    megapixels: tuple[float, ...] = MEGAPIXELS,
    before: Callable[[BenchmarkTask], None] = lambda task: None,
) -> tuple[CostModel, list[Failed]]:
    """Measure `wanted`; entries of `known` on other things stay, if it is of this machine.

    `before` is told what comes next. `clock` gives seconds. Takes about a minute for all tasks on one quiet core of 2022.
    """
    machine = this_machine()
    pictures = _Pictures()
    done: dict[tuple[str, str, str], CostEntry] = {}
    failed: list[Failed] = []
    waits: list[float] = []
    for task in wanted:
        before(task)
        try:
            done[task.key] = _measure(task, pictures, clock, megapixels, waits)
        except RouterError as error:
            failed.append(Failed(task, f"{error.code}: {error.message}"))
        except Exception as error:  # of somebody's codec: the others can still be measured
            failed.append(Failed(task, f"{type(error).__name__}: {error}"[:200]))
    kept = known if known is not None and known.machine == machine else None
    neural = any(e.threads is not None for e in done.values())
    model = CostModel(
        machine=machine,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        start_up=_start_up() if neural else 0.0 if kept is None else kept.start_up,
        waiting=round(median(waits), 3) if waits else 1.0 if kept is None else kept.waiting,
        entries=tuple({**({} if kept is None else {e.key: e for e in kept.entries}), **done}.values()),
    )
    return model, failed


def _measure(
    task: BenchmarkTask, pictures: _Pictures, clock: Clock, megapixels: tuple[float, ...], waits: list[float]
) -> CostEntry:
    run = _RUNS[task.kind](task)
    run(pictures.get(min(megapixels) / 8, *CELLS[0][:2]), 0.0, clock)  # imports, weights, tables
    timings: dict[tuple[float, int], list[_Timing]] = {}  # by size and cell
    worst = 0.0  # of one cell, per megapixel
    for size in sorted(megapixels):
        for cell, (seed, busy, position) in enumerate(CELLS[: _cells(size, worst * size)]):
            sample = pictures.get(size, seed, busy)
            repeats: list[_Timing] = []
            while len(repeats) < _REPEATS and sum(t.total for t in repeats) < _ENOUGH:
                began, cpu = time.perf_counter(), time.process_time()
                repeats.append(_Timing(sample.width * sample.height / 1e6, run(sample, position, clock)))
                used = time.process_time() - cpu
                if task.kind == CODEC and registry.get_class(task.name).lane is not Lane.NEURAL and used > 0.02:
                    waits.append((time.perf_counter() - began) / used)
            worst = max(worst, min(t.total / t.megapixels for t in repeats))
            timings[size, cell] = repeats
    return _entry(task, {name: _line(timings, name) for name in PARTS[task.kind]}, [t for r in timings.values() for t in r])


def _cells(size: float, seconds: float) -> int:
    """How many of CELLS are measured at a size where one takes so long."""
    if size <= KNOT:
        return 2 if seconds > _QUICK else len(CELLS)
    return 2 if seconds < _QUICK else int(seconds < _LONGEST)


def _line(timings: Mapping[tuple[float, int], list[_Timing]], part: str) -> CostLine:
    """What one part takes, of the least time of every cell."""
    least = {at: (repeats[0].megapixels, min(t.parts[part] for t in repeats)) for at, repeats in timings.items()}
    knot = max((size for size, _ in least if size <= KNOT), default=0.0)
    below = {at: point for at, point in least.items() if at[0] <= KNOT} or least
    growth = [(least[knot, cell], point) for (size, cell), point in least.items() if size > KNOT and (knot, cell) in least]
    return fit.bent(fit.line(list(below.values())), growth)


def _entry(task: BenchmarkTask, parts: Mapping[str, CostLine], timings: list[_Timing]) -> CostEntry:
    def predicted(megapixels: float) -> float:
        return max(sum(line.at(megapixels) for line in parts.values()), 1e-9)

    return CostEntry(
        kind=task.kind,
        name=task.name,
        settings=task.settings,
        parts=parts,
        band=fit.band([t.total / predicted(t.megapixels) for t in timings], task.name),
        samples=len(timings),
        megapixels=max(t.megapixels for t in timings),
        versions=versions(task.kind, task.name),
        threads=torch_threads() if task.kind == CODEC and registry.get(task.name).lane is Lane.NEURAL else None,
    )


_Run = Callable[[ImageSample, float, Clock], dict[str, float]]


def _codec_run(task: BenchmarkTask) -> _Run:
    codec = registry.get(task.name)

    def run(sample: ImageSample, position: float, clock: Clock) -> dict[str, float]:
        settings = {**_given(codec, task.settings), **_knob(codec, position)}
        if codec.lane is Lane.TRANSCODE:
            sample = _as_jpeg(sample)
        prepared = codec.prepare(sample)
        _ = prepared.pixels
        began = clock()
        encode = codec.session(prepared)
        ready = clock()
        data = encode(settings)
        encoded = clock()
        codec.decode(data, NO_LIMITS)
        return {"setup": ready - began, "encode": encoded - ready, "decode": clock() - encoded}

    return run


def _score_run(task: BenchmarkTask) -> _Run:
    def run(sample: ImageSample, position: float, clock: Clock) -> dict[str, float]:
        candidate = _as_jpeg(sample).pixels
        began = clock()
        score = scorer(cast("MetricName", task.name), sample.pixels)
        ready = clock()
        score(candidate)
        return {"reference": ready - began, "score": clock() - ready}

    return run


def _guard_run(task: BenchmarkTask) -> _Run:
    neural = registry.first_in_lane(Lane.NEURAL)

    def run(sample: ImageSample, position: float, clock: Clock) -> dict[str, float]:
        candidate = _as_jpeg(sample).pixels
        began = clock()
        check(
            sample.pixels,
            candidate,
            lane=Lane.NEURAL,
            carries=neural.carries,
            level=GuardLevel(task.name),
            target=Target.quality(50),
            score=50.0,
        )
        return {"check": clock() - began}

    return run


_RUNS: Mapping[str, Callable[[BenchmarkTask], _Run]] = {CODEC: _codec_run, SCORE: _score_run, GUARD: _guard_run}


class _Pictures:
    """Made once per size and kind."""

    def __init__(self) -> None:
        self._made: dict[tuple[float, int, bool], ImageSample] = {}

    def get(self, megapixels: float, seed: int, busy: bool) -> ImageSample:
        key = (megapixels, seed, busy)
        if key not in self._made:
            self._made[key] = from_pixels(picture(megapixels, seed, busy=busy))
        return self._made[key]


def _as_jpeg(sample: ImageSample) -> ImageSample:
    data = io.BytesIO()
    to_image(sample.pixels).save(data, "JPEG", quality=75)
    return read(data.getvalue(), limits=NO_LIMITS)


def _given(codec: Codec, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a whole configuration that `encode` has to be told: the rest is the codec's own."""
    own = codec.get_config()
    return {k: v for k, v in settings.items() if k not in own or own[k] != v}


def _knob(codec: Codec, position: float) -> dict[str, int]:
    knob = codec.knob
    if knob is None:
        return {}
    end = knob.low if position < 0 else knob.high
    return {knob.name: round(knob.start + abs(position) * (end - knob.start))}


def _settings(policy: Policy) -> Iterator[tuple[str, dict[str, Any]]]:
    """(codec id, settings) of every action."""
    actions = [rule.then for rule in policy.rules] + [policy.otherwise] + ([] if policy.on_error is None else [policy.on_error])
    for action in actions:
        for lane in action.lanes:
            for written, settings in lane.settings.items():
                yield codec_name(written), dict(settings)


def _start_up() -> float:
    """Seconds from a bare interpreter's first thought of the neural codec to its first image, less what the image takes."""
    code = (
        "import time; began = time.perf_counter()\n"
        "import numpy as np\n"
        "from router.codecs import registry\n"
        "from router.images.arrays import from_pixels\n"
        "from router.codecs.base import Lane\n"
        "codec, sample = registry.first_in_lane(Lane.NEURAL), from_pixels(np.zeros((64, 64, 3), np.uint8))\n"
        "codec.decode(codec.encode(sample, {})); once = time.perf_counter()\n"
        "codec.decode(codec.encode(sample, {})); print(2 * once - began - time.perf_counter())\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)  # noqa: S603
        return max(0.0, float(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0
