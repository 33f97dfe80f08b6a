"""Whole files with several tiles in every call, on any device: the other way to do what encoder and decoder do tile by tile."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from router.codecs.neural.config import LATENT_STRIDE
from router.codecs.neural.entropy_model import LATENT_ONE
from router.codecs.neural.gain import RATE_MAX
from router.codecs.neural.network import Network, computes_in_bf16
from router.codecs.neural.tile import checksum
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.containers.ncr import Colour, Container, Grid, ModelReference, NcrHeader, TileStream
from training.codec.tile_batch import TileBatch
from training.codec.windows import windows

S = TypeVar("S", bound="Sequence[Any] | NDArray[Any]")


class BatchCodec:
    """RGB images whose sides are multiples of 64 and whose tiles, and windows of tiles, are all of one size."""

    def __init__(self, model: LoadedModel, batch: int, device: str) -> None:
        """`batch`: tiles in a call; `device` of the transforms. The prior is always numpy's."""
        self._card = model.card
        self._batch = batch
        self._tiles = TileBatch(model.coder)
        self._transforms = _Transforms(model.coder.network, device)

    def analyse(self, pixels: NDArray[np.uint8], grid: Grid) -> NDArray[np.float32]:
        """(H, W, 3) -> latents of the cores (T, h, w, M), before any gain."""
        places = windows(pixels.shape[1], pixels.shape[0], grid)
        seen = np.stack([pixels[place.rows.pixels(), place.columns.pixels()] for place in places])
        latents = np.concatenate([self._transforms.analyse(part) for part in self._parts(seen)])
        return np.stack([place.core_within(y) for place, y in zip(places, latents, strict=True)])

    def encode(self, latents: NDArray[np.float32], width: int, height: int, grid: Grid, rate_index: int) -> bytes:
        """The file of an image of (height, width) pixels."""
        header = NcrHeader(width, height, 3, Colour.SRGB)
        reference = ModelReference(self._card.id, bytes.fromhex(self._card.sha256), rate_index)
        coded = [
            tile
            for part in self._parts(latents)
            for tile in self._tiles.encode(part, self._tiles.choose(part, rate_index), rate_index)
        ]
        binding = container.binding(header, reference, grid)
        tiles = tuple(TileStream(checksum(binding, number, tile), tile.data) for number, tile in enumerate(coded))
        return container.write(Container(header, reference, grid, tiles))

    def decode(self, file: Container) -> tuple[int, NDArray[np.uint8] | None]:
        """How many tiles have the latents that were written; the pixels (H, W, 3) if all have. Raises StreamError."""
        header, rate = file.header, file.model.rate_index
        places = windows(header.width, header.height, file.grid)
        size = len(places[0].core_rows), len(places[0].core_columns)
        coded = [tile for part in self._parts(file.tiles) for tile in self._tiles.decode([t.data for t in part], *size, rate)]
        binding = container.binding(header, file.model, file.grid)
        equal = sum(checksum(binding, number, tile) == file.tiles[number].checksum for number, tile in enumerate(coded))
        if equal < len(coded):
            return equal, None
        latents = np.empty((header.height // LATENT_STRIDE, header.width // LATENT_STRIDE, coded[0].latents.shape[2]), np.int32)
        for place, tile in zip(places, coded, strict=True):
            place.core_of(latents)[...] = tile.latents
        seen = np.stack([place.of(latents) for place in places])
        rgb = np.concatenate([self._transforms.synthesise(part, rate) for part in self._parts(seen)])
        pixels = np.empty((header.height, header.width, 3), np.uint8)
        for place, window in zip(places, rgb, strict=True):
            core = place.core_within(window, pixels=True)
            pixels[place.core_rows.pixels(), place.core_columns.pixels()] = np.rint(core * np.float32(255)).astype(np.uint8)
        return equal, pixels

    def _parts(self, items: S) -> Iterator[S]:
        for start in range(0, len(items), self._batch):
            yield items[start : start + self._batch]


class _Transforms:
    """As `Network`, for several windows of one size at once."""

    def __init__(self, network: Network, device: str) -> None:
        self._rates = network.config.rates
        self._device = torch.device(device)
        # Network itself takes one image at a time; its module takes batches.
        self._model = network._model if device == "cpu" else copy.deepcopy(network._model).to(self._device)

    def analyse(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (B, H, W, 3) uint8 -> latents (B, H/16, W/16, M) before any gain."""
        bf16 = self._device.type == "cpu" and computes_in_bf16()
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=bf16):
            x = torch.from_numpy(pixels.astype(np.float32)).to(self._device).permute(0, 3, 1, 2).div_(255)
            y: NDArray[np.float32] = self._model.analyse(x).permute(0, 2, 3, 1).cpu().contiguous().numpy()
        return y

    def synthesise(self, latents: NDArray[np.int32], rate_index: int) -> NDArray[np.float32]:
        """Reconstructed latents (B, h, w, M), unit 1 / LATENT_ONE -> RGB (B, 16h, 16w, 3) in [0, 1], fp32."""
        position = torch.full((len(latents),), rate_index / RATE_MAX * (self._rates - 1), device=self._device)
        with torch.inference_mode(), torch.autocast(self._device.type, enabled=False):
            y = torch.from_numpy(latents).to(self._device).permute(0, 3, 1, 2).float().div_(LATENT_ONE)
            rgb: NDArray[np.float32] = self._model.synthesise(y, position).clamp_(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        return rgb
