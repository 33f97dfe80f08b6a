"""Features of a convolutional network trained on ImageNet: what is shown, and in which manner."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router.artefacts import BACKBONES
from router.artefacts.bundle import vouch
from router.detector.embeddings.base import Array, Embedding, Features
from router.detector.patches import Patches
from router.errors import ArtefactError, CodecUnavailableError
from router.extras import install_hint
from router.process.kernels import alone, each
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from torch import Tensor

    from router.detector.embeddings.efficientnet import EfficientNetLite0

FOLDER = BACKBONES / "efficientnet-lite0"
WEIGHTS_FILE, CARD_FILE = "weights.safetensors", "card.json"
MIDDLE = 4
"""The stage whose mean and spread over places describe texture and drawing manner: 112 channels at 1/16 scale."""
_SMALLEST_SIDE = 64
_BATCH = 8


class Backbone(Embedding):
    """EfficientNet-Lite0.

    The whole image: the head's mean over the small view (1,280), the middle stage's mean and spread over the view and over
    the tiles (4 x 112). A tile: the middle stage's mean and spread (224).
    """

    id = "efficientnet-lite0-1"

    def __init__(self, network: EfficientNetLite0) -> None:
        self._network = network

    @classmethod
    @cache
    def load(cls) -> Backbone:
        """The shipped network, verified and loaded once a process.

        Raises CodecUnavailableError (MISSING_EXTRA) without torch, ArtefactError (ARTEFACT_DAMAGED).
        """
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load

            from router.detector.embeddings.efficientnet import EfficientNetLite0
        except ImportError as error:
            raise CodecUnavailableError(
                "the detector's backbone needs torch", code=ReasonCode.MISSING_EXTRA, hint=install_hint("neural")
            ) from error
        try:
            data, sha256 = verified(FOLDER)
            vouch("backbones", sha256, FOLDER.name)
            return cls(alone(lambda: EfficientNetLite0(load(data))))
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise _damaged(FOLDER, str(error)) from error

    def embed(self, patches: Patches) -> Features:
        """See `Embedding.embed`."""
        small, *parts = each(lambda part: part(), [lambda: self._small(patches.small), *self._tile_parts(patches.tiles)])
        tiles = np.concatenate(parts)
        return Features(whole=np.concatenate([small, tiles[: patches.even].mean(0)]), tiles=tiles)

    def tile_features(self, tiles: Array, gray: bool) -> Array:
        """See `Embedding.tile_features`."""
        return np.concatenate(each(lambda part: part(), self._tile_parts(tiles)))

    def _small(self, view: Array) -> Array:
        import torch

        with torch.inference_mode():
            middle, head = self._network.stage_and_head(_tensor(view[None]), MIDDLE)
            features: Array = torch.cat([head.mean((2, 3)), *_moments(middle)], 1)[0].numpy()
        return features

    def _tile_parts(self, tiles: Array) -> list[Callable[[], Array]]:
        return [partial(self._tile_part, tiles[i : i + _BATCH]) for i in range(0, len(tiles), _BATCH)]

    def _tile_part(self, tiles: Array) -> Array:
        import torch

        with torch.inference_mode():
            features: Array = torch.cat(_moments(self._network.stage(_tensor(tiles), MIDDLE)), 1).numpy()
        return features


def verified(folder: Path) -> tuple[bytes, str]:
    """The weights' file and its SHA-256, which is the one that the card states. Raises ArtefactError (ARTEFACT_DAMAGED)."""
    try:
        data = (folder / WEIGHTS_FILE).read_bytes()
        expected = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))["weights_sha256"]
    except OSError as error:
        raise _damaged(folder, f"a file cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder, f"{CARD_FILE} cannot be parsed") from error
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise _damaged(folder, "the weights do not have the SHA-256 that the card states")
    return data, found


def _damaged(folder: Path, what: str) -> ArtefactError:
    return ArtefactError(
        f"the backbone {folder.name} is damaged: {what}", code=ReasonCode.ARTEFACT_DAMAGED, hint="Reinstall codec-router"
    )


def _moments(x: Tensor) -> list[Tensor]:
    return [x.mean((2, 3)), x.std((2, 3), correction=0)]


def _tensor(stack: Array) -> Any:
    """(B, h, w, C) -> (B, 3, h, w), enlarged where a side is too short for the strides to leave anything."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(np.ascontiguousarray(stack)).permute(0, 3, 1, 2)
    height, width = x.shape[-2:]
    if min(height, width) < _SMALLEST_SIDE:
        x = F.interpolate(x, (max(height, _SMALLEST_SIDE), max(width, _SMALLEST_SIDE)))
    return x.expand(-1, 3, -1, -1)
