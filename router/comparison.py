"""A source beside what an output decodes to: the score of the whole, and the square that lost most."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from router.encoded import EncodedImage
from router.errors import UsageError
from router.files import addresses
from router.files.named import write_named
from router.images.sample import ImageSample, Pixels
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image

    from router.decoding import EncodedSource
    from router.images.read import ImageSource

ComparisonMetric = Literal["ssimulacra2", "ms-ssim", "psnr"]
TILE = 128
"""Side of the squares in px; what is left at the right and the bottom joins its neighbour if it is less than half of one."""


@dataclass(frozen=True)
class Tile:
    """A square of the upright image, the one with the lowest value of all.

    SSIM, as whole-image scores of squares by themselves would mislead: SSIMULACRA2 rates a small picture higher than a large one
    that holds it.

    Attributes:
        x, y, width, height: in px.
        measure: "ssim", mean SSIM of luma, at most 1; or "psnr" in dB where the metric is PSNR.
        value: of that measure.
        median: over all squares, to hold it beside.
    """

    x: int
    y: int
    width: int
    height: int
    measure: Literal["ssim", "psnr"]
    value: float
    median: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """A source beside what was made of it. In a notebook it shows both, and the worst square of both enlarged.

    Attributes:
        source, decoded: (H, W, C) uint8 or uint16, of one shape, as a screen shows them (in sRGB).
        metric: "ssimulacra2", "ms-ssim" or "psnr" (dB).
        score: of the whole image on that metric.
        worst: the square that lost most; None where all pixels are equal.
        size: bytes of the output.
    """

    source: Pixels = field(repr=False)
    decoded: Pixels = field(repr=False)
    metric: ComparisonMetric
    score: float
    worst: Tile | None
    size: int

    @property
    def identical(self) -> bool:
        """Whether all pixels are equal."""
        return self.worst is None

    @property
    def image(self) -> Image.Image:
        """Source and decoded side by side, each at most 640 px, and below them the worst square of both, enlarged."""
        from router.display.side_by_side import image

        return image(self)

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path | Any:
        """Write `image` as a PNG; ".png" is added unless it is there. Returns the path written, a Path; of an address its text.

        Raises OutputExistsError unless `overwrite`, OutputNotWritableError, UsageError for a path that ends in no name.
        """
        from router.display.inline_images import png

        target = addresses.parse(path)
        if target.name in ("", ".."):
            raise UsageError(f"{str(target)!r} names no file", code=ReasonCode.BAD_ARGUMENT, hint="Give the file a name")
        if not target.name.lower().endswith(".png"):
            target = target.with_name(f"{target.name}.png")
        written = write_named(target, png(np.asarray(self.image)), overwrite=overwrite)
        return written.text if isinstance(written, addresses.Address) else written

    def _repr_html_(self) -> str:
        from router.display import fragment, side_by_side

        return fragment.html_of(side_by_side.html, self)

    def _repr_png_(self) -> bytes | None:
        from router.display import fragment, side_by_side

        return fragment.png_of(side_by_side.png_picture, self)


def compare(
    src: ImageSource | ImageSample,
    enc: EncodedImage | EncodedSource,
    *,
    metric: ComparisonMetric | None = None,
    first_frame: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Comparison:
    """Decode an output and hold it beside its source.

    The worst square is that with the lowest SSIM (with the lowest PSNR, if that is the metric) of all squares of 128 px.

    Args:
        src: as for `compress`.
        enc: an EncodedImage, or the bytes, path or binary file object of an output.
        metric: SSIMULACRA2 by default, PSNR for 16 bits, for which nothing else here is defined.
        first_frame: as for `compress`.
        limits: checked before pixels are allocated.

    Raises:
        InputError, StreamError, LimitError: one of the two cannot or may not be read.
        UsageError: their sizes differ, or the metric is none for them.
    """
    from router.decoding import decode, load
    from router.images.colour import as_shown
    from router.images.profile import with_usable_profile
    from router.images.read import read
    from router.quality.metrics import scorer

    if metric not in (None, "ssimulacra2", "ms-ssim", "psnr"):
        raise UsageError(f"metric is one of 'ssimulacra2', 'ms-ssim', 'psnr', not {metric!r}", code=ReasonCode.BAD_ARGUMENT)
    sample = with_usable_profile(src) if isinstance(src, ImageSample) else read(src, limits=limits, first_frame=first_frame)
    data = enc.data if isinstance(enc, EncodedImage) else load(enc, limits)
    found = decode(data, limits)
    if found.pixels.shape[:2] != (sample.height, sample.width):
        height, width = found.pixels.shape[:2]
        raise UsageError(
            f"the source has {sample.width} x {sample.height} px, the output {width} x {height}",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Give the source that the output was made of",
        )
    source, decoded = _alike(as_shown(sample.metadata.icc)(sample.pixels), as_shown(found.metadata.icc)(found.pixels))
    chosen: ComparisonMetric = metric or ("ssimulacra2" if source.dtype == np.uint8 else "psnr")
    score = scorer(chosen, source)(decoded)
    worst = None if np.array_equal(source, decoded) else _worst(source, decoded, chosen)
    return Comparison(source, decoded, chosen, score, worst, len(data))


def _alike(source: Pixels, decoded: Pixels) -> tuple[Pixels, Pixels]:
    """Both in the channels and the depth that hold either."""
    images = [source, decoded]
    if len({image.dtype for image in images}) > 1:
        images = [image if image.dtype == np.uint16 else image.astype(np.uint16) * np.uint16(257) for image in images]
    colour, alpha = any(i.shape[2] > 2 for i in images), any(i.shape[2] in (2, 4) for i in images)
    return _widened(images[0], colour, alpha), _widened(images[1], colour, alpha)


def _widened(image: Pixels, colour: bool, alpha: bool) -> Pixels:
    has_alpha = image.shape[2] in (2, 4)
    planes = image[..., :-1] if has_alpha else image
    if colour and planes.shape[2] == 1:
        planes = cast("Pixels", np.repeat(planes, 3, axis=2))
    if not alpha:
        return planes
    opaque = np.full((*image.shape[:2], 1), np.iinfo(image.dtype).max, image.dtype)
    return cast("Pixels", np.concatenate([planes, image[..., -1:] if has_alpha else opaque], axis=2))


def _worst(source: Pixels, decoded: Pixels, metric: ComparisonMetric) -> Tile:
    from router.quality.metrics import PSNR_MAX, psnr

    places = [(y, x) for y in _spans(source.shape[0]) for x in _spans(source.shape[1])]
    pairs = [(source[place], decoded[place]) for place in places]
    values = [min(psnr(*pair), PSNR_MAX) if metric == "psnr" else _ssim(*pair) for pair in pairs]
    lowest = int(np.argmin(values))
    down, across = places[lowest]
    return Tile(
        x=across.start,
        y=down.start,
        width=across.stop - across.start,
        height=down.stop - down.start,
        measure="psnr" if metric == "psnr" else "ssim",
        value=float(values[lowest]),
        median=float(np.median(values)),
    )


def _spans(side: int) -> list[slice]:
    starts = list(range(0, max(1, side - TILE // 2), TILE))
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], side], strict=True)]


def _ssim(source: Pixels, decoded: Pixels) -> float:
    """Mean SSIM of one square's luma, what is transparent on light gray."""
    from router.images.thumbnails import on_light_gray
    from router.quality.msssim import worst_tile_ssim

    return worst_tile_ssim(on_light_gray(source.astype(np.uint8)), on_light_gray(decoded.astype(np.uint8)), 2 * TILE)
