"""The worst cases: where the neural codec loses most against AVIF at equal bytes, as crops that can be magnified.

First what a policy let into the neural lane, then what every policy kept out of it, so that both failures and what was prevented
are seen. Source, neural and classical files are encoded again at the measured settings, cut to the surroundings of the
square in which the neural file falls furthest behind, and kept in the cache, so that a second page costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Lane
from router.display.inline_images import data_uri
from router.errors import RouterError
from router.evaluation.harm import TAU
from router.evaluation.measure import fingerprint
from router.evaluation.measure.cache import PointCache, key_of
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.pictures import DomainImage, open_picture
from router.evaluation.measure.variants import BETTER_AVIF, NEURAL, VARIANTS
from router.evaluation.page import tiles
from router.evaluation.page.tiles import Square, TileMap
from router.images.sample import Pixels
from router.images.thumbnails import on_light_gray

if TYPE_CHECKING:
    import pandas as pd

MOST = 9
RELEASED = 6
"""Of these at most so many from neural lanes; the rest is for what was kept out."""
SIDE = 256
"""px of a crop; the square in it is 128 at most."""
MOST_CHARACTERS = 5_500_000
"""Of all crops together, as they stand in the page."""
_PANES = ("source", "neural", "classical")


@dataclass(frozen=True)
class Pane:
    """One crop: `uri`, a lossless WebP; bytes and score of the whole file (None for the source); MS-SSIM in the square, dB."""

    name: str
    codec: str
    uri: str
    bytes: int | None
    ssimulacra2: float | None
    square_db: float | None


@dataclass(frozen=True)
class Case:
    """`released_by`: policies that left it in the neural lane; `gaps`: what AVIF is ahead by at equal bytes, dB by metric.

    `square` in px of the crop of `width` and `height`; `left`, `top`: where the crop lies in the measured image.
    """

    domain: str
    image: str
    target: float
    released_by: list[str]
    harmed: bool
    gaps: dict[str, float]
    panes: list[Pane]
    square: Square
    left: int
    top: int
    width: int
    height: int


def worst(harm: pd.DataFrame, routed: pd.DataFrame) -> list[tuple[Mapping[str, Any], list[str]]]:
    """(row of `harm`, policies that released it), worst first; one target an image: its worst. At most `MOST`."""
    table = harm[harm["compared"].astype(bool)].copy()
    if not len(table):
        return []
    table["worst"] = np.max([table[f"{metric}_gap"].fillna(-np.inf).to_numpy(float) / tau for metric, tau in TAU.items()], axis=0)
    neural = routed[routed["lane"] == str(Lane.NEURAL)]
    policies: dict[tuple[str, str, float], list[str]] = {}
    for row in neural.to_dict("records"):
        policies.setdefault((row["domain"], row["image"], row["target"]), []).append(str(row["policy"]))
    ranked = sorted(table.to_dict("records"), key=lambda row: (-row["worst"], row["domain"], row["image"], row["target"]))
    named = [(row, sorted(policies.get((row["domain"], row["image"], row["target"]), []))) for row in ranked]
    released = _one_an_image([case for case in named if case[1]])[:RELEASED]
    images = {(row["domain"], row["image"]) for row, _ in released}
    kept_out = [case for case in named if not case[1] and (case[0]["domain"], case[0]["image"]) not in images]
    return cast("list[tuple[Mapping[str, Any], list[str]]]", [*released, *_one_an_image(kept_out)[: MOST - len(released)]])


def cases(
    harm: pd.DataFrame,
    routed: pd.DataFrame,
    points: pd.DataFrame,
    pictures: Sequence[DomainImage],
    cache: Path,
    max_side: int | None = None,
) -> list[Case]:
    """The worst cases with their crops. What cannot be encoded again, or would make the page too large, is left out."""
    paths = {(picture.domain, picture.image): picture.path for picture in pictures}
    found: list[Case] = []
    size = 0
    for row, policies in worst(harm, routed):
        key = (row["domain"], row["image"])
        own = points[(points["domain"] == key[0]) & (points["image"] == key[1])]
        try:
            crops = _crops(own, row["target"], paths[key], cache, max_side)
        except (RouterError, OSError, KeyError, ValueError):
            continue
        size += sum(len(pane["uri"]) for pane in crops["panes"])
        if size > MOST_CHARACTERS:
            break
        gaps = {metric: float(row[f"{metric}_gap"]) for metric in TAU}
        panes = [Pane(**pane) for pane in crops["panes"]]
        place = {name: crops[name] for name in ("left", "top", "width", "height")}
        square = Square(**crops["square"])
        found.append(Case(*key, float(row["target"]), policies, bool(row["harmed"]), gaps, panes, square, **place))
    return found


def _one_an_image(cases: Sequence[tuple[Any, list[str]]]) -> list[tuple[Any, list[str]]]:
    seen: set[tuple[str, str]] = set()
    kept = []
    for case in cases:
        key = (case[0]["domain"], case[0]["image"])
        if key not in seen:
            seen.add(key)
            kept.append(case)
    return kept


def _crops(points: pd.DataFrame, target: float, path: Path, cache: Path, max_side: int | None) -> dict[str, Any]:
    """JSON-able: see `Case` and `Pane`."""
    neural = _nearest(points[points["family"] == NEURAL], "ssimulacra2", target)
    avif = points[points["family"].isin(BETTER_AVIF)]
    # Of both samplings the better at about these bytes, as harm counts it.
    baselines = [_nearest(rows, "bytes", neural["bytes"]) for _, rows in avif.groupby("family", sort=True)]
    baseline = max(baselines, key=lambda row: (row["bytes"] < 1.1 * neural["bytes"], row["ms_ssim"]))
    chosen = {"neural": neural, "classical": baseline}
    identity = [
        [row["family"], int(row["setting"]), fingerprint.of_codec(VARIANTS[row["family"]].codec())] for row in chosen.values()
    ]
    stored = PointCache(cache, str(neural["pixels_sha256"]))
    key = key_of("crops", fingerprint.code(Path(__file__), Path(tiles.__file__)), identity)
    known = stored.get(key)
    if not known:
        known = _encoded(ImageCoder(open_picture(path, max_side), cache), chosen)
        stored.add(key, known)
    return known


def _nearest(rows: pd.DataFrame, column: str, value: float) -> Mapping[str, Any]:
    distances = np.abs(np.log(rows[column] / value) if column == "bytes" else rows[column] - value)
    return cast("Mapping[str, Any]", rows.loc[distances.idxmin()].to_dict())


def _encoded(coder: ImageCoder, chosen: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    source = _rgb(coder.sample.pixels)
    decoded = {name: _rgb(coder.decoded(VARIANTS[row["family"]], int(row["setting"]))) for name, row in chosen.items()}
    map_ = TileMap(source)
    values = {name: map_.decibels(pixels) for name, pixels in decoded.items()}
    row, column = np.unravel_index(int(np.argmin(values["neural"])), values["neural"].shape)
    square = map_.square(int(row), int(column))
    height, width = min(SIDE, source.shape[0]), min(SIDE, source.shape[1])
    left = _start(square.left + square.width // 2, width, source.shape[1])
    top = _start(square.top + square.height // 2, height, source.shape[0])
    panes = []
    for name in _PANES:
        pixels = decoded.get(name, source)[top : top + height, left : left + width]
        point = chosen.get(name, {})
        panes.append(
            {
                "name": name,
                "codec": str(point.get("family", "")),
                "uri": data_uri(pixels),
                "bytes": int(point["bytes"]) if point else None,
                "ssimulacra2": float(point["ssimulacra2"]) if point else None,
                "square_db": float(values[name][row, column]) if point else None,
            }
        )
    place = {"left": square.left - left, "top": square.top - top, "width": square.width, "height": square.height}
    return {"panes": panes, "square": place, "left": left, "top": top, "width": width, "height": height}


def _rgb(pixels: Pixels) -> NDArray[np.uint8]:
    """(H, W, 3) uint8; transparent images on light gray. Raises ValueError for 16 bits: no lossy lane carries them."""
    if pixels.dtype != np.uint8:
        raise ValueError("crops are of 8 bits")
    return on_light_gray(cast("NDArray[np.uint8]", pixels))


def _start(centre: int, length: int, side: int) -> int:
    return min(max(0, centre - length // 2), side - length)
