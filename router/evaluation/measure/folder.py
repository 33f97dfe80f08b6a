"""Rate-distortion points of whole folders, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from router.codecs.base import Lane
from router.errors import RouterError
from router.evaluation.measure.image import ImagePoints, Row, measure_image
from router.evaluation.measure.pictures import DomainImage, open_picture, pictures_in, thinned
from router.evaluation.measure.sweep import MOST
from router.evaluation.measure.variants import CodecVariant, choose

if TYPE_CHECKING:
    import pandas as pd

TARGETS = (30.0, 50.0, 70.0, 85.0)
"""SSIMULACRA2 values that sweeps are made for unless others are asked for."""


@dataclass
class MeasuredImage:
    """What came of one picture. `failure` (reason code and message) if it could not be read; `rows` are empty then.

    `rows`: see `image.Row`, each also with `domain`, `image`, `pixels_sha256`, `width`, `height`, `channels`, `bits`, `bpp` and
    the fields of `complexity.Complexity`.
    """

    picture: DomainImage
    rows: list[Row] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    encoded: int = 0
    failure: tuple[str, str] | None = None


def measure_folder(
    folder: Path,
    cache: Path,
    families: Sequence[str],
    jobs: int = 1,
    max_side: int | None = None,
    *,
    targets: Sequence[float] = TARGETS,
    every: Mapping[str, int] | None = None,
    most: int = MOST,
    tell: Callable[[MeasuredImage], None] | None = None,
) -> pd.DataFrame:
    """Measure every image below `folder` with every family; what `cache` holds is not encoded again.

    Args:
        folder: holds `<domain>/*` or images; see `pictures_in`.
        cache: folder of measured points; made where it is not there. It may be shared by any number of runs.
        families: names, see `families.choose`.
        jobs: images at a time, one thread each.
        max_side: centre crop, to bound the cost.
        targets: SSIMULACRA2 values that shall lie in tight brackets.
        every: by domain, take each n-th image only.
        most: encodings a family and image at most.
        tell: called after each image, in the order of completion.

    Returns: one row a point, see `MeasuredImage.rows`; sorted by domain, image, family, setting. What a codec refused, and what
    could not be read, has no rows: `tell` hears of it.
    Raises InputError, UsageError as `pictures_in` and `choose`.
    """
    pictures = thinned(pictures_in([folder]), every or {})
    done = []
    for measured in measure_all(pictures, choose(families), targets, cache, jobs=jobs, max_side=max_side, most=most):
        if tell is not None:
            tell(measured)
        done.append(measured)
    return table(done)


def measure_all(
    pictures: Sequence[DomainImage],
    families: Sequence[CodecVariant],
    targets: Sequence[float],
    cache: Path,
    *,
    jobs: int = 1,
    max_side: int | None = None,
    most: int = MOST,
) -> Iterator[MeasuredImage]:
    """Results as they are finished."""
    import joblib

    work = joblib.delayed(_measure_one)
    with joblib.parallel_config(inner_max_num_threads=1, backend="loky"):
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from parallel(work(picture, families, targets, cache, max_side, most) for picture in pictures)


def table(measured: Sequence[MeasuredImage]) -> pd.DataFrame:
    """The table that `measure_folder` returns."""
    import pandas as pd

    frame = pd.DataFrame([row for one in measured for row in one.rows], columns=COLUMNS)
    return frame.sort_values(["domain", "image", "family", "setting"], ignore_index=True).astype(
        {"setting": "Int64", "bytes": "int64", "guard_passed": "bool", "guard_quantile": "float64"}
    )


COLUMNS = [
    "domain",
    "image",
    "pixels_sha256",
    "width",
    "height",
    "channels",
    "bits",
    "entropy",
    "gradient",
    "complexity_seconds",
    "family",
    "codec",
    "lane",
    "setting",
    "bytes",
    "bpp",
    "setup_seconds",
    "encode_seconds",
    "decode_seconds",
    "score_seconds",
    "guard_passed",
    "guard_code",
    "guard_quantile",
    "ssimulacra2",
    "ms_ssim",
    "psnr",
    "worst_tile_ssim",
    "worst_tile_ms_ssim",
    "worst_tile_psnr",
]


def _measure_one(
    picture: DomainImage, families: Sequence[CodecVariant], targets: Sequence[float], cache: Path, max_side: int | None, most: int
) -> MeasuredImage:
    with one_thread(neural=any(family.lane is Lane.NEURAL for family in families)):
        try:
            sample = open_picture(picture.path, max_side)
            found: ImagePoints = measure_image(sample, families, targets, cache, most)
        except RouterError as error:
            return MeasuredImage(picture, failure=(str(error.code), error.message))
    label = {
        "domain": picture.domain,
        "image": picture.image,
        "pixels_sha256": sample.pixels_sha256,
        "width": sample.width,
        "height": sample.height,
        "channels": sample.channels,
        "bits": sample.bits,
    } | ({} if found.complexity is None else asdict(found.complexity))
    pixels = sample.width * sample.height
    rows = [label | row | {"bpp": 8 * row["bytes"] / pixels} for row in found.rows]
    return MeasuredImage(picture, rows, found.refused, found.encoded)


@contextmanager
def one_thread(*, neural: bool) -> Iterator[None]:
    """Filters and networks on one thread: work is spread over images, and CPU seconds mean the same on every machine."""
    import cv2

    filters = cv2.getNumThreads()
    cv2.setNumThreads(1)
    networks: int | None = None
    if neural:
        try:
            import torch
        except ImportError:
            neural = False  # the codec says so itself
        else:
            networks = torch.get_num_threads()
            torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(filters)
        if neural and networks is not None:
            torch.set_num_threads(networks)
