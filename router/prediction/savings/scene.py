"""The scene statistics of one image, computed at most once: by the detector if it has looked at the image, else when asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from router.detector.embeddings.base import Array, Embedding, Features
from router.detector.embeddings.scene import Scene
from router.detector.patches import MIN_SIDE, Views, views
from router.images.sample import ImageSample

if TYPE_CHECKING:
    from router.detector.detector import Detector
    from router.detector.report import OodReport


class SceneOnce:
    """One image on its way through one decision; not for several threads."""

    def __init__(self, sample: ImageSample) -> None:
        self.sample = sample
        self._found: tuple[Array, bool] | None = None

    def score(self, detector: Detector) -> OodReport:
        """As `detector.score`, keeping the statistics if it computes them. Errors as there."""
        embeddings = getattr(detector, "embeddings", ())
        if not any(embedding.id == Scene.id for embedding in embeddings):
            return detector.score(self.sample)
        watched = tuple(_Watched(e, self) if e.id == Scene.id else e for e in embeddings)
        return replace(detector, embeddings=watched).score(self.sample)

    def statistics(self) -> tuple[Array, bool] | None:
        """`Scene`'s features of the whole image and whether it counts as gray; None of an image too small to measure.

        Raises InputError if the pixels cannot be decoded.
        """
        if self._found is None and min(self.sample.width, self.sample.height) >= MIN_SIDE:
            seen = views(self.sample)
            self.keep(Scene().embed(seen), seen.gray)
        return self._found

    def keep(self, features: Features, gray: bool) -> None:
        """What was computed elsewhere."""
        self._found = features.whole, gray


class _Watched(Embedding):
    def __init__(self, embedding: Embedding, image: SceneOnce) -> None:
        self.id = embedding.id
        self._embedding, self._image = embedding, image

    def embed(self, views: Views) -> Features:
        features = self._embedding.embed(views)
        self._image.keep(features, views.gray)
        return features

    def tile_features(self, tiles: Array, gray: bool) -> Array:
        return self._embedding.tile_features(tiles, gray)
