"""One run: the sections asked for, each from what has been measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from router.detector.detector import Detector
from router.detector.scorer import SIZES
from router.evaluation.statistics import share
from training.detector.benchmark import alarms, cost, harm, shift_table, subjects, tables
from training.detector.benchmark.corpus import Corpus
from training.detector.benchmark.data import FAR, NEAR, PHOTOGRAPH, spread
from training.detector.benchmark.features import backbone_features
from training.detector.benchmark.measurements import Cache, complexity, detector_scores, neural_bits, stratum_of
from training.detector.benchmark.methods import BITS, BITS_REVERSED, IMGPROXY_LINE, OURS, Bench, Scored, joined, simple_judges
from training.detector.benchmark.shifts import all_shifts
from training.detector.benchmark.subjects import AS_IS, CHECKING_SEED, MIX

SECTIONS = ("tables", "alarms", "shifts", "harm", "cost")
NOT_ON_SHIFTS = (BITS, BITS_REVERSED)
"""The codec takes about half a second an image, and the shifted images are many."""
COST_PHOTOGRAPHS = 60
Result = dict[str, Any]


class BenchmarkRun:
    """One detector on one split. What several sections need is measured once."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises as `Detector.load` and `Corpus.open`."""
        self.options = options
        self.detector = Detector.load(options.detector)
        self.corpus = Corpus.open(options.data, options.split, options.limit, options.fit_limit, options.draws)
        self.bench = Bench(Cache(options.cache))
        self.bench.add_detector(detector_scores(self.detector))
        self.notes: list[str] = []
        self.scored: list[Scored] = []
        """All that was scored, for the table of scores and the figure."""

    def result(self) -> Result:
        """What `report.markdown` shows and the JSON file holds."""
        wanted = [name for name in SECTIONS if name in self.options.only and (name != "harm" or self.options.disadvantage)]
        if set(wanted) & {"tables", "shifts", "harm"}:
            self._add_rivals()
        if set(wanted) - {"cost"}:
            self._score_files()
        makers: dict[str, Callable[[], Result]] = {
            "tables": self._tables,
            "alarms": self._alarms,
            "shifts": self._shifts,
            "harm": self._harm,
            "cost": self._cost,
        }
        sections: Result = {}
        for name in wanted:
            sections |= makers[name]()
        refused = sorted({line for part in self.scored for line in part.refused})
        return {
            "detector_id": self.detector.id,
            "detector_sha256": self.detector.sha256,
            "split": self.options.split,
            "notes": [*self.notes, *(f"Not readable, left out: {line}." for line in refused)],
        } | sections

    def _add_rivals(self) -> None:
        corpus, bench = self.corpus, self.bench
        if self.options.features != "none" and corpus.fitting and corpus.calibrating:
            features = backbone_features(self.options.features)
            bench.add_rivals(features, corpus.fitting, corpus.calibrating)
            self.notes.append(
                f"pytorch-ood's detectors: {self.options.features} backbone features of {len(corpus.fitting)} views of training "
                f"photographs, {'with' if features.head is not None else 'without'} the backbone's classifier. They know nothing "
                "but photographs; what ours was fitted on is in its card."
            )
        if corpus.calibrating:
            for measurement in (neural_bits(), complexity()):
                bench.add_calibrated(measurement, simple_judges(measurement.name), corpus.calibrating)
            self.notes.append(f"Rivals' p-values: conformal against {len(corpus.calibrating)} photographs of dev/natural.")

    def _score_files(self) -> None:
        """Every file as it is; photographs under the mix of histories too."""
        corpus = self.corpus
        self.untouched = self._score(subjects.as_is(corpus.photographs))
        self.domains = self._score(subjects.as_is(corpus.others))
        self.mixed = self._score(subjects.under_mix(corpus.photographs, CHECKING_SEED))
        self.photographs = self.mixed if self.options.photographs == MIX else self.untouched
        how = "as they are" if self.options.photographs == AS_IS else "under one history each, drawn from the mix"
        self.notes.append(f"Told apart from {len(self.photographs.subjects)} photographs, {how}.")
        if self.options.split == "dev":
            self.notes.append(
                "On dev the detector meets images that it was fitted, calibrated or chosen on: these figures flatter it, and its "
                "false alarms are no independent check."
            )
        if corpus.unread:
            self.notes.append(f"Domains without a file that is read here: {', '.join(corpus.unread)}.")

    def _tables(self) -> Result:
        smallest = self.options.smallest_domain
        found = {name: tables.domain_table(name, self.photographs, self.domains, smallest) for name in self.bench.names}
        return {"tables": found, "comparison": tables.comparison(found), "imgproxy_line": self._imgproxy_line()}

    def _imgproxy_line(self) -> Result:
        groups = {PHOTOGRAPH: self.photographs} | {
            group: self.domains.where(lambda s, group=group: s.picture.group == group)  # type: ignore[misc]
            for group in (NEAR, FAR)
        }
        return {
            name: share(part.vectors["complexity"][:, 0] < IMGPROXY_LINE)
            for name, part in groups.items()
            if part.subjects and "complexity" in part.vectors
        }

    def _alarms(self) -> Result:
        each = self._score(
            [
                *(s for size in SIZES for s in subjects.under_mix(self.corpus.photographs, CHECKING_SEED, size=size)),
                *subjects.under_each_history(self.corpus.photographs),
            ],
            [OURS],
        )
        known = joined([*self.scored, each])
        sizes = alarms.calibration_sizes([stratum_of(v) for v in known.vectors[OURS]], known.p_values[OURS])
        return {
            "false_alarms": alarms.false_alarms([self.untouched, self.mixed, each], sizes),
            "calibration_sizes": sizes,
        }

    def _shifts(self) -> Result:
        foreign, photographs, donors = self.corpus.donors()
        wanted = tuple(self.options.shifts or ("",))
        every = [shift for shift in all_shifts(foreign, photographs) if shift.name.startswith(wanted)]
        if not every:
            raise ValueError(f"no shift begins with {' or '.join(wanted)}")
        chosen = spread(self.corpus.photographs, self.options.shift_limit)
        names = {picture.name for picture in chosen}
        shifted = self._score(
            subjects.shifted(chosen, every, donors), [name for name in self.bench.names if name not in NOT_ON_SHIFTS]
        )
        untouched = self.untouched.where(lambda s: s.picture.name in names)
        return {"shifts": shift_table.shift_rows(shifted, untouched, every)}

    def _harm(self) -> Result:
        table = harm.read_disadvantage(self.options.disadvantage, self.options.target)
        return {"harm": harm.harm_report(table, joined([self.untouched, self.domains]))}

    def _cost(self) -> Result:
        chosen = spread(self.corpus.photographs, COST_PHOTOGRAPHS)
        return {"cost": cost.cost(self.detector, list(subjects.readable(chosen)), repeats=self.options.repeats)}

    def _score(self, what: Sequence[subjects.Subject], names: Sequence[str] | None = None) -> Scored:
        scored = self.bench.score(what, names)
        if not scored.subjects:
            raise ValueError(f"none of {len(what)} images could be read: {'; '.join(scored.refused[:3])}")
        self.scored.append(scored)
        return scored


def figure_groups(run: BenchmarkRun) -> dict[str, np.ndarray]:
    """Our scores by group, for the figure."""
    outside = run.domains.scores[OURS]
    groups = np.array([s.picture.group for s in run.domains.subjects])
    found = {PHOTOGRAPH: run.photographs.scores[OURS], NEAR: outside[groups == NEAR], FAR: outside[groups == FAR]}
    return {name: scores for name, scores in found.items() if len(scores)}
