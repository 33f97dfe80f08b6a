"""Methods side by side: each turns measured vectors into scores, higher = further out, and conformal p-values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.detector.calibration import ScoreCalibration
from training.detector.benchmark.baselines import Judge, fit_rivals
from training.detector.benchmark.features import FeatureSet
from training.detector.benchmark.measurements import Cache, Measurement
from training.detector.benchmark.statistics import Scores
from training.detector.benchmark.subjects import Subject

OURS = "detector"
BITS, BITS_REVERSED = "codec bits", "codec bits, reversed"
ENTROPY, GRADIENT = "complexity: entropy", "complexity: gradient"
IMGPROXY_LINE = 5.5
"""imgproxy's default IMGPROXY_BEST_FORMAT_COMPLEXITY_THRESHOLD."""


@dataclass(frozen=True)
class Method:
    """One detector: scores and p-values of (N, k) vectors of its measurement."""

    name: str
    measurement: Measurement
    judge: Callable[[NDArray[np.float64]], tuple[Scores, Scores]]


@dataclass(frozen=True)
class Scored:
    """Subjects that all measurements could be made on, in order, and per method their scores and p-values."""

    subjects: list[Subject]
    scores: Mapping[str, Scores]
    p_values: Mapping[str, Scores]
    vectors: Mapping[str, NDArray[np.float64]]
    refused: list[str]

    def where(self, keep: Callable[[Subject], bool]) -> Scored:
        """Those subjects that `keep` is true of."""
        rows = [i for i, subject in enumerate(self.subjects) if keep(subject)]
        return Scored(
            [self.subjects[i] for i in rows],
            {name: values[rows] for name, values in self.scores.items()},
            {name: values[rows] for name, values in self.p_values.items()},
            {name: values[rows] for name, values in self.vectors.items()},
            [],
        )


def joined(parts: Sequence[Scored]) -> Scored:
    """Several in a row, with the methods that all of them have."""
    parts = [part for part in parts if part.subjects]

    def together(tables: Sequence[Mapping[str, Scores]]) -> dict[str, Scores]:
        return {name: np.concatenate([t[name] for t in tables]) for name in tables[0] if all(name in t for t in tables)}

    return Scored(
        [subject for part in parts for subject in part.subjects],
        together([part.scores for part in parts]),
        together([part.p_values for part in parts]),
        together([part.vectors for part in parts]),
        [line for part in parts for line in part.refused],
    )


class Bench:
    """Measures subjects (once, through the cache) and judges them by several methods."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.methods: list[Method] = []

    @property
    def names(self) -> list[str]:
        """The names of all methods, ours first."""
        return [method.name for method in self.methods]

    def add_detector(self, measurement: Measurement) -> None:
        """Ours: its vectors hold the score and the p-value."""
        self.methods.append(Method(OURS, measurement, lambda vectors: (vectors[:, 0], vectors[:, 1])))

    def add_calibrated(self, measurement: Measurement, judges: Mapping[str, Judge], calibrating: Sequence[Subject]) -> None:
        """Rivals on one measurement; their p-values are conformal against the scores of `calibrating`, as ours are."""
        vectors = self._matrix(measurement, calibrating)
        for name, judge in judges.items():
            self.methods.append(Method(name, measurement, _calibrated(judge, ScoreCalibration(judge(vectors)))))

    def add_rivals(self, features: FeatureSet, fitting: Sequence[Subject], calibrating: Sequence[Subject]) -> None:
        """pytorch-ood's detectors, fitted on `fitting`."""
        vectors = self._matrix(features.measurement, fitting)
        fitted = fit_rivals(vectors[:, : features.used], features.head)
        judges = {name: _of_first(features.used, judge) for name, judge in fitted.items()}
        self.add_calibrated(features.measurement, judges, calibrating)

    def score(self, subjects: Sequence[Subject], names: Sequence[str] | None = None) -> Scored:
        """All methods, or those of `names`, on `subjects`; what any of them cannot read is left out for all."""
        methods = [method for method in self.methods if names is None or method.name in names]
        found = {m.name: self._cache.vectors(m, subjects) for m in {m.measurement.name: m.measurement for m in methods}.values()}
        good = [i for i in range(len(subjects)) if all(vectors[i] is not None for vectors, _ in found.values())]
        matrices = {name: _stacked([vectors[i] for i in good]) for name, (vectors, _) in found.items()}
        judged = {method.name: method.judge(matrices[method.measurement.name]) for method in methods} if good else {}
        return Scored(
            [subjects[i] for i in good],
            {name: scores for name, (scores, _) in judged.items()},
            {name: p_values for name, (_, p_values) in judged.items()},
            matrices,
            sorted({line for _, lines in found.values() for line in lines}),
        )

    def _matrix(self, measurement: Measurement, subjects: Sequence[Subject]) -> NDArray[np.float64]:
        vectors, _ = self._cache.vectors(measurement, subjects)
        return _stacked([v for v in vectors if v is not None])


def simple_judges(measurement_name: str) -> dict[str, Judge]:
    """Rivals that need no fitting, by the name of their measurement."""
    judges: dict[str, dict[str, Judge]] = {
        "codec bits": {BITS: lambda v: v[:, 0], BITS_REVERSED: lambda v: -v[:, 0]},
        "complexity": {ENTROPY: lambda v: -v[:, 0], GRADIENT: lambda v: -v[:, 1]},
    }
    return judges[measurement_name]


def _of_first(count: int | None, judge: Judge) -> Judge:
    return lambda vectors: judge(vectors[:, :count])


def _calibrated(judge: Judge, calibration: ScoreCalibration) -> Callable[[NDArray[np.float64]], tuple[Scores, Scores]]:
    def both(vectors: NDArray[np.float64]) -> tuple[Scores, Scores]:
        scores = judge(vectors)
        return scores, np.array([calibration.p_value(s) for s in calibration.scale(scores)])

    return both


def _stacked(vectors: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64]:
    return np.stack([v for v in vectors if v is not None]) if vectors else np.empty((0, 0))
