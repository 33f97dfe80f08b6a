"""Colours stated by a gamma and by primaries, as PNG's gAMA and cHRM and BMP's headers do, turned into an ICC profile."""

from __future__ import annotations

from router.containers.icc_writing import SRGB_POINTS, display_profile, gamma_curve

Points = tuple[tuple[float, float], ...]
"""Red, green, blue, white as (x, y)."""

_NAME = "Stated by the file"
_EXPONENTS = 0.1, 10.0
"""Exponents outside would show nothing but black and white: nobody means them."""
_SRGB_EXPONENT, _SAME_EXPONENT = 2.2, 0.03
_SAME_POINT = 0.003
"""How far x or y may lie from sRGB's: they are often written with three digits, or with another rounding of D65."""


def stated_profile(exponents: tuple[float, ...], points: Points | None, *, gray: bool) -> tuple[bytes | None, str]:
    """A profile of what a file states, None where that is sRGB; and why a part of the statement was left out, "" if none was.

    With sRGB's primaries an exponent of 2.2 stands for sRGB's own curve: it is what that is where there is room for a number
    only. Primaries without an exponent are left out, as by browsers.

    Args:
        exponents: of the curves from samples to light, one for all or three, or none.
        points: None where none are stated.
        gray: of gray only the curve counts.
    """
    faults = []
    absurd = [e for e in exponents if not _EXPONENTS[0] <= e <= _EXPONENTS[1]]
    if absurd:
        faults.append(f"a gamma of {absurd[0]:.6g}")
        exponents = ()
    if gray or (points is not None and _are_srgb(points)):
        points = None
    if points is not None and not exponents:
        faults.append("primaries without a usable gamma")
        points = None
    curves = tuple(gamma_curve(e) for e in exponents)
    if points is not None:
        try:
            return display_profile(_NAME, points, curves), "; ".join(faults)
        except ValueError as error:
            faults.append(f"primaries that cannot be, {error}")
    if all(abs(e - _SRGB_EXPONENT) <= _SAME_EXPONENT for e in exponents):
        return None, "; ".join(faults)
    return display_profile(_NAME, None if gray else SRGB_POINTS, curves), "; ".join(faults)


def _are_srgb(points: Points) -> bool:
    return all(
        abs(a - b) <= _SAME_POINT
        for point, srgb in zip(points, SRGB_POINTS, strict=True)
        for a, b in zip(point, srgb, strict=True)
    )
