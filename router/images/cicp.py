"""Colour statements by number (ITU-T H.273, "CICP"), as PNG's cICP and AVIF's nclx make them, turned into ICC profiles.

No encoder here writes such numbers, but most carry ICC profiles. A profile that says the same keeps the colours right through
every codec, and lets one test (`colour.is_wide_gamut`) judge all images. PQ and HLG have no such profile: see `is_hdr_transfer`.
"""

from __future__ import annotations

from functools import lru_cache

from router.containers.icc_writing import SRGB_CURVE, display_profile, gamma_curve, parametric

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_SRGB_PRIMARIES = 1
_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    # red, green, blue, white as (x, y): H.273, table 2
    _SRGB_PRIMARIES: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_CAMERA_TRANSFERS = (1, 6, 14, 15)
"""Of BT.601, BT.709 and BT.2020."""
_CAMERA_CURVE = gamma_curve(2.4)
"""Of a display that shows what such cameras give (BT.1886)."""
_CURVES = {7: parametric(3, 1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912)} | {
    number: gamma_curve(gamma) for number, gamma in {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}.items()
}
_SRGB = 13
_HDR_TRANSFERS = (16, 18)


def is_hdr_transfer(cicp: tuple[int, int] | None) -> bool:
    """Whether (primaries, transfer) says what colours are meant.

    It does where neither number is unspecified, reserved or of a kind unused in still images.
    """
    return cicp is not None and cicp[1] in _HDR_TRANSFERS


def is_known(cicp: tuple[int, int]) -> bool:
    """Whether (primaries, transfer) says what colours are meant.

    It does where neither number is unspecified, reserved or of a kind unused in still images.
    """
    return cicp[0] in _PRIMARIES and (cicp[1] in (_SRGB, *_CAMERA_TRANSFERS, *_CURVES, *_HDR_TRANSFERS))


@lru_cache(maxsize=64)
def icc_profile(cicp: tuple[int, int] | None, gray: bool, *, camera_curves: bool = False) -> bytes | None:
    """An ICC profile for (primaries, transfer); None where they mean sRGB, are unspecified or reserved, or are PQ or HLG.

    The camera curves of BT.601, BT.709 and BT.2020 count as sRGB's, as browsers treat them in AVIF; with `camera_curves`, as they
    treat them in PNG, as what a display of BT.1886 shows.
    """
    if cicp is None or is_hdr_transfer(cicp):
        return None
    curve = _CAMERA_CURVE if camera_curves and cicp[1] in _CAMERA_TRANSFERS else _CURVES.get(cicp[1])
    primaries = cicp[0] if not gray and cicp[0] in _PRIMARIES else _SRGB_PRIMARIES
    if curve is None and primaries == _SRGB_PRIMARIES:
        return None
    name = f"H.273 primaries {cicp[0]}, transfer {cicp[1]}"
    return display_profile(name, None if gray else _PRIMARIES[primaries], (SRGB_CURVE if curve is None else curve,))
