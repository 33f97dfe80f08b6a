"""What the neural codec itself says of an image: energy of its latents, side information, bits against its prior.

The prior's likelihood alone is a poor detector, since simple images are likely whatever they show (Nalisnick et al., ICLR 2019);
the remedy of Serra et al. (ICLR 2020) is to compare it with what a general lossless coder takes, which is one of the
features. They depend on the codec's weights: a detector on them is refused beside any other model.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural import weights
from router.detector.embeddings.base import Array, Embedding, Features
from router.detector.patches import Patches
from router.errors import ArtefactError, ModelError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.codecs.neural.tile import TileCoder

PREFIX = "codec-"
RATE = 39_000
"""The rate index that latents are scaled and coded at: the middle of the range in use."""
_DIGITS = 8
_MULTIPLE = 64
_FLOOR = 1e-3


class CodecFeatures(Embedding):
    """Features that the neural codec's own analysis gives.

    For each tile: log energy of every latent channel, mean size of every hyper-latent channel, bits per pixel of the
    stream, normalised residual, share of skipped latents, and stream bits against a PNG's. For the whole: their mean over
    the even tiles.
    """

    def __init__(self, card: weights.ModelCard, coder: TileCoder) -> None:
        self.id = f"{PREFIX}{card.id}-{card.sha256[:_DIGITS]}"
        self._coder = coder

    @classmethod
    def named(cls, model_id: str) -> CodecFeatures:
        """The embedding of the installed model with this id. Raises ModelError (UNKNOWN_MODEL), CodecUnavailableError."""
        loaded = weights.load_model(model_id)
        return cls(loaded.card, loaded.coder)

    @classmethod
    @cache
    def load(cls, name: str) -> CodecFeatures:
        """By embedding id. Raises ArtefactError (UNSUPPORTED_VERSION) if the installed model of that name has other weights."""
        model_id, _, digits = name.removeprefix(PREFIX).rpartition("-")
        try:
            found = cls.named(model_id)
        except ModelError as error:
            raise _another(name) from error
        if found.id != name or len(digits) != _DIGITS:
            raise _another(name)
        return found

    def embed(self, patches: Patches) -> Features:
        """See `Embedding.embed`."""
        tiles = self.tile_features(patches.tiles, patches.gray)
        return Features(whole=tiles[: patches.even].mean(0), tiles=tiles)

    def tile_features(self, tiles: Array, gray: bool) -> Array:
        """See `Embedding.tile_features`."""
        return np.stack([self._tile(np.rint(tile).astype(np.uint8)) for tile in tiles])

    def _tile(self, tile: NDArray[np.uint8]) -> Array:
        import cv2

        from router.codecs.neural.tables import SCALE_MIN, SCALE_STEP

        height, width = tile.shape[:2]
        padded = np.pad(tile, ((0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)), mode="symmetric")
        pixels = np.ascontiguousarray(np.broadcast_to(padded, (*padded.shape[:2], 3)))
        latents = self._coder.network.analyse(pixels)
        scaled = self._coder.network.scaled(latents, self._coder.gain(RATE))
        residual, skipped, count = 0.0, 0, 0

        def watch(symbols: NDArray[np.int32], scales: NDArray[np.uint8]) -> None:
            nonlocal residual, skipped, count
            coded = scales >= self._coder.tables.skipped
            size = np.exp(scales[coded] * SCALE_STEP) * SCALE_MIN
            residual += float((np.minimum(np.abs(symbols[coded]), 64) / size).sum())
            skipped += int((~coded).sum())
            count += len(scales)

        stream = self._coder.encode(latents, RATE, watch=watch)
        area = pixels.shape[0] * pixels.shape[1]
        png = len(cv2.imencode(".png", pixels)[1])
        energy = np.log(np.square(scaled).mean((0, 1)) + _FLOOR)
        side = np.log(np.abs(stream.hyper).mean((0, 1)) + _FLOOR)
        bits = len(stream.data) * 8
        facts = [
            math.log(bits / area + _FLOOR),
            math.log(residual / max(1, count - skipped) + _FLOOR),
            skipped / max(1, count),
            math.log(bits / (8 * png)),
        ]
        return np.concatenate([energy, side, facts]).astype(np.float32)


def _another(name: str) -> ArtefactError:
    return ArtefactError(
        f"the detector was fitted on {name}: no installed model has these weights",
        code=ReasonCode.UNSUPPORTED_VERSION,
        hint="Fit the detector again for the model in use, or install the model it was fitted for",
    )
