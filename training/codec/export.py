"""Package weights as a model folder: `python -m training.codec.export --weights FILE --id ID --out router/artefacts/models`.

FILE is either a training state (`state.safetensors`, whose averaged weights are taken and whose `settings.json` lies beside
it) or a bare state dict of `RateModel`. Convolutions are stored in fp16, the rest in fp32, the entropy model as integer tables.
A light synthesis is stored as bounded integers too: their units follow from what photographs and extremes send through it, the
held-out ones of `--data DIR` (half a minute). The folder is written under a temporary name and moved into place.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from router.codecs.neural.config import LightShape, ModelConfig
from router.codecs.neural.entropy_model import LATENT_ONE, LAYERS, quantised
from router.codecs.neural.gain import LIMIT, LOG_ONE, RATE_MAX
from router.codecs.neural.tables import MEDIAN_ONE, SKIPPED, EntropyTables, FrequencyTable, gaussian_tables, trimmed
from router.codecs.neural.transform import Transform
from router.codecs.neural.weights import CARD_FILE, WEIGHTS_FILE, ModelCard, coder_of
from router.containers.ncr import VERSION
from training.codec.bounded import Units, bounded_weights, observe, units
from training.codec.data import centre_crops, split
from training.codec.extremes import extremes
from training.codec.rounding import Rounding
from training.torchvision_compat import declare_missing_operators

declare_missing_operators()

from compressai.entropy_models import EntropyBottleneck  # noqa: E402

_REACH = 2048
"""Hyper-latent values considered for a table, either side of the median."""
_SEEN_RATES = (0, 20_000, 40_000, RATE_MAX)
"""Rate indices at which photographs are sent through a light synthesis."""
CROP, CROPS = 256, 12

Pictures = Sequence[NDArray[np.uint8]]


def export(weights: Path, model_id: str, out: Path, card: dict[str, Any], photographs: Pictures = ()) -> ModelCard:
    """Write `out/model_id` and return its card; `card` overrides fields of it.

    `photographs`: RGB (H, W, 3), sides multiples of 64, for the integers of a light synthesis; ValueError if it has none.
    """
    states = read_weights(weights)
    config = config_of(states["codec"], states["prior"])
    transform = Transform(config)
    transform.load_state_dict(states["codec"])
    tensors = {f"transform.{k}": v.half() if v.ndim == 4 else v for k, v in transform.state_dict().items() if k != "qe"}
    arrays: dict[str, NDArray[Any]] = {"gain.log2": log_gains(states["codec"]["qe"])}
    arrays |= EntropyTables(*bottleneck_tables(config.hyper, states["entropy_bottleneck"]), skipped=SKIPPED).to_arrays()
    arrays |= integer_prior(states["prior"])
    tensors |= {k: torch.from_numpy(_small(v)) for k, v in arrays.items()}
    if config.light is not None:
        tensors |= synthesis_in_integers(config, tensors, states["rounding"], photographs)
    data = save({k: v.contiguous() for k, v in tensors.items()}, metadata={"id": model_id})

    folder = out / model_id
    fields: dict[str, Any] = {
        "licence": "not stated",
        "description": "",
        "training_data": "not stated",
        "released": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "experimental": True,
        "lambda_min": 0.0,
        "lambda_max": 0.0,
    }
    settings = weights.with_name("settings.json")
    if settings.exists():
        stated = json.loads(settings.read_text("utf-8"))
        fields |= {k: stated[k] for k in ("lambda_min", "lambda_max")}
    fields |= card
    result = ModelCard(
        id=model_id,
        format=VERSION,
        config=config,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        folder=folder,
        **fields,
    )
    temporary = out / f".{model_id}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    (temporary / WEIGHTS_FILE).write_bytes(data)
    (temporary / CARD_FILE).write_text(result.to_json(), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return ModelCard.read(folder)


def read_weights(file: Path) -> dict[str, dict[str, Tensor]]:
    """State dicts of a training state's averaged weights, or of a bare state dict; fp32.

    Parts: codec, prior, entropy_bottleneck, and rounding, which is empty where nothing was rounded while training.
    """
    tensors = load_file(file)
    if any(k.startswith("average.") for k in tensors):
        tensors = {k.removeprefix("average."): v for k, v in tensors.items() if k.startswith("average.")}
    states: dict[str, dict[str, Tensor]] = {"codec": {}, "prior": {}, "entropy_bottleneck": {}, "rounding": {}}
    for key, value in tensors.items():
        part, _, name = key.partition(".")
        if part in states:
            states[part][name] = value.float() if value.is_floating_point() else value
    return states


def log_gains(qe: Tensor) -> NDArray[np.int64]:
    """Encoder gains (R, M), natural logarithms -> integers of the entropy path."""
    return np.clip(np.rint(qe.double().numpy() / math.log(2) * LOG_ONE), -LIMIT, LIMIT).astype(np.int64)


def integer_prior(state: dict[str, Tensor]) -> dict[str, NDArray[np.int64]]:
    """Fixed-point weights and biases of the floating-point prior, named as in the file."""
    arrays = {}
    for name in LAYERS:
        weight, bias = quantised(name, *(state[f"{name}.{part}"].double().numpy() for part in ("weight", "bias")))
        arrays |= {f"prior.{name}.weight": weight, f"prior.{name}.bias": bias}
    return arrays


def _small(values: NDArray[Any]) -> NDArray[Any]:
    """The same integers in the smallest type of 16, 32 and 64 bits that holds them."""
    reach = int(np.abs(values.astype(np.int64)).max())
    return values.astype(np.int16 if reach < 1 << 15 else np.int32 if reach < 1 << 31 else np.int64)


def config_of(codec: dict[str, Tensor], prior: dict[str, Tensor]) -> ModelConfig:
    """The shape that the weights themselves have."""

    def blocks(part: str) -> int:
        """Blocks in a sequence, whose parts are numbered."""
        return len([k for k in codec if k.startswith(part) and k.removeprefix(part).partition(".")[2] == "dw.weight"])

    light = None
    if "g_s.linear.weight" in codec:
        light = LightShape(
            channels=codec["g_s.leave.weight"].shape[1],
            blocks=blocks("g_s.blocks."),
            deep_channels=codec["g_s.enter.weight"].shape[0],
            deep_blocks=blocks("g_s.deep."),
        )
    return ModelConfig(
        channels=codec["g_a.1.weight"].shape[0],
        latents=codec["qe"].shape[1],
        hyper=codec["h_a.0.weight"].shape[0],
        analysis_blocks=blocks("g_a."),
        synthesis_blocks=blocks("g_s.") if light is None else blocks("g_a."),
        deep_blocks=blocks("g_a_deep."),
        prior=prior["c2.weight"].shape[0],
        rates=codec["qe"].shape[0],
        light=light,
    )


@torch.no_grad()
def synthesis_in_integers(
    config: ModelConfig, tensors: dict[str, Tensor], rounding: dict[str, Tensor], photographs: Pictures
) -> dict[str, Tensor]:
    """The bounded integers of a light synthesis, named as in the file, from the weights as the file has them.

    `rounding`: units that the weights were trained with. Without them they follow from `photographs`.
    """
    transform = Transform(config).eval()
    stored = {k.removeprefix("transform."): v.float() for k, v in tensors.items() if k.startswith("transform.")}
    transform.load_state_dict(stored | {"qe": transform.qe})
    trained = Rounding(config)
    if rounding:
        trained.load_state_dict(rounding)
    if trained.on:
        found = trained.units()
    elif photographs:
        found = _measured(config, tensors, transform, photographs)
    else:
        raise ValueError("the integers of a light synthesis that was not trained with them need photographs: --data DIR")
    arrays = bounded_weights(transform, found).arrays
    return {f"bounded.{name}": torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _measured(config: ModelConfig, tensors: dict[str, Tensor], transform: Transform, photographs: Pictures) -> Units:
    coder = coder_of(config, tensors, unfinished=True)

    def seen(pictures: Pictures) -> Iterator[tuple[Tensor, Tensor]]:
        for pixels in pictures:
            latents = coder.network.analyse(pixels)
            for rate in _SEEN_RATES:
                coded = torch.from_numpy(coder.encode(latents, rate).latents.astype(np.float32) / LATENT_ONE)
                yield coded.permute(2, 0, 1)[None], torch.tensor([rate / RATE_MAX * (config.rates - 1)])

    return units(transform, observe(transform, seen(photographs)), observe(transform, seen([extremes()])))


def held_out(folder: Path) -> Pictures:
    """Middles of the held-out photographs of a training folder, RGB (CROP, CROP, 3)."""
    crops = centre_crops(split(folder)[1], CROP, CROPS).mul(255).round_().to(torch.uint8)
    return [np.ascontiguousarray(crop.permute(1, 2, 0).numpy()) for crop in crops]


@torch.no_grad()
def bottleneck_tables(
    channels: int, state: dict[str, Tensor]
) -> tuple[tuple[FrequencyTable, ...], tuple[FrequencyTable, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """(hyper-latent tables, latent tables, medians): the learned densities, integrated over unit bins around the medians."""
    bottleneck = EntropyBottleneck(channels)
    learned = {k: v for k, v in state.items() if not k.startswith("_")}
    missing, unexpected = bottleneck.load_state_dict(learned, strict=False)
    if unexpected or any(not k.startswith("_") for k in missing):
        raise ValueError(f"entropy bottleneck: missing {missing}, unexpected {unexpected}")
    bottleneck = bottleneck.double()
    medians = np.rint(bottleneck.quantiles[:, 0, 1].numpy() * MEDIAN_ONE).astype(np.int64)
    values = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64) + torch.from_numpy(medians / MEDIAN_ONE)[:, None]
    lower = bottleneck._logits_cumulative(values[:, None] - 0.5, stop_gradient=True)
    upper = bottleneck._logits_cumulative(values[:, None] + 0.5, stop_gradient=True)
    sign = -torch.sign(lower + upper)  # both sigmoids on the side where they do not saturate
    pmf = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()[:, 0].numpy()
    return tuple(trimmed(-_REACH, p) for p in pmf), gaussian_tables(), medians


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="training state or bare weights, safetensors")
    parser.add_argument("--id", required=True, help="model id, e.g. photo-1: the name of its folder")
    parser.add_argument("--out", type=Path, default=Path("router/artefacts/models"))
    parser.add_argument("--data", type=Path, help="photographs of the run, for a light synthesis")
    parser.add_argument("--card", nargs="*", default=[], metavar="KEY=VALUE", help="fields of the card: licence, description ...")
    args = parser.parse_args(arguments)
    card: dict[str, Any] = {}
    for item in args.card:
        key, _, value = item.partition("=")
        card[key] = float(value) if key.startswith("lambda_") else value == "true" if key == "experimental" else value
    result = export(args.weights, args.id, args.out, card, held_out(args.data) if args.data else ())
    print(f"{result.folder}: {result.size:,} bytes, sha256 {result.sha256}")


if __name__ == "__main__":
    main()
