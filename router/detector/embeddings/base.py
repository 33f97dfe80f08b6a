"""The interface of an embedding: from the patches of one image to features of the whole and of each tile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.detector.patches import Patches

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Features:
    """The features of one image.

    Attributes:
        whole: (D,) float32, finite: the image as one vector.
        tiles: (N, T) float32, finite: each tile of the patches, in their order.
    """

    whole: Array
    tiles: Array


class Embedding(ABC):
    """One family of features. Immutable, deterministic, shared between threads."""

    id: str
    """Goes into the artefact of every detector fitted on it; changes whenever the value of any feature does."""

    def __reduce__(self) -> tuple[Any, ...]:
        """By id: networks are not copied, what a pickle becomes loads its own.

        A family that `embeddings.load` does not know says how it is made.
        """
        from router.detector import embeddings

        return embeddings.load, (self.id,)

    @abstractmethod
    def embed(self, patches: Patches) -> Features:
        """Features of one image. Gray images may have fewer of them than colour images, always the same."""

    @abstractmethod
    def tile_features(self, tiles: Array, gray: bool) -> Array:
        """(N, T) features of (N, h, w, C) float32 tiles in [0, 255], as in `Features.tiles`."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Several embeddings of one image, side by side.

    Attributes:
        whole: embedding id -> (D,) float32.
        tiles: (N, T) float32, the tile features of all embeddings in a row.
        corners: (N, 2) upper-left rows and columns of the tiles, in pixels.
        gray: the image has no colour worth modelling.
    """

    whole: dict[str, Array]
    tiles: Array
    corners: NDArray[np.intp]
    gray: bool


def embed(patches: Patches, embeddings: tuple[Embedding, ...]) -> Embedded:
    """All of `embeddings` of one image."""
    parts = {e.id: e.embed(patches) for e in embeddings}
    return Embedded(
        whole={name: part.whole for name, part in parts.items()},
        tiles=np.concatenate([part.tiles for part in parts.values()], axis=1),
        corners=patches.corners,
        gray=patches.gray,
    )
