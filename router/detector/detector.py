"""The out-of-distribution detector: embedding, density, calibration, behind one immutable, thread-safe object."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.detector.calibration import Calibration
from router.detector.density import MixtureDensity
from router.detector.embeddings import (
    EMBEDDING_VERSION,
    MIN_SIDE,
    Embedding,
    embed,
    feature_names,
    tile_feature_names,
    tile_features,
)
from router.detector.report import OodReport
from router.detector.views import TILE, tile_views
from router.errors import ArtefactError, UsageError
from router.images.sample import ImageSample
from router.reasons import ReasonCode

DEFAULT_ID = "scene-1"
DETECTORS = Path(__file__).parent.parent / "detectors"
"""Folder of the detectors shipped with the package."""
HIGHEST_SCORE = 1000.0
"""`ood_score` is kept within plus or minus this; images too small to measure get it."""
_CELL = TILE // 2
_MOST_CELLS = 1024
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Stratum:
    """Density and calibration of colour or of gray images."""

    density: MixtureDensity
    tile_density: MixtureDensity
    calibration: Calibration
    tile_median: float
    tile_upper: float


@dataclass(frozen=True, eq=False)
class Detector:
    """Scores images. Build with `load`; share freely between threads.

    Attributes:
        id: goes into every report.
        sha256: content hash of the artefact.
        alpha: share of photographs that may be called out of distribution.
        colour, gray: what images of either kind are compared with.
    """

    id: str
    sha256: str
    alpha: float
    colour: Stratum = field(repr=False)
    gray: Stratum = field(repr=False)

    @classmethod
    def load(cls, path_or_id: str | Path | None = None, *, alpha: float | None = None) -> Detector:
        """Load and verify a detector.

        Args:
            path_or_id: a folder with an artefact, the id of a shipped detector, or None for the shipped default.
            alpha: overrides the artefact's, in (0, 1).

        Raises:
            UsageError: no such detector, or alpha out of range.
            ArtefactError: damaged (ARTEFACT_DAMAGED), or made for another embedding or schema (UNSUPPORTED_VERSION).
        """
        from router.detector import artefact

        folder = _locate(path_or_id)
        manifest, arrays = artefact.read(folder)
        if manifest.embedding_version != EMBEDDING_VERSION:
            raise ArtefactError(
                f"detector {manifest.detector_id} was fitted on embedding version {manifest.embedding_version}, "
                f"this build computes version {EMBEDDING_VERSION}",
                code=ReasonCode.UNSUPPORTED_VERSION,
                hint="Fit it again: python -m training.detector.fit",
            )
        alpha = manifest.alpha if alpha is None else alpha
        if not 0 < alpha < 1:
            raise UsageError(f"alpha must lie in (0, 1), not {alpha}", code=ReasonCode.BAD_ARGUMENT, hint="0.05 is usual")

        def stratum(name: str, gray: bool) -> Stratum:
            part = manifest.gray if gray else manifest.colour
            if part.features != feature_names(gray) or part.tile_features != tile_feature_names(gray):
                raise artefact.damaged(folder, f"the {name} features are not those of embedding version {EMBEDDING_VERSION}")
            density = MixtureDensity.from_arrays(arrays, name)
            tile_density = MixtureDensity.from_arrays(arrays, f"{name}_tile")
            if density.feature_count != len(part.features) or tile_density.feature_count != len(part.tile_features):
                raise ValueError("density and feature names differ in number")
            return Stratum(density, tile_density, Calibration(part.calibration_scores), part.tile_median, part.tile_upper)

        try:
            colour, gray = stratum("colour", False), stratum("gray", True)
        except (KeyError, ValueError) as error:
            raise artefact.damaged(folder, f"inconsistent arrays: {error}") from error
        return cls(id=manifest.detector_id, sha256=manifest.sha256, alpha=alpha, colour=colour, gray=gray)

    def score(self, sample: ImageSample, heatmap: bool = False) -> OodReport:
        """How far out `sample` is.

        An image whose shorter side is below 32 px is not measured: it is reported out of distribution with the smallest
        p-value. A heatmap costs about 2 ms a cell, of at most 1,024.

        Raises:
            InputError: the pixels cannot be decoded.
        """
        if min(sample.width, sample.height) < MIN_SIDE:
            p_value = min(self.colour.calibration.smallest_p, self.gray.calibration.smallest_p)
            cells = np.full((1, 1), HIGHEST_SCORE, np.float32) if heatmap else None
            return self._report(HIGHEST_SCORE, p_value, "too-small", cells, max(sample.width, sample.height))
        embedding = embed(sample)
        score = self.score_embedding(embedding)
        p_value = self._stratum(embedding.gray).calibration.p_value(score)
        name = "gray" if embedding.gray else "colour"
        if not heatmap:
            return self._report(score, p_value, name)
        return self._report(score, p_value, name, *self._heatmap(sample, embedding.gray))

    def score_embedding(self, embedding: Embedding) -> float:
        """`ood_score` of an embedding."""
        stratum = self._stratum(embedding.gray)
        scaled = stratum.calibration.scale(stratum.density.score(embedding.vector[None]))[0]
        return float(np.clip(scaled, -HIGHEST_SCORE, HIGHEST_SCORE))

    def _stratum(self, gray: bool) -> Stratum:
        return self.gray if gray else self.colour

    def _report(
        self, score: float, p_value: float, stratum: str, heatmap: NDArray[np.float32] | None = None, tile_size: int | None = None
    ) -> OodReport:
        return OodReport(
            ood_score=score,
            p_value=p_value,
            in_distribution=p_value > self.alpha,
            alpha=self.alpha,
            detector_id=self.id,
            stratum=stratum,
            heatmap=heatmap,
            tile_size=None if heatmap is None else tile_size,
        )

    def _heatmap(self, sample: ImageSample, gray: bool) -> tuple[NDArray[np.float32], int]:
        """Scores of 96 px windows centred on each cell. Cells are 48 px, doubled until at most 1,024 of them cover the image;
        cells above 96 px are thus judged by their centre."""
        cell = _CELL
        while -(-sample.height // cell) * -(-sample.width // cell) > _MOST_CELLS:
            cell *= 2
        rows, cols = -(-sample.height // cell), -(-sample.width // cell)
        ys = np.clip(np.arange(rows) * cell + cell // 2 - TILE // 2, 0, max(sample.height - TILE, 0))
        xs = np.clip(np.arange(cols) * cell + cell // 2 - TILE // 2, 0, max(sample.width - TILE, 0))
        corners = np.stack(np.meshgrid(ys, xs, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.intp)
        stratum = self._stratum(gray)
        batches = [corners[i : i + _BATCH] for i in range(0, len(corners), _BATCH)]
        raw = np.concatenate([stratum.tile_density.score(tile_features(tile_views(sample, batch, gray))) for batch in batches])
        scaled = (raw - stratum.tile_median) / max(stratum.tile_upper - stratum.tile_median, 1e-9)
        return np.clip(scaled, -HIGHEST_SCORE, HIGHEST_SCORE).astype(np.float32).reshape(rows, cols), cell


@cache
def default_detector() -> Detector:
    """The shipped detector, loaded once a process. Raises ArtefactError if it is damaged."""
    return Detector.load()


def _locate(path_or_id: str | Path | None) -> Path:
    if path_or_id is None:
        return DETECTORS / DEFAULT_ID
    if (folder := Path(path_or_id)).is_dir():
        return folder
    shipped = sorted(p.name for p in DETECTORS.iterdir() if p.is_dir()) if DETECTORS.is_dir() else []
    if str(path_or_id) in shipped:
        return DETECTORS / str(path_or_id)
    raise UsageError(
        f"no detector {path_or_id}",
        code=ReasonCode.NOT_FOUND,
        hint=f"Give a folder with a detector, or one of: {', '.join(shipped)}",
    )
