"""The out-of-distribution detector: embeddings, calibrated scorer, calibration, behind one immutable, thread-safe object."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.artefacts import DETECTORS
from router.artefacts.bundle import vouch
from router.detector import embeddings
from router.detector.calibration import ScoreCalibration
from router.detector.embeddings.base import Embedding, embed
from router.detector.fusion import Fusion
from router.detector.patches import MIN_SIDE, TILE, extract_patches, extract_tiles
from router.detector.report import OodReport
from router.detector.scorer import SIZES, CalibratedScorer, Estimators
from router.errors import UsageError
from router.files.addresses import shown
from router.files.named import is_folder
from router.images.sample import ImageSample
from router.reasons import ReasonCode

DEFAULT_ID = "photo-3"
"""Folder of the detectors shipped with the package."""
HIGHEST_SCORE = 1000.0
"""`ood_score` is kept within plus or minus this; images too small to measure get it."""
_CELL = TILE // 2
_MOST_CELLS = 1024
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Detector:
    """Scores images. Build with `load`; share freely between threads.

    Attributes:
        id: goes into every report.
        sha256: content hash of the artefact.
        alpha: share of photographs that may be called out of distribution.
        embeddings: what an image is turned into, in the order of the artefact.
        colour, gray: what images of either kind are judged by; without `colour` (a collection of gray images) every colour
            image is out.
    """

    id: str
    sha256: str
    alpha: float
    embeddings: tuple[Embedding, ...] = field(repr=False)
    colour: CalibratedScorer | None = field(repr=False)
    gray: CalibratedScorer = field(repr=False)

    @classmethod
    def load(cls, path_or_id: str | Path | None = None, *, alpha: float | None = None) -> Detector:
        """Load and verify a detector.

        Args:
            path_or_id: a folder with an artefact, the id of a shipped detector, or None for the shipped default.
            alpha: overrides the artefact's, in (0, 1).

        Raises:
            UsageError: no such detector, or alpha out of range.
            ArtefactError: damaged (ARTEFACT_DAMAGED), or made for another embedding or schema (UNSUPPORTED_VERSION).
            CodecUnavailableError: an embedding needs an extra that is not installed (MISSING_EXTRA).
        """
        from router.detector import artefact

        folder = _locate(path_or_id)
        manifest, arrays = artefact.read(folder)
        if folder.parent == DETECTORS:
            vouch("detectors", manifest.sha256, manifest.detector_id, folder.name)
        alpha = manifest.alpha if alpha is None else alpha
        if not 0 < alpha < 1:
            raise UsageError(f"alpha must lie in (0, 1), not {alpha}", code=ReasonCode.BAD_ARGUMENT, hint="0.05 is usual")
        used = tuple(embeddings.load(name, manifest.detector_id) for name in manifest.embeddings)

        def scorer_of_kind(kind: str, part: artefact.KindManifest) -> CalibratedScorer:
            if set(part.calibration_scores) != set(SIZES):
                raise ValueError(f"{kind}: calibration is for {', '.join(part.calibration_scores)}, not {', '.join(SIZES)}")
            return CalibratedScorer(
                Estimators.from_arrays(arrays, kind, manifest.embeddings[0]),
                Fusion.from_arrays(arrays, f"{kind}.fusion"),
                {size: ScoreCalibration(scores) for size, scores in part.calibration_scores.items()},
                part.tile_median,
                part.tile_upper,
            )

        try:
            colour = None if manifest.colour is None else scorer_of_kind("colour", manifest.colour)
            gray = scorer_of_kind("gray", manifest.gray)
        except (KeyError, ValueError) as error:
            raise artefact.damaged(folder, f"inconsistent arrays: {error}") from error
        return cls(id=manifest.detector_id, sha256=manifest.sha256, alpha=alpha, embeddings=used, colour=colour, gray=gray)

    @property
    def calibrated_on(self) -> int:
        """The smallest number of calibration photographs behind a p-value."""
        known = [scorer_of_kind for scorer_of_kind in (self.colour, self.gray) if scorer_of_kind is not None]
        return min(len(c) for scorer_of_kind in known for c in scorer_of_kind.calibration.values())

    def score(self, sample: ImageSample, heatmap: bool = False) -> OodReport:
        """How far out `sample` is.

        An image whose shorter side is below 32 px is not measured: it is reported out of distribution with the smallest
        p-value. A heatmap costs about 3 ms a cell, of at most 1,024.

        Raises:
            InputError: the pixels cannot be decoded.
        """
        if min(sample.width, sample.height) < MIN_SIDE:
            return self._out("too-small", sample, heatmap)
        seen = extract_patches(sample)
        scorer_of_kind = self.gray if seen.gray else self.colour
        if scorer_of_kind is None:
            return self._out("colour", sample, heatmap)
        embedded = embed(seen, self.embeddings)
        score, p_value, size = scorer_of_kind.score(embedded)
        score = float(np.clip(score, -HIGHEST_SCORE, HIGHEST_SCORE))
        stratum = f"{'gray' if embedded.gray else 'colour'}-{size}"
        report = replace(
            self._report(score, p_value, stratum), calibration=scorer_of_kind.calibration[size].ascending, features=embedded.whole
        )
        return self._with_heatmap(report, sample, *self._heatmap(sample, embedded.gray, scorer_of_kind)) if heatmap else report

    def _out(self, stratum: str, sample: ImageSample, heatmap: bool) -> OodReport:
        """The report on an image that is out without being measured."""
        p_value = 1 / (self.calibrated_on + 1)
        report = self._report(HIGHEST_SCORE, p_value, stratum)
        if not heatmap:
            return report
        return self._with_heatmap(report, sample, np.full((1, 1), HIGHEST_SCORE, np.float32), max(sample.width, sample.height))

    @staticmethod
    def _with_heatmap(report: OodReport, sample: ImageSample, cells: NDArray[np.float32], tile_size: int) -> OodReport:
        from router.images.thumbnails import thumbnail

        small = thumbnail(sample.pixels, sample.metadata.icc)
        scale = max(small.shape[:2]) / max(sample.width, sample.height)
        return replace(report, heatmap=cells, tile_size=tile_size, thumbnail=small, thumbnail_scale=scale)

    def _report(self, score: float, p_value: float, stratum: str) -> OodReport:
        return OodReport(
            ood_score=score,
            p_value=p_value,
            in_distribution=p_value > self.alpha,
            alpha=self.alpha,
            detector_id=self.id,
            detector_sha256=self.sha256,
            stratum=stratum,
        )

    def _heatmap(self, sample: ImageSample, gray: bool, scorer_of_kind: CalibratedScorer) -> tuple[NDArray[np.float32], int]:
        """Scores of 96 px windows centred on each cell.

        Cells are 48 px, doubled until at most 1,024 of them cover the image; cells above 96 px are thus judged by their
        centre.
        """
        cell = _CELL
        while -(-sample.height // cell) * -(-sample.width // cell) > _MOST_CELLS:
            cell *= 2
        rows, cols = -(-sample.height // cell), -(-sample.width // cell)
        ys = np.clip(np.arange(rows) * cell + cell // 2 - TILE // 2, 0, max(sample.height - TILE, 0))
        xs = np.clip(np.arange(cols) * cell + cell // 2 - TILE // 2, 0, max(sample.width - TILE, 0))
        corners = np.stack(np.meshgrid(ys, xs, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.intp)
        batches = [corners[i : i + _BATCH] for i in range(0, len(corners), _BATCH)]
        features = np.concatenate([self._tile_features(extract_tiles(sample, batch, gray), gray) for batch in batches])
        scores = np.clip(scorer_of_kind.tile_scores(features), -HIGHEST_SCORE, HIGHEST_SCORE)
        return scores.astype(np.float32).reshape(rows, cols), cell

    def _tile_features(self, tiles: NDArray[np.float32], gray: bool) -> NDArray[np.float32]:
        return np.concatenate([e.tile_features(tiles, gray) for e in self.embeddings], axis=1)


@cache
def default_detector() -> Detector:
    """The shipped detector, loaded once a process. Raises ArtefactError if it is damaged."""
    return Detector.load()


def _locate(path_or_id: str | Path | None) -> Path:
    if path_or_id is None:
        return DETECTORS / DEFAULT_ID
    if is_folder(folder := Path(path_or_id)):
        return folder
    shipped = sorted(p.name for p in DETECTORS.iterdir() if p.is_dir()) if DETECTORS.is_dir() else []
    if str(path_or_id) in shipped:
        return DETECTORS / str(path_or_id)
    raise UsageError(
        f"no detector {shown(path_or_id)}",
        code=ReasonCode.NOT_FOUND,
        hint=f"Give a folder of this machine with a detector, or one of: {', '.join(shipped)}",
    )
