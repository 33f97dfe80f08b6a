"""Small real images for evaluation: crops of the samples, written as domains of a folder; and tables made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sample_set import SAMPLES

from router.evaluation.measure.folder import COLUMNS


def crop(folder: Path, name: str, side: int = 128) -> Path:
    """A centre crop of a sample as PNG; returns its path."""
    (source,) = SAMPLES.glob(f"{name}.*")
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image.crop((left, top, left + side, top + side)).save(folder / f"{name}.png")
    return folder / f"{name}.png"


def table(curves: Mapping[str, Sequence[tuple[int, float, float]]], image: str = "a", domain: str = "d") -> pd.DataFrame:
    """Points of one image. Family -> (bytes, SSIMULACRA2, MS-SSIM); the worst square is a little worse than the image."""
    rows = []
    for family, points in curves.items():
        lane = "neural" if family == "ncr" else "lossless" if family == "png" else "classical"
        for setting, (size, score, ms_ssim) in enumerate(points, 1):
            rows.append(
                dict.fromkeys(COLUMNS, 0)
                | {"domain": domain, "image": image, "family": family, "lane": lane, "setting": setting, "bytes": size}
                | {"ssimulacra2": score, "ms_ssim": ms_ssim, "worst_tile_ms_ssim": 1 - 1.2 * (1 - ms_ssim)}
                | {
                    "guard_passed": True,
                    "setup_seconds": 0.5,
                    "encode_seconds": 1.0,
                    "decode_seconds": 0.25,
                    "score_seconds": 0.25,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def line(scale: float, *, loss: float = 1.0) -> list[tuple[int, float, float]]:
    """A codec whose files take `scale` times the bytes at every score and lose `loss` times as much structure at every size."""
    return [
        (int(scale * 1000 * np.exp(0.03 * s)), float(s), 1 - loss * 0.05 * np.exp(-0.02 * s) * scale**0.67)
        for s in range(0, 101, 10)
    ]
