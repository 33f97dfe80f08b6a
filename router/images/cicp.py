"""Colour statements by number (ITU-T H.273, "CICP"), as PNG's cICP and AVIF's nclx make them, turned into ICC profiles.

No encoder here writes such numbers, but most carry ICC profiles. A profile that says the same keeps the colours right through
every codec, and lets one test (`colour.is_wide_gamut`) judge all images. PQ and HLG have no such profile: see `is_hdr_transfer`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

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
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_HDR_TRANSFERS = (16, 18)
_D50 = np.array([0.9642, 1.0, 0.8249])  # as ICC.1 rounds it
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def is_hdr_transfer(cicp: tuple[int, int] | None) -> bool:
    """Whether (primaries, transfer) names PQ (SMPTE ST 2084) or HLG (ARIB STD-B67)."""
    return cicp is not None and cicp[1] in _HDR_TRANSFERS


@lru_cache(maxsize=64)
def icc_profile(cicp: tuple[int, int] | None, gray: bool) -> bytes | None:
    """An ICC profile for (primaries, transfer); None where they mean sRGB, are unspecified or reserved, or are PQ or HLG.

    The camera curves of BT.601, BT.709 and BT.2020 count as sRGB's, as viewers of still images treat them.
    """
    if cicp is None or is_hdr_transfer(cicp):
        return None
    gamma = _GAMMAS.get(cicp[1])
    primaries = cicp[0] if not gray and cicp[0] in _PRIMARIES else _SRGB_PRIMARIES
    if gamma is None and primaries == _SRGB_PRIMARIES:
        return None
    curve = _parametric(0, gamma) if gamma is not None else _parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": _text(f"H.273 primaries {cicp[0]}, transfer {cicp[1]}"),
        b"cprt": _text("No copyright"),
        b"wtpt": _xyz(_D50),
    }
    if gray:
        return _profile(b"GRAY", tags | {b"kTRC": curve})
    adaptation, columns = _colorants(_PRIMARIES[primaries])
    tags[b"chad"] = b"sf32" + bytes(4) + _fixed(adaptation.ravel())
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True):
        tags[name] = _xyz(column)
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _colorants(points: tuple[tuple[float, float], ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Bradford matrix from the white point to D50, and RGB to XYZ under D50, one primary a column."""
    red_green_blue_white = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in points]).T
    primaries, white = red_green_blue_white[:, :3], red_green_blue_white[:, 3]
    scale = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    adaptation = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD
    return adaptation, adaptation @ (primaries * np.linalg.solve(primaries, white))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A display profile of version 4.3 (ICC.1:2010); equal contents are stored once."""
    start = 128 + 4 + 12 * len(tags)
    table, body, places = len(tags).to_bytes(4, "big"), b"", dict[bytes, int]()
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + places[content].to_bytes(4, "big") + len(content).to_bytes(4, "big")
    head = (start + len(body)).to_bytes(4, "big") + bytes(4) + b"\x04\x30\x00\x00mntr" + space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + _fixed(_D50)
    return head.ljust(128, b"\x00") + table + body


def _parametric(kind: int, *parameters: float) -> bytes:
    return b"para" + bytes(4) + kind.to_bytes(2, "big") + bytes(2) + _fixed(parameters)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return (
        b"mluc"
        + bytes(4)
        + bytes((0, 0, 0, 1, 0, 0, 0, 12))
        + b"enUS"
        + len(encoded).to_bytes(4, "big")
        + b"\0\0\0\x1c"
        + encoded
    )


def _fixed(values: NDArray[np.float64] | tuple[float, ...]) -> bytes:
    """s15Fixed16Number."""
    return np.round(np.asarray(values, np.float64) * 65536).astype(">i4").tobytes()
