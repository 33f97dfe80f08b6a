"""What an ICC profile does to colours, judged by behaviour and never by name, and the way to sRGB. LittleCMS does the sums."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from router.errors import CarryError
from router.images.sample import ImageSample, Metadata, Pixels
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


def is_srgb(icc: bytes | None) -> bool:
    """Whether pixels under this profile mean what sRGB pixels mean, to 1/255 on a probe grid. None counts as sRGB.

    Gray profiles are compared with sRGB's gray axis. Damaged profiles and other colour models: False.
    """
    return icc is None or _is_srgb(icc)


def is_wide_gamut(icc: bytes | None) -> bool:
    """Whether a profile's pure colours lie clearly outside sRGB (Display P3, Adobe RGB, ProPhoto, Rec. 2020).

    False for None, gray profiles, damaged profiles and other colour models.
    """
    return icc is not None and _is_wide(icc)


def to_srgb(sample: ImageSample) -> ImageSample:
    """The same image in sRGB, without a profile: relative colorimetric, alpha untouched; `sample` itself if it has none.

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


@lru_cache(maxsize=64)
def _is_srgb(icc: bytes) -> bool:
    try:
        if _model(icc) == "GRAY":
            ramp = _ramp()
            return _moved(_through_gray_profile(ramp, icc), _as_rgb(ramp)) <= _TOLERANCE
        if _model(icc) != "RGB":
            return False
        steps = np.linspace(0, 255, 16).round().astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(64, 64, 3)
        return _moved(_convert(grid, icc), grid) <= _TOLERANCE
    except CarryError:
        return False


@lru_cache(maxsize=64)
def _is_wide(icc: bytes) -> bool:
    if _model(icc) != "RGB":
        return False
    corners = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0]]], np.uint8)
    try:
        lab = _transform(corners, icc, "RGB", "LAB")
    except CarryError:
        return False
    linear = _linear_srgb(lab)
    return bool(linear.min() < -_GAMUT_MARGIN or linear.max() > 1 + _GAMUT_MARGIN)


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


def _as_rgb(gray: Pixels) -> Pixels:
    return cast("Pixels", np.repeat(gray, 3, axis=-1))


def _moved(converted: Pixels, original: Pixels) -> int:
    return int(np.abs(converted.astype(np.int16) - original.astype(np.int16)).max())


def _gray_to_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """(H, W, 1) gray under a gray or RGB profile as (H, W, 1) sRGB gray."""
    table = _through_gray_profile(_ramp(), icc) if _model(icc) == "GRAY" else _convert(_as_rgb(_ramp()), icc)
    if _moved(table.max(axis=-1), table.min(axis=-1)) > _TOLERANCE:
        raise CarryError("the profile gives a tint to gray", code=ReasonCode.CANNOT_CARRY_ICC, hint=_HINT)
    return table[0, :, 1][pixels]


def _through_gray_profile(gray: Pixels, icc: bytes) -> Pixels:
    return _transform(gray, icc, "L", "RGB")


def _convert(pixels: Pixels, icc: bytes) -> Pixels:
    if _model(icc) != "RGB":
        raise CarryError(f"a {_model(icc)!r} profile on RGB pixels", code=ReasonCode.CANNOT_CARRY_ICC, hint=_HINT)
    return _transform(pixels, icc, "RGB", "RGB")


def _transform(pixels: Pixels, icc: bytes, mode: str, output: str) -> Pixels:
    """(H, W, C) pixels through the profile to sRGB ("RGB") or L*a*b* under D50 ("LAB")."""
    from PIL import Image, ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        target = ImageCms.createProfile("LAB" if output == "LAB" else "sRGB")
        transform = _build(source, target, mode, output)
        image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if mode == "L" else pixels))
        converted = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise CarryError("damaged ICC profile", code=ReasonCode.CANNOT_CARRY_ICC, hint=_HINT, foreign=error) from error
    return np.array(converted, dtype=np.uint8)


def _build(source: ImageCms.ImageCmsProfile, target: Any, mode: str, output: str) -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    return ImageCms.buildTransform(source, target, mode, output, ImageCms.Intent.RELATIVE_COLORIMETRIC)
