"""What an ICC profile does to colours, judged by behaviour and never by name, and the way to sRGB. LittleCMS does the sums."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from router.containers.icc_reading import FORWARD, UnusableError, read_tags
from router.containers.metadata import Metadata
from router.errors import CarryError
from router.images.remembered import Remembered
from router.images.sample import ImageSample, Pixels
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import ImageCms

_TOLERANCE = 1
"""Of 255: how far the probe colours may move under a profile that counts as sRGB."""
_GAMUT_MARGIN = 0.06
"""Of linear sRGB: how far a pure colour may lie outside. 8-bit L*a*b* is good to about 0.015; Display P3 reaches 0.22."""
_RED_GREEN_BLUE_TO_XYZ_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Linear sRGB to XYZ under D50, Bradford-adapted (Lindbloom, "RGB/XYZ Matrices")."""
_D50 = np.array([0.96422, 1.0, 0.82521])
_AT_ONCE = 1 << 20
"""Px that are converted at once: what is taken beside the result does not grow with the image."""


def is_srgb(icc: bytes | None) -> bool:
    """Whether pixels under this profile mean what sRGB pixels mean, to 1/255 on a probe grid. None counts as sRGB.

    Gray profiles are compared with sRGB's gray axis. Damaged profiles and other colour models: False.
    """
    return icc is None or _SRGB.get(icc, None)


def is_wide_gamut(icc: bytes | None) -> bool:
    """Whether a profile's pure colours lie clearly outside sRGB (Display P3, Adobe RGB, ProPhoto, Rec. 2020).

    False for None, gray profiles, damaged profiles and other colour models.
    """
    return icc is not None and _WIDE.get(icc, None)


def can_convert(icc: bytes, colour: bool) -> bool:
    """Whether colour (three channels), or else gray, can be taken through this profile to sRGB; found out anew each time."""
    try:
        _probe(icc, colour)
    except CarryError:
        return False
    return True


def as_probed(icc: bytes) -> Pixels:
    """What colours that are spread evenly over the profile's numbers are in sRGB, (H, W, 3). Raises CarryError."""
    return _probe(icc, colour=False) if _model(icc) == "GRAY" else _convert(_grid(), icc)


def as_shown(icc: bytes | None) -> Callable[[Pixels], Pixels]:
    """A function that gives pixels under this profile as a screen shows them, for whoever measures: in sRGB.

    It takes and gives (H, W, C) pixels and leaves alpha and the shape as they are, but for gray under a profile that tints it,
    which becomes colour. Colours that sRGB does not have become the nearest that it has. The pixels themselves come back where
    they mean what sRGB pixels mean, and where they have 16 bits. Equal pixels are shown equal, wherever they lie.
    """
    if icc is None or is_srgb(icc):
        return lambda pixels: pixels
    return _Shown(icc)


def to_srgb(sample: ImageSample) -> ImageSample:
    """The same image in sRGB, without a profile: as browsers convert it, alpha untouched; `sample` itself if it has none.

    Profiles that behave as sRGB are dropped without touching pixels. 8 bits only.

    Raises CarryError: WIDE_GAMUT, HDR (a PQ or HLG curve), CANNOT_CARRY_DEPTH (16 bits under a profile), CANNOT_CARRY_ICC
    (damaged profile, or one of another colour model than the pixels).
    """
    icc = sample.metadata.icc
    if icc is None:
        if sample.source.hdr_transfer:
            raise CarryError("PQ and HLG samples cannot be converted to sRGB", code=ReasonCode.HDR, hint=_HINT)
        return sample
    metadata = Metadata(None, sample.metadata.exif, sample.metadata.xmp)
    if is_srgb(icc):
        return sample.with_metadata(metadata)
    if sample.bits != 8:
        raise CarryError("16-bit pixels cannot be converted to sRGB", code=ReasonCode.CANNOT_CARRY_DEPTH, hint=_HINT)
    colours = 1 if sample.channels < 3 else 3
    if colours == 3 and is_wide_gamut(icc):
        raise CarryError("the profile's gamut is wider than sRGB", code=ReasonCode.WIDE_GAMUT, hint=_HINT)
    pixels = sample.pixels
    converted = _gray_to_srgb(pixels[..., :1], icc) if colours == 1 else _convert(pixels[..., :3], icc)
    joined = np.concatenate([converted, pixels[..., colours:]], axis=-1)
    return sample.replace_pixels(cast("Pixels", joined), metadata)


_HINT = "Choose a codec that carries ICC profiles, or convert the image first"


class _Shown:
    """See `as_shown`. What it needs is made once, when it is first called."""

    def __init__(self, icc: bytes) -> None:
        self._icc = icc
        self._table: Pixels | None = None
        self._transform: Callable[[Pixels], Pixels] | None = None

    def __call__(self, pixels: Pixels) -> Pixels:
        if pixels.dtype != np.uint8:
            return pixels
        colours = 1 if pixels.shape[2] < 3 else 3
        if colours == 1:
            if self._table is None:
                self._table = _gray_table(self._icc)
            converted = self._table[pixels[..., 0]]
        else:
            if self._transform is None:
                self._transform = _transform(self._icc, "RGB", "RGB")
            converted = self._transform(pixels[..., :3])
        if pixels.shape[2] == colours:
            return converted
        return cast("Pixels", np.concatenate([converted, pixels[..., colours:]], axis=-1))


def _gray_table(icc: bytes) -> Pixels:
    """(256, 1) of what each gray value is shown as, or (256, 3) where that is no gray."""
    table = _probe(icc, colour=False)[0]
    tinted = _moved(table.max(axis=-1), table.min(axis=-1)) > _TOLERANCE
    return cast("Pixels", table if tinted else table[:, 1:2])


def _probe(icc: bytes, colour: bool) -> Pixels:
    """The gray axis as sRGB, (1, 256, 3). Raises CarryError."""
    if colour or _model(icc) != "GRAY":
        return _convert(_as_rgb(_ramp()), icc)
    return _through_gray_profile(_ramp(), icc)


def _is_srgb(icc: bytes, _: None) -> bool:
    try:
        if _model(icc) == "GRAY":
            ramp = _ramp()
            return _moved(_through_gray_profile(ramp, icc), _as_rgb(ramp)) <= _TOLERANCE
        if _model(icc) != "RGB":
            return False
        return _moved(_convert(_grid(), icc), _grid()) <= _TOLERANCE
    except CarryError:
        return False


def _is_wide(icc: bytes, _: None) -> bool:
    if _model(icc) != "RGB":
        return False
    corners = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0]]], np.uint8)
    try:
        lab = _transform(icc, "RGB", "LAB")(corners)
    except CarryError:
        return False
    linear = _linear_srgb(lab)
    return bool(linear.min() < -_GAMUT_MARGIN or linear.max() > 1 + _GAMUT_MARGIN)


_SRGB: Remembered[None, bool] = Remembered(_is_srgb)
_WIDE: Remembered[None, bool] = Remembered(_is_wide)


def _linear_srgb(lab: Pixels) -> NDArray[np.float64]:
    """Linear sRGB, unclipped, of Pillow's 8-bit L*a*b* under D50 (a, b as two's complement)."""
    lightness = lab[..., 0] * (100 / 255)
    a, b = (np.ascontiguousarray(lab[..., i]).view(np.int8).astype(np.float64) for i in (1, 2))
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50
    return cast("NDArray[np.float64]", xyz @ np.linalg.inv(_RED_GREEN_BLUE_TO_XYZ_D50).T)


def _model(icc: bytes) -> str:
    """The profile's colour model as ICC.1 signs it ("RGB", "GRAY", "CMYK", ...), from bytes 16 to 19 of its header."""
    return icc[16:20].decode("latin-1").strip()


def _ramp() -> Pixels:
    return np.arange(256, dtype=np.uint8).reshape(1, 256, 1)


def _grid() -> Pixels:
    steps = np.linspace(0, 255, 16).round().astype(np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(64, 64, 3)


def _as_rgb(gray: Pixels) -> Pixels:
    return cast("Pixels", np.repeat(gray, 3, axis=-1))


def _moved(converted: Pixels, original: Pixels) -> int:
    return int(np.abs(converted.astype(np.int16) - original.astype(np.int16)).max())


def _gray_to_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """(H, W, 1) gray under a gray or RGB profile as (H, W, 1) sRGB gray."""
    table = _gray_table(icc)
    if table.shape[1] != 1:
        raise CarryError("the profile gives a tint to gray", code=ReasonCode.CANNOT_CARRY_ICC, hint=_HINT)
    return table[pixels[..., 0]]


def _through_gray_profile(gray: Pixels, icc: bytes) -> Pixels:
    return _transform(icc, "L", "RGB")(gray)


def _convert(pixels: Pixels, icc: bytes) -> Pixels:
    if _model(icc) != "RGB":
        raise CarryError(f"a {_model(icc)!r} profile on RGB pixels", code=ReasonCode.CANNOT_CARRY_ICC, hint=_HINT)
    return _transform(icc, "RGB", "RGB")(pixels)


def _transform(icc: bytes, mode: str, output: str) -> Callable[[Pixels], Pixels]:
    """What takes (H, W, C) pixels through the profile to sRGB ("RGB") or L*a*b* under D50 ("LAB"). Raises CarryError."""
    from PIL import Image, ImageCms

    with _converting():
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        target = ImageCms.createProfile("LAB" if output == "LAB" else "sRGB")
        transform = _build(source, target, mode, output, perceptual=_has_both_tables(icc))

    def convert(pixels: Pixels) -> Pixels:
        converted = np.empty((*pixels.shape[:2], 3), np.uint8)
        rows = max(1, _AT_ONCE // pixels.shape[1])
        for top in range(0, len(pixels), rows):
            band = pixels[top : top + rows]
            image = Image.fromarray(np.ascontiguousarray(band[..., 0] if mode == "L" else band))
            with _converting():
                converted[top : top + rows] = np.asarray(ImageCms.applyTransform(image, transform))
        return converted

    return convert


@contextmanager
def _converting() -> Iterator[None]:
    from PIL import ImageCms

    try:
        yield
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise CarryError("a damaged ICC profile", code=ReasonCode.CANNOT_CARRY_ICC, hint=_HINT, foreign=error) from error


def _has_both_tables(icc: bytes) -> bool:
    try:
        return read_tags(icc).keys() >= set(FORWARD)
    except UnusableError:
        return False


def _build(
    source: ImageCms.ImageCmsProfile, target: Any, mode: str, output: str, *, perceptual: bool
) -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    # Of two tables browsers take the perceptual one. Where there is one way only, LittleCMS would adjust black for that intent.
    intent = ImageCms.Intent.PERCEPTUAL if perceptual else ImageCms.Intent.RELATIVE_COLORIMETRIC
    # Of gray LittleCMS keeps 33 points of the whole way otherwise, and misses the darks of a linear profile by up to 60 of 255.
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    return ImageCms.buildTransform(source, target, mode, output, intent, flags)
