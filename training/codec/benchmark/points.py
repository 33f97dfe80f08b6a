"""The points of one image of a set, over all codecs and settings under test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from router.errors import RouterError
from router.evaluation.measure.butteraugli import SMALLEST_SIDE
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.folder import one_thread
from router.evaluation.measure.pictures import DomainImage, evenly
from router.evaluation.measure.point import CURVE, Measure
from router.evaluation.measure.variants import CodecVariant
from router.folders import IMAGE_SUFFIXES
from router.images.arrays import from_pixels
from router.images.colour import to_srgb
from router.images.read import read
from router.images.sample import ImageSample
from training.codec.benchmark.metrics import METRICS


@dataclass(frozen=True)
class BenchmarkPoint:
    """One encoding. `setting` is the knob's value, `values` the metrics by name (see `metrics.METRICS`)."""

    set: str
    image: str
    codec: str
    setting: int
    bytes: int
    bpp: float
    values: dict[str, float]


@dataclass
class ImageResult:
    """What came of one image.

    Attributes:
        points: of all entries, in their order, empty if the image was refused.
        encoded: points that had to be encoded; the others came from the cache.
        refusal: why the image was passed over.
        butteraugli_calls, butteraugli_seconds: of this run.
    """

    picture: DomainImage
    points: list[BenchmarkPoint] = field(default_factory=list)
    encoded: int = 0
    refusal: str | None = None
    butteraugli_calls: int = 0
    butteraugli_seconds: float = 0.0


def pictures_in(folder: Path, limit: int | None) -> list[DomainImage]:
    """Images below `folder`, sorted; with `limit` that many, evenly spread."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    return [DomainImage(folder.name, p.relative_to(folder).as_posix(), p) for p in evenly(files, limit)]


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


def measure(picture: DomainImage, families: Sequence[CodecVariant], butteraugli: Path | None, cache: Path) -> ImageResult:
    """All points of one image, on one thread. What the cache has is not encoded again. `butteraugli`: see its `find`."""
    done = ImageResult(picture)
    measures = CURVE if butteraugli is None else (*CURVE, Measure.BUTTERAUGLI)
    with one_thread(neural=True):
        try:
            sample = open_picture(picture.path)
        except (RouterError, ValueError) as error:
            done.refusal = str(error)
            return done
        with ImageCoder(sample, cache, butteraugli=butteraugli) as coder:
            for family in families:
                for setting in family.start:
                    point = coder.point(family, setting, measures)
                    values = {name: point.values[m.value] for name, m in METRICS.items() if m.value in point.values}
                    bpp = 8 * point.bytes / (sample.width * sample.height)
                    done.points.append(
                        BenchmarkPoint(picture.domain, picture.image, family.name, setting, point.bytes, bpp, values)
                    )
                coder.release(family)
            done.encoded = coder.encoded
            done.butteraugli_calls, done.butteraugli_seconds = coder.butteraugli
    return done
