"""The child: encodes images or decodes files under the configuration that its process was started for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.config import LATENT_STRIDE, ModelConfig
from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.tile import checksum
from router.codecs.neural.weights import LoadedModel, load_model
from router.containers import ncr as container
from router.containers.ncr import Container, Grid
from router.errors import StreamError
from router.images.arrays import from_pixels
from training.codec import child
from training.codec.determinism.batched import BatchCodec


def work(job: dict[str, Any]) -> dict[str, Any]:
    """`encode`: every image at every rate, a file each; `decode`: every file in fp32, and those in `also` in other ways."""
    configuration = job["configuration"]
    child.pin(configuration["threads"])
    torch.set_num_threads(configuration["threads"])
    torch.backends.mkldnn.enabled = configuration["onednn"]
    if configuration["device"] == "cuda":  # TF32 is not fp32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    # Tile by tile on the processor is what the library does; all else is done beside it.
    plain = configuration["batch"] == 1 and configuration["device"] == "cpu"
    model = load_model(job["model"])
    beside = None if plain else BatchCodec(model, configuration["batch"], configuration["device"])
    out = Path(job["out"])
    if job["task"] == "encode":
        answer = {name: _encode(np.load(path), job["rates"], model, beside, out / name) for name, path in job["images"].items()}
    else:
        answer = {
            name: _decode(Path(path).read_bytes(), ["fp32", *(job["also"].get(name, []))], model, beside, out / name)
            for name, path in job["files"].items()
        }
    return {"facts": _facts(configuration["device"]), "results": answer}


def quarters(width: int, height: int, config: ModelConfig) -> Grid:
    """Four tiles of one size, with windows of one size; sides are multiples of 128."""
    return Grid(width // 2, height // 2, min(config.halo, width // 2, height // 2))


def _encode(pixels: NDArray[np.uint8], rates: list[int], model: LoadedModel, beside: BatchCodec | None, out: Path) -> list[str]:
    """Paths of the files of one image, one a rate."""
    height, width = pixels.shape[:2]
    grid = quarters(width, height, model.card.config)
    if beside is None:
        encoder = ImageEncoder(model, from_pixels(pixels), grid)
        each = tuple(encoder.analyse())
        files = [encoder.write(each, rate) for rate in rates]
    else:
        latents = beside.analyse(pixels, grid)
        files = [beside.encode(latents, width, height, grid, rate) for rate in rates]
    paths = [out.with_name(f"{out.name}-{rate}.ncr") for rate in rates]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return [str(path) for path in paths]


def _decode(data: bytes, decodings: list[str], model: LoadedModel, beside: BatchCodec | None, out: Path) -> dict[str, Any]:
    """How many tiles there are and have the latents that were written; paths of the pixels by decoding."""
    file = container.parse(data)
    pixels: dict[str, NDArray[np.uint8]] = {}
    equal = 0
    if beside is not None:
        with contextlib.suppress(StreamError):
            equal, found = beside.decode(file)
            pixels |= {} if found is None else {"fp32": found}
    else:
        try:
            pixels |= {name: NeuralCodec(decoding=name).decode(data).pixels for name in decodings}
            equal = len(file.tiles)  # the codec checks every tile
        except StreamError:
            equal = sum(_is_equal(file, number, model) for number in range(len(file.tiles)))
    paths = {name: str(out.with_name(f"{out.name}-{name}.npy")) for name in pixels}
    for name, path in paths.items():
        np.save(path, pixels[name])
    return {"tiles": len(file.tiles), "equal": equal, "pixels": paths}


def _is_equal(file: Container, number: int, model: LoadedModel) -> bool:
    """Whether a tile decodes to the latents that were written."""
    tile = file.tiles[number]
    size = file.grid.tile_height // LATENT_STRIDE, file.grid.tile_width // LATENT_STRIDE
    try:
        coded = model.coder.decode(tile.data, *size, file.model.rate_index)
    except StreamError:
        return False
    return tile.checksum == checksum(container.binding(file.header, file.model, file.grid), number, coded)


def _facts(device: str) -> dict[str, Any]:
    """What is in force in this process, asked of the libraries."""
    from threadpoolctl import threadpool_info

    blas = [f"{p['internal_api']} {p.get('architecture', '')}".strip() for p in threadpool_info() if p["user_api"] == "blas"]
    return {
        "capability": torch.backends.cpu.get_cpu_capability().lower(),
        "threads": torch.get_num_threads(),
        "onednn": torch.backends.mkldnn.enabled,
        "blas": ", ".join(blas),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
    }


if __name__ == "__main__":
    child.serve(work)
