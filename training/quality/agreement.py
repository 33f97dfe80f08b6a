"""Our SSIMULACRA2 beside the published Python package: worst deviations, and time.

    python -m training.quality.agreement --data DIR [--pairs 200] [--side 512] [--jobs 1]

DIR holds one folder a domain. Pairs are spread evenly over all images below it: the middle of an image, and what a lossy codec
makes of it at a seeded setting, codecs in turn. The reference is `ssimulacra2` from PyPI, given both pictures as PNG; decoding
these is timed apart and taken off. Ours is timed twice: the whole, and with the source's side known already, as in a search.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from PIL import Image

from router.codecs import registry
from router.errors import RouterError
from router.evaluation.measure.pictures import DomainImage, open_picture, pictures_in
from router.limits import NO_LIMITS
from router.quality.ssimulacra2 import Reference

CODECS = ("jpeg", "webp", "avif", "jxl", "ncr")
_SHOWN = 8


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--pairs", type=int, default=200)
    ap.add_argument("--side", type=int, default=512)
    ap.add_argument("--jobs", type=int, default=1)
    args = ap.parse_args(arguments)
    pictures = pictures_in([args.data])
    # More than are wanted: a codec may refuse an image.
    chosen = [pictures[k] for k in np.linspace(0, len(pictures) - 1, args.pairs + args.pairs // 4).round().astype(int)]
    with parallel_config("loky", inner_max_num_threads=1):
        measured = Parallel(n_jobs=args.jobs)(delayed(pair)(picture, k, args.side) for k, picture in enumerate(chosen))
    print("\n".join(report([row for row in measured if row is not None][: args.pairs])))


def pair(picture: DomainImage, number: int, side: int) -> dict[str, Any] | None:
    """Scores and CPU seconds of one pair; None where the codec refuses the image."""
    rng = np.random.default_rng(number)
    codec = registry.get(CODECS[number % len(CODECS)])
    assert codec.knob is not None
    setting = int(rng.integers(codec.knob.low, codec.knob.high, endpoint=True))
    try:
        sample = open_picture(picture.path, side)
        prepared = codec.prepare(sample)
        if codec.refusal(prepared) is not None or prepared.bits != 8 or prepared.channels in (2, 4):
            return None
        decoded = codec.decode(codec.encode(prepared, {codec.knob.name: setting}), NO_LIMITS).pixels
    except RouterError:
        return None
    source, other = (_rgb(pixels) for pixels in (prepared.pixels, decoded))
    began = time.process_time()
    reference = Reference(source)
    middle = time.process_time()
    ours = reference.score(other)
    ended = time.process_time()
    theirs, seconds = _published(source, other)
    return {
        "image": f"{picture.domain}/{picture.image}",
        "codec": f"{codec.codec_id} {setting}",
        "ours": ours,
        "theirs": theirs,
        "whole": ended - began,
        "again": ended - middle,
        "published": seconds,
    }


def report(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown: the worst pairs, then the summary."""
    rows = sorted(rows, key=lambda row: -abs(row["ours"] - row["theirs"]))
    away = np.array([abs(row["ours"] - row["theirs"]) for row in rows])
    lines = ["| image | codec, setting | ours | published | difference |", "|---|---|---|---|---|"]
    for row in rows[:_SHOWN]:
        lines.append(
            f"| {row['image']} | {row['codec']} | {row['ours']:.3f} | {row['theirs']:.3f} | {row['ours'] - row['theirs']:+.4f} |"
        )
    whole, again, published = (sum(row[name] for row in rows) for name in ("whole", "again", "published"))
    return [
        *lines,
        "",
        f"{len(rows)} pairs, scores {min(r['theirs'] for r in rows):.1f} to {max(r['theirs'] for r in rows):.1f}:"
        f" difference at most {away.max():.4f}, median {np.median(away):.4f}",
        f"CPU time: published / ours {published / whole:.1f}, with the source's side known {published / again:.1f}",
    ]


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)


def _published(source: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> tuple[float, float]:
    from ssimulacra2 import compute_ssimulacra2

    files = [io.BytesIO() for _ in range(2)]
    for file, pixels in zip(files, (source, decoded), strict=True):
        Image.fromarray(pixels).save(file, "PNG", compress_level=0)
        file.seek(0)
    began = time.process_time()
    for file in files:
        np.asarray(Image.open(file))
        file.seek(0)
    middle = time.process_time()
    score = float(compute_ssimulacra2(*files))
    return score, max(0.0, time.process_time() - middle - (middle - began))


if __name__ == "__main__":
    main()
