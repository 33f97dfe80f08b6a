"""One evaluation from folders to files."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.errors import ArtefactError
from router.evaluation import harm as harms
from router.evaluation.measure import fingerprint
from router.evaluation.measure.folder import TARGETS, MeasuredImage, measure_all, table
from router.evaluation.measure.pictures import DomainImage, at_most
from router.evaluation.measure.variants import NEURAL, CodecVariant
from router.extras import require
from router.files.named import write_atomically
from router.policy.compiled import CompiledPolicy

if TYPE_CHECKING:
    import pandas as pd

    from router.evaluation.detection.separation import Detections
    from router.evaluation.page.survival import Survival

QUICK_IMAGES, QUICK_SIDE = 6, 512
"""The declared subset of a quick run: so many images a domain, evenly spread, and centre crops of at most so many px a side."""

NATURAL = ("natural",)
"""Domains that count as natural images unless others are named."""

SCHEMA_VERSION = 2
"""Of results.json. 2 added `bd_rates`, `detector`, regret by rule and the permitted oracle."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What to evaluate.

    Attributes:
        targets: SSIMULACRA2.
        jobs: images at a time; -1 for one a core.
        max_side: centre crop of the points' images, None for whole images. Decisions are always on whole files.
        natural: domains that the detector tells others from.
        butteraugli: the program, see `measure.butteraugli.find`; harm is judged by it too. None: by MS-SSIM alone.
    """

    pictures: Sequence[DomainImage]
    families: Sequence[CodecVariant]
    policies: Sequence[CompiledPolicy]
    targets: Sequence[float] = TARGETS
    jobs: int = 1
    max_side: int | None = None
    quick: bool = False
    natural: Sequence[str] = NATURAL
    butteraugli: Path | None = None

    def quickened(self) -> EvaluationPlan:
        """The same over the declared subset."""
        pictures = at_most(self.pictures, QUICK_IMAGES)
        side = QUICK_SIDE if self.max_side is None else min(self.max_side, QUICK_SIDE)
        return replace(self, pictures=pictures, max_side=side, quick=True)


@dataclass(frozen=True)
class Report:
    """All tables, and what goes into results.json."""

    points: pd.DataFrame
    matched: pd.DataFrame
    routed: pd.DataFrame
    harm: pd.DataFrame
    scores: pd.DataFrame
    baselines: pd.DataFrame
    detections: Detections
    butteraugli: pd.DataFrame | None
    results: dict[str, Any] = field(repr=False)


def require_packages() -> None:
    """Raises CodecUnavailableError (MISSING_EXTRA) where the report extra is not installed."""
    require("report", "evaluation", "pandas", "pyarrow", "joblib", "scipy", "jinja2", "bjontegaard")


def evaluate(plan: EvaluationPlan, cache: Path, tell: Callable[[MeasuredImage], None] | None = None) -> Report:
    """Measure, decide, compare. `tell` is called after each image. What `cache` holds is not measured again."""
    import pandas as pd

    from router.evaluation import butteraugli_harm as second
    from router.evaluation.comparison.baselines import baseline_results
    from router.evaluation.comparison.bd_rate import bd_rates, by_domain
    from router.evaluation.comparison.decisions import decide_all
    from router.evaluation.comparison.matched import at_targets, disadvantage
    from router.evaluation.comparison.routing import routed
    from router.evaluation.detection import separation
    from router.evaluation.detection.scores import detector_scores
    from router.evaluation.summary import harm_over_targets, summary

    done = []
    for measured in measure_all(plan.pictures, plan.families, plan.targets, cache, jobs=plan.jobs, max_side=plan.max_side):
        if tell is not None:
            tell(measured)
        done.append(measured)
    points = table(done)
    matched = at_targets(points, plan.targets)
    gaps = pd.concat([disadvantage(points, target) for target in plan.targets], ignore_index=True)
    matched = matched.merge(gaps, on=["domain", "image", "target"], how="left")
    decided = decide_all(plan.pictures, plan.policies, plan.targets)
    replayed = routed(points, decided, plan.policies)
    harmful = harms.harm(points, plan.targets)
    compared = baseline_results(points, plan.targets)
    asks = any(family.name == NEURAL for family in plan.families) or any("ood" in policy.groups for policy in plan.policies)
    scores = detector_scores(plan.pictures if asks else (), decided, cache / "scores")
    told = separation.detections(scores, plan.natural)
    seen = None
    if plan.butteraugli is not None:
        seen = second.butteraugli_harm(
            points, replayed, plan.pictures, cache, plan.butteraugli, max_side=plan.max_side, jobs=plan.jobs
        )
    results = {
        "schema_version": SCHEMA_VERSION,
        "run": _run_facts(plan, done, points),
        "targets": summary(compared, replayed, harmful),
        "harm": {
            "version": harms.VERSION,
            "tau_db": dict(harms.TAU),
            "over_targets": harm_over_targets(replayed, harmful, plan.targets),
        }
        | ({} if seen is None else {"butteraugli": second.summary(replayed, seen, harmful)}),
        "bd_rates": by_domain(bd_rates(points)),
        "detector": separation.summary(told),
    }
    return Report(points, matched, replayed, harmful, scores, compared, told, seen, results)


FILES = (
    "points.parquet",
    "matched.parquet",
    "matched.csv",
    "routed.parquet",
    "routed.csv",
    "rivals.csv",
    "harm.csv",
    "butteraugli.csv",
    "scores.csv",
    "results.json",
    "index.html",
)
"""All that `write` and `write_page` write."""


def write(report: Report, folder: Path) -> list[Path]:
    """Write the report's files.

    They are points.parquet, matched.parquet and .csv, routed.parquet and .csv, rivals.csv, harm.csv, scores.csv,
    results.json, and butteraugli.csv where it was asked for.

    What is there is overwritten.

    Each file appears whole or not at all. Raises OutputNotWritableError.
    """
    files = {
        "points.parquet": report.points.to_parquet(None, index=False),
        "matched.parquet": report.matched.to_parquet(None, index=False),
        "matched.csv": report.matched.to_csv(None, index=False).encode(),
        "routed.parquet": report.routed.to_parquet(None, index=False),
        "routed.csv": report.routed.to_csv(None, index=False).encode(),
        "rivals.csv": report.baselines.to_csv(None, index=False).encode(),
        "harm.csv": report.harm.to_csv(None, index=False).encode(),
        **({} if report.butteraugli is None else {"butteraugli.csv": report.butteraugli.to_csv(None, index=False).encode()}),
        "scores.csv": report.scores.to_csv(None, index=False).encode(),
        "results.json": (json.dumps(report.results, indent=1, allow_nan=False) + "\n").encode(),
    }
    return [write_atomically(folder / name, data, overwrite=True) for name, data in files.items()]


def write_page(
    report: Report, plan: EvaluationPlan, folder: Path, cache: Path, survival: Sequence[Survival] | None = None
) -> Path:
    """index.html; see `router.evaluation.page`. The crops of its worst cases are kept in `cache`.

    `survival`: figures to show, see `page.survival`. Raises OutputNotWritableError.
    """
    from router.evaluation.page.build import ReportPage, build
    from router.evaluation.page.cases import cases

    found = cases(report.harm, report.routed, report.points, plan.pictures, cache / "crops", plan.max_side)
    page = ReportPage(report.points, report.baselines, report.routed, report.detections, report.results, found, survival)
    return write_atomically(folder / "index.html", build(page), overwrite=True)


def _run_facts(plan: EvaluationPlan, done: Sequence[MeasuredImage], points: pd.DataFrame) -> dict[str, Any]:
    from router.artefacts.bundle import shipped_bundle

    try:
        bundle: str | None = shipped_bundle().id
    except ArtefactError:  # what was measured is no less true
        bundle = None
    encoded = sum(one.encoded for one in done)
    return {
        "quick": plan.quick,
        "max_side": plan.max_side,
        "targets": [float(target) for target in plan.targets],
        "families": {family.name: dict(family.config) for family in plan.families},
        "policies": {p.name: {"sha256": p.sha256, "policy": p.policy.model_dump(mode="json")} for p in plan.policies},
        "receiver": "self",
        "bundle": bundle,
        "versions": fingerprint.run_facts(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "images": {domain: int(count) for domain, count in points.groupby("domain")["image"].nunique().items()},
        "points": len(points),
        "encoded_now": encoded,
        "from_cache": len(points) - encoded,
        "refused": sorted([*_label(one), family, code] for one in done for family, code in one.refused.items()),
        "failed": sorted([*_label(one), *one.failure] for one in done if one.failure is not None),
    }


def _label(measured: MeasuredImage) -> tuple[str, str]:
    return measured.picture.domain, measured.picture.image
