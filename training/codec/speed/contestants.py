"""The codecs that are timed: each with its own kind of input, made beforehand, and pixels in memory as its result."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from router.codecs.neural.codec import NeuralCodec
from router.images.arrays import from_pixels
from router.limits import NO_LIMITS

AVIF_SPEEDS = (6, 8)
AVIF_QUALITY = 60


@dataclass(frozen=True)
class Contestant:
    """One codec at one setting.

    Attributes:
        name: what tables call it.
        prepare: pixels (H, W, 3) uint8 -> what it encodes; not timed.
        encode: that -> what it decodes.
        decode: that -> what was decoded, in memory.
        size: bytes of what it decodes.
        pixels: what was decoded -> (H, W, 3) uint8; not timed.
    """

    name: str
    prepare: Callable[[NDArray[np.uint8]], Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    size: Callable[[Any], int] = len
    pixels: Callable[[Any], NDArray[np.uint8]] = np.asarray


def ours(model: str, rate: int) -> Contestant:
    """A model of this project at one rate index; named by its id. fp32 decoding."""
    codec = NeuralCodec(model)
    return Contestant(
        model, from_pixels, lambda sample: codec.encode(sample, {"rate": rate}), lambda data: codec.decode(data, NO_LIMITS).pixels
    )


def avif(speed: int, subsampling: str, threads: int) -> Contestant:
    """AVIF through Pillow. The decoder takes as many threads as there are processors: the process is pinned to `threads`."""

    def encode(image: Image.Image) -> bytes:
        out = io.BytesIO()
        image.save(out, "AVIF", quality=AVIF_QUALITY, speed=speed, subsampling=subsampling, max_threads=threads)
        return out.getvalue()

    def decode(data: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(data))
        image.load()
        return image

    return Contestant(f"AVIF speed {speed} {subsampling}", Image.fromarray, encode, decode)


def mbt2018_mean(quality: int) -> Contestant:
    """CompressAI's model with untrained weights: the same work on other numbers. uint8 in and out, as for the others."""
    import torch

    from training.torchvision_compat import declare_missing_operators

    declare_missing_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from compressai.zoo import mbt2018_mean as make

        torch.manual_seed(quality)
        net = make(quality=quality, pretrained=False).eval()
        net.update(force=True)

    def encode(pixels: NDArray[np.uint8]) -> Any:
        with torch.inference_mode():
            return net.compress(torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div_(255))

    def decode(coded: Any) -> NDArray[np.uint8]:
        with torch.inference_mode():
            x = net.decompress(coded["strings"], coded["shape"])["x_hat"]
            out: NDArray[np.uint8] = x.clamp_(0, 1).mul_(255).round_().to(torch.uint8)[0].permute(1, 2, 0).contiguous().numpy()
        return out

    def size(coded: Any) -> int:
        return sum(len(data) for strings in coded["strings"] for data in strings)

    return Contestant(f"mbt2018-mean q{quality}", lambda pixels: pixels, encode, decode, size)


def field(models: Sequence[str], rate: int, threads: int, mbt_qualities: Sequence[int]) -> list[Contestant]:
    """Everyone who takes part."""
    found = [ours(model, rate) for model in models]
    found += [mbt2018_mean(quality) for quality in mbt_qualities]
    return found + [avif(speed, subsampling, threads) for speed in AVIF_SPEEDS for subsampling in ("4:2:0", "4:4:4")]
