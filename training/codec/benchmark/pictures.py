"""Sheets of the worst images: source, neural model, and AVIF at equal bytes, whole and as the worst tile enlarged.

For looking at on one's own machine: whether they may be shown depends on the licences of the photographs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from router.codecs.base import Codec
from router.codecs.neural.codec import NeuralCodec
from router.images.sample import ImageSample
from router.quality.metrics import psnr, scorer
from training.codec.benchmark.baselines import CURVES, FAMILIES
from training.codec.benchmark.points import BenchmarkPoint, ImageResult, open_picture

PIXELS = NDArray[np.uint8]

METRICS = ("ssimulacra2", "psnr")
WORST = 3
SCORE = 60.0
"""The sheet shows the measured rate whose SSIMULACRA2 is nearest: a usual place to work at."""
TILE = 128
ENLARGED = 3
_BACKGROUND, _TEXT, _MARK = (44, 44, 44), (235, 235, 235), (255, 60, 60)
_MARGIN, _LINE = 12, 18


@dataclass(frozen=True)
class _Shown:
    """One column. `caption` has bytes and scores."""

    caption: str
    pixels: PIXELS


def draw(measured: Sequence[ImageResult], sets: Mapping[str, Any], models: Sequence[str], folder: Path) -> Iterator[Path]:
    """Write a PNG for each of the worst images of every set and model, by BD-rate against AVIF; yields the files."""
    by_name = {(m.picture.domain, m.picture.image): m for m in measured}
    folder.mkdir(parents=True, exist_ok=True)
    for name, result in sets.items():
        for model in models:
            rates = result["models"].get(model, {}).get("bd_rate", {}).get("avif", {})
            for metric in METRICS:
                found = {image: rate for image, rate in rates.get(metric, {}).get("per_image", {}).items() if rate is not None}
                for place, image in enumerate(sorted(found, key=lambda i: -found[i])[:WORST], 1):
                    title = f"{name}/{image}   BD-rate against AVIF, {metric}: {found[image]:+.1f} %, the worst but {place - 1}"
                    file = folder / f"{name}-{model}-{metric}-{place}-{Path(image).stem}.png"
                    _sheet(by_name[name, image], model, title).save(file)
                    yield file


def _sheet(measured: ImageResult, model: str, title: str) -> Image.Image:
    sample = open_picture(measured.picture.path)
    source = cast("PIXELS", sample.pixels)
    points = [p for p in measured.points if p.codec == model]
    point = min(points, key=lambda p: abs(p.values["ssimulacra2"] - SCORE))
    codec = NeuralCodec(model)
    neural = cast("PIXELS", codec.decode(codec.encode(sample, {"rate": point.setting})).pixels)
    avif = max(
        (_avif_of_size(sample, measured.points, name, point.bytes) for name in FAMILIES["avif"]),
        key=lambda candidate: scorer("ssimulacra2", source)(candidate[1]),
    )
    tile = _worst_tile(source, neural)
    shown = [
        _Shown("source", source),
        _Shown(_caption(model, f"rate {point.setting}", point.bytes, source, neural, tile), neural),
        _Shown(_caption(avif[0], "", avif[2], source, avif[1], tile), avif[1]),
    ]
    return _compose(title, shown, tile)


def _avif_of_size(sample: ImageSample, points: Sequence[BenchmarkPoint], name: str, size: int) -> tuple[str, PIXELS, int]:
    """(label, decoded, bytes) of the quality whose file is nearest in size."""
    codec: Codec = CURVES[name].codec()
    sizes = {p.setting: p.bytes for p in points if p.codec == name}
    low = max((q for q in sizes if sizes[q] <= size), default=min(sizes))
    high = min((q for q in sizes if sizes[q] > size and q > low), default=low)
    encode = codec.session(sample)
    files = {q: encode({"quality": q}) for q in {low, high}}
    while high - low > 1:
        middle = (low + high) // 2
        files[middle] = encode({"quality": middle})
        low, high = (middle, high) if len(files[middle]) <= size else (low, middle)
    quality = min(files, key=lambda q: abs(len(files[q]) - size))
    decoded = cast("PIXELS", codec.decode(files[quality]).pixels)
    return f"{name} quality {quality}", decoded, len(files[quality])


def _worst_tile(source: PIXELS, decoded: PIXELS) -> tuple[slice, slice]:
    """The square in which the decoding has the lowest SSIMULACRA2."""
    squares = [(rows, columns) for rows in _spans(source.shape[0]) for columns in _spans(source.shape[1])]
    return min(squares, key=lambda square: _score(source[square], decoded[square]))


def _spans(side: int) -> list[slice]:
    starts = sorted({*range(0, max(1, side - TILE + 1), TILE), max(0, side - TILE)})
    return [slice(start, min(start + TILE, side)) for start in starts]


def _score(source: PIXELS, decoded: PIXELS) -> float:
    return scorer("ssimulacra2", np.ascontiguousarray(source))(np.ascontiguousarray(decoded))


def _caption(codec: str, setting: str, size: int, source: PIXELS, decoded: PIXELS, tile: tuple[slice, slice]) -> str:
    return (
        f"{codec} {setting}\n{size} bytes, {8 * size / (source.shape[0] * source.shape[1]):.3f} bpp\n"
        f"SSIMULACRA2 {_score(source, decoded):.1f}, MS-SSIM {scorer('ms-ssim', source)(decoded):.4f}, "
        f"PSNR {psnr(source, decoded):.2f} dB\ntile: SSIMULACRA2 {_score(source[tile], decoded[tile]):.1f}, "
        f"PSNR {psnr(source[tile], decoded[tile]):.2f} dB"
    )


def _compose(title: str, shown: Sequence[_Shown], tile: tuple[slice, slice]) -> Image.Image:
    font = ImageFont.load_default(size=13)
    height, width = shown[0].pixels.shape[:2]
    enlarged = (ENLARGED * (tile[1].stop - tile[1].start), ENLARGED * (tile[0].stop - tile[0].start))
    column = max(width, enlarged[0], 380)
    top = _MARGIN + 2 * _LINE
    below = top + height + _MARGIN
    captions = below + enlarged[1] + _MARGIN
    sheet = Image.new("RGB", (_MARGIN + len(shown) * (column + _MARGIN), captions + 4 * _LINE + _MARGIN), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, _TEXT, font)
    for i, one in enumerate(shown):
        x = _MARGIN + i * (column + _MARGIN)
        sheet.paste(Image.fromarray(one.pixels), (x, top))
        crop = Image.fromarray(np.ascontiguousarray(one.pixels[tile]))
        sheet.paste(crop.resize(enlarged, Image.Resampling.NEAREST), (x, below))
        draw.multiline_text((x, captions), one.caption, _TEXT, font, spacing=3)
    rows, columns = tile
    corner = (_MARGIN + columns.start, top + rows.start)
    draw.rectangle((*corner, corner[0] + columns.stop - columns.start, corner[1] + rows.stop - rows.start), outline=_MARK)
    return sheet
