"""What the codec does to images it was not made for: `python -m training.codec.failures --samples DIR/NAME [...] -o sheet.webp`.

One row an image, each the same detail: source, neural, AVIF at as many bytes or just more. For the model card: from
images whose licence allows it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from router.codecs import registry
from router.codecs.neural.codec import NeuralCodec
from router.images.arrays import from_pixels
from router.images.read import read
from router.quality.metrics import scorer

_DETAIL, _ZOOM, _LABEL = 112, 2, 16


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--samples", type=Path, nargs="+", required=True)
    ap.add_argument("--rate", type=int, default=20_000)
    ap.add_argument("-o", "--out", type=Path, required=True)
    args = ap.parse_args()
    rows = [_row(path, args.rate) for path in args.samples]
    sheet = Image.new("RGB", (rows[0].width, sum(r.height for r in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    sheet.save(args.out, quality=85, method=6)


def _row(path: Path, rate: int) -> Image.Image:
    source = _colour(read(path).pixels)
    sample = from_pixels(source)
    neural, avif = NeuralCodec(), registry.get("avif")
    score = scorer("ssimulacra2", source)
    data = neural.encode(sample, {"rate": rate})
    rival = next(
        (d for q in range(1, 100) if len(d := avif.encode(sample, {"quality": q})) >= len(data)),
        avif.encode(sample, {"quality": 99}),
    )
    ours, theirs = (_colour(codec.decode(d).pixels) for codec, d in ((neural, data), (avif, rival)))
    y, x = _worst(source, ours)
    details = [p[y : y + _DETAIL, x : x + _DETAIL] for p in (source, ours, theirs)]
    labels = [
        path.stem,
        f"neural, {len(data):,} bytes, SSIMULACRA2 {score(ours):.0f}",
        f"AVIF, {len(rival):,} bytes, SSIMULACRA2 {score(theirs):.0f}",
    ]
    side = _DETAIL * _ZOOM
    row = Image.new("RGB", (3 * (side + 4), side + _LABEL + 4), "white")
    for k, (detail, label) in enumerate(zip(details, labels, strict=True)):
        picture = Image.fromarray(detail).resize((side, side), Image.Resampling.NEAREST)
        row.paste(picture, (k * (side + 4), _LABEL))
        ImageDraw.Draw(row).text((k * (side + 4) + 2, 2), label, "black")
    return row


def _colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.repeat(pixels[..., :1], 3, 2) if pixels.shape[2] < 3 else pixels[..., :3])


def _worst(source: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> tuple[int, int]:
    """Top left corner of the detail with the largest squared error, on a grid of half its size."""
    error = ((source.astype(np.float64) - decoded) ** 2).sum(2)
    step = _DETAIL // 2
    corners = [
        (y, x)
        for y in range(0, max(1, error.shape[0] - _DETAIL + 1), step)
        for x in range(0, max(1, error.shape[1] - _DETAIL + 1), step)
    ]
    return max(corners, key=lambda c: float(error[c[0] : c[0] + _DETAIL, c[1] : c[1] + _DETAIL].sum()))


if __name__ == "__main__":
    main()
