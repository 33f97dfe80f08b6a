"""The points of one image: encoded to real bytes, decoded by the public codec, scored, and cached by content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Settings
from router.errors import RouterError
from router.evaluation.ladders.butteraugli import SMALLEST_SIDE
from router.images.arrays import from_pixels
from router.images.colour import to_srgb
from router.images.read import read
from router.images.sample import ImageSample
from training.codec.benchmark.cache import PointCache, key_of
from training.codec.benchmark.metrics import Judge, Meters
from training.codec.benchmark.rivals import Entry

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".ppm"})


@dataclass(frozen=True)
class Picture:
    """An image of a set: `set` is the folder's name, `name` the path below that folder."""

    set: str
    name: str
    path: Path


@dataclass(frozen=True)
class Point:
    """One encoding. `setting` is the knob's value, `values` the metrics by name (see `metrics.METRICS`)."""

    set: str
    image: str
    codec: str
    setting: int
    bytes: int
    bpp: float
    values: dict[str, float]


@dataclass
class Measured:
    """What came of one image.

    Attributes:
        points: of all entries, in their order, empty if the image was refused.
        encoded: points that had to be encoded; the others came from the cache.
        refusal: why the image was passed over.
        butteraugli_calls, butteraugli_seconds: of this run.
    """

    picture: Picture
    points: list[Point] = field(default_factory=list)
    encoded: int = 0
    refusal: str | None = None
    butteraugli_calls: int = 0
    butteraugli_seconds: float = 0.0


def pictures_in(folder: Path, limit: int | None) -> list[Picture]:
    """Images below `folder`, sorted; with `limit` that many, evenly spread."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if limit is not None and limit < len(files):
        files = [files[i] for i in np.linspace(0, len(files) - 1, limit).round().astype(int)]
    return [Picture(folder.name, p.relative_to(folder).as_posix(), p) for p in files]


def open_picture(path: Path) -> ImageSample:
    """The image as bare sRGB pixels, (H, W, 3) uint8: gray is widened, an opaque alpha dropped, metadata left behind.

    Raises RouterError for what cannot be read so, ValueError for 16 bits, transparency and images too small for every metric.
    """
    sample = to_srgb(read(path))
    if min(sample.width, sample.height) < SMALLEST_SIDE:
        raise ValueError(f"{sample.width}x{sample.height} pixels")
    if sample.bits != 8:
        raise ValueError("16 bits per sample")
    if sample.alpha_used:
        raise ValueError("transparency")
    pixels = sample.pixels[..., : 3 if sample.channels > 2 else 1]
    return from_pixels(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)


def measure(picture: Picture, entries: Sequence[Entry], meters: Meters, cache_folder: Path) -> Measured:
    """All points of one image, on one thread. What the cache has is not encoded again."""
    _one_thread()
    done = Measured(picture)
    try:
        sample = open_picture(picture.path)
    except (RouterError, ValueError) as error:
        done.refusal = str(error)
        return done
    cache = PointCache(cache_folder, sample.pixels_sha256)
    with Judge(cast("NDArray[np.uint8]", sample.pixels), meters) as judge:
        for entry in entries:
            _measure_entry(done, entry, sample, judge, meters, cache)
        if judge.butteraugli is not None:
            done.butteraugli_calls, done.butteraugli_seconds = judge.butteraugli.calls, judge.butteraugli.seconds
    return done


def _measure_entry(done: Measured, entry: Entry, sample: ImageSample, judge: Judge, meters: Meters, cache: PointCache) -> None:
    stored = {name: f"{name}@{fingerprint}" for name, fingerprint in meters.fingerprints.items()}
    session: Callable[[Settings], bytes] | None = None
    for setting in entry.ladder:
        key = key_of(entry.codec.get_config(), entry.knob, setting, entry.fingerprint)
        missing = {name for name in stored if stored[name] not in cache.get(key)}
        if missing or "bytes" not in cache.get(key):
            session = session or entry.codec.session(sample)
            data = session({entry.knob: setting})
            decoded = cast("NDArray[np.uint8]", entry.codec.decode(data).pixels)
            scores = judge.score(decoded, missing)
            label: dict[str, Any] = {"codec": entry.name, "setting": setting, "bytes": len(data)}
            cache.add(key, label | {stored[name]: score for name, score in scores.items()})
            done.encoded += 1
        known = cache.get(key)
        done.points.append(
            Point(
                set=done.picture.set,
                image=done.picture.name,
                codec=entry.name,
                setting=setting,
                bytes=known["bytes"],
                bpp=8 * known["bytes"] / (sample.width * sample.height),
                values={name: known[column] for name, column in stored.items()},
            )
        )


def _one_thread() -> None:
    """Metrics and networks on one thread: work is spread over images, and scores do not depend on the machine."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
