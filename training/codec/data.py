"""Photographs for training: decoded once into memory, random crops drawn by area."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.codec.extremes import extreme_crop
from training.codec.planted import plant

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_HELD_OUT_SHARE = 24  # one file in this many


def photograph_files(root: Path) -> list[Path]:
    """All below a folder, by their suffixes."""
    return [path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES]


def split(root: Path) -> tuple[list[Path], list[Path]]:
    """(training files, held-out files) below `root`, at least one of either.

    By a hash of the relative path, so stable when files are added. Raises ValueError if there are fewer than two images.
    """
    ranked = sorted(
        (hashlib.sha256(str(path.relative_to(root)).encode()).digest()[0] % _HELD_OUT_SHARE, path)
        for path in photograph_files(root)
    )
    if len(ranked) < 2:
        raise ValueError(f"{root} holds {len(ranked)} images: two at least, one of them held out")
    held = [path for rank, path in ranked if rank == 0] or [ranked[0][1]]
    return sorted({path for _, path in ranked} - set(held)), held


class Photographs:
    """Images as uint8 (3, H, W) tensors in memory; crops weighted by area up to 3 MP, mirrored half of the time."""

    def __init__(self, files: list[Path], crop: int, seed: int, planted: float = 0.0, extreme: float = 0.0) -> None:
        """`planted`: share of crops that get faint structures (`planted.py`); `extreme`: of crops that are no photographs."""
        self.crop = crop
        self.planted = planted
        self.extreme = extreme
        self.images = [image for image in map(_load, files) if min(image.shape[1:]) >= crop]
        if not self.images:
            raise ValueError(f"no image of at least {crop} px on each side")
        weight = np.array([min(i[0].numel(), 3e6) for i in self.images], float)
        self._weight = weight / weight.sum()
        self._rng = np.random.default_rng(seed)

    @property
    def megapixels(self) -> float:
        """Megapixels of all images together."""
        return sum(image[0].numel() for image in self.images) / 1e6

    def reseed(self, *seed: int) -> None:
        """Draw other crops from here on."""
        self._rng = np.random.default_rng(seed)

    def patch(self, size: int) -> Tensor:
        """One random crop, uint8 (3, size, size); smaller if the image is."""
        image = self.images[self._rng.choice(len(self.images), p=self._weight)]
        size = min(size, *image.shape[1:])
        y = int(self._rng.integers(0, image.shape[1] - size + 1))
        x = int(self._rng.integers(0, image.shape[2] - size + 1))
        patch = image[:, y : y + size, x : x + size]
        return patch.flip(2) if self._rng.random() < 0.5 else patch

    def view(self) -> Tensor:
        """One random crop at a random scale, uint8 (3, crop, crop).

        Half of the crops keep their scale. Others are reduced by up to 1.6, which rids them of the artefacts that their files
        carry, or enlarged by up to 1.5: large photographs are smoother per pixel than the small ones that training sets hold.
        """
        if self._rng.random() < self.extreme:
            return torch.from_numpy(extreme_crop(self._rng, self.crop)).permute(2, 0, 1)
        draw = self._rng.random()
        factor = 1.0 if draw < 0.5 else self._rng.uniform(1.0, 1.6) if draw < 0.8 else 1 / self._rng.uniform(1.0, 1.5)
        side = max(16, round(self.crop * factor))
        patch = self.patch(side).float() / 255
        if patch.shape[-1] != self.crop:
            patch = F.interpolate(patch[None], (self.crop, self.crop), mode="bicubic", antialias=True)[0].clamp(0, 1)
        if self._rng.random() < self.planted:
            patch = torch.from_numpy(plant(patch.permute(1, 2, 0).numpy(), self._rng)).permute(2, 0, 1)
        return patch.mul(255).round_().to(torch.uint8)

    def batch(self, size: int) -> Tensor:
        """uint8 (size, 3, crop, crop), channels-last."""
        return torch.stack([self.view() for _ in range(size)]).contiguous(memory_format=torch.channels_last)

    def small_patches(self, count: int, side: int = 16) -> Tensor:
        """(count * 16, 3, side, side) in [-0.5, 0.5], for the PCA start."""
        out = []
        for _ in range(count):
            tiles = self.patch(4 * side).float().div(255).sub(0.5).unfold(1, side, side).unfold(2, side, side)
            out.append(tiles.permute(1, 2, 0, 3, 4).reshape(-1, 3, side, side))
        return torch.cat(out)


class _Batches(IterableDataset[Tensor]):
    """Endless batches; every worker draws crops of its own."""

    def __init__(self, photographs: Photographs, size: int, seed: tuple[int, ...]) -> None:
        self._photographs, self._size, self._seed = photographs, size, seed

    def __iter__(self) -> Iterator[Tensor]:
        worker = get_worker_info()
        self._photographs.reseed(*self._seed, 0 if worker is None else worker.id)
        torch.set_num_threads(1 if worker is not None else torch.get_num_threads())
        while True:
            yield self._photographs.batch(self._size)


def batches(
    photographs: Photographs, size: int, seed: tuple[int, ...], device: torch.device, workers: int = 0
) -> Iterator[Tensor]:
    """Endless batches (size, 3, crop, crop) in [0, 1] on a device, channels-last; `workers` processes make them."""
    loader = DataLoader(
        _Batches(photographs, size, seed), batch_size=None, num_workers=workers, pin_memory=device.type == "cuda" and workers > 0
    )
    for batch in loader:
        yield batch.to(device, non_blocking=True).float().div_(255).contiguous(memory_format=torch.channels_last)


def centre_crops(files: list[Path], crop: int, limit: int) -> Tensor:
    """Held-out centre crops, (n, 3, crop, crop) in [0, 1]; at most `limit`, evenly spread over `files`."""
    images = [i for i in map(_load, files) if min(i.shape[1:]) >= crop]
    step = max(1, len(images) // limit)
    out = []
    for image in images[::step][:limit]:
        y, x = (image.shape[1] - crop) // 2, (image.shape[2] - crop) // 2
        out.append(image[:, y : y + crop, x : x + crop])
    return torch.stack(out).to(memory_format=torch.channels_last).float() / 255


def _load(path: Path) -> Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1).contiguous()
