"""Writing ICC profiles (ICC.1:2010): what colours mean that a file states in other words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

D50 = np.array([0.9642, 1.0, 0.8249])  # as ICC.1 rounds it
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
VERSION = b"\x04\x30\x00\x00"

SRGB_POINTS = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), (0.3127, 0.3290))
"""Red, green, blue, white as (x, y)."""


def display_profile(name: str, points: tuple[tuple[float, float], ...] | None, curves: tuple[bytes, ...]) -> bytes:
    """A display profile: of gray with one curve where `points` is None, else of RGB.

    `points`: red, green, blue and white as (x, y). `curves`: see `gamma_curve` and `SRGB_CURVE`; one for all, or three. Raises
    ValueError for points that span no space of colours, or one that a profile cannot hold.
    """
    if points is None:
        return profile(b"GRAY", described(name) | {b"kTRC": curves[0]})
    adaptation, columns = _colorants(points)
    tags = described(name) | {b"chad": b"sf32" + bytes(4) + _fixed(adaptation.ravel())}
    return profile(b"RGB ", tags | matrix_tags(columns, curves))


def matrix_tags(columns: NDArray[np.float64], curves: tuple[bytes, ...]) -> dict[bytes, bytes]:
    """Colorants, RGB to XYZ under D50, one a column; and curves, one for all, or three. Raises ValueError if they do not fit."""
    if not np.isfinite(columns).all() or np.abs(columns).max() >= 1 << 15:
        raise ValueError("colorants out of range")
    tags = {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)}
    return tags | dict(zip((b"rTRC", b"gTRC", b"bTRC"), curves * (3 // len(curves)), strict=True))


def described(name: str) -> dict[bytes, bytes]:
    """The tags that a profile has to have whatever it says: a name, a copyright, the white of the connection space."""
    return {b"desc": _text(name), b"cprt": _text("No copyright"), b"wtpt": _xyz(D50)}


def _colorants(points: tuple[tuple[float, float], ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Bradford matrix from the white point to D50, and RGB to XYZ under D50, one primary a column."""
    if not all(np.isfinite((x, y)).all() and y > 0 for x, y in points):
        raise ValueError("a point without luminance")
    red_green_blue_white = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in points]).T
    primaries, white = red_green_blue_white[:, :3], red_green_blue_white[:, 3]
    try:
        shares = np.linalg.solve(primaries, white)
    except np.linalg.LinAlgError as error:
        raise ValueError("primaries on one line") from error
    if not (np.isfinite(shares).all() and shares.min() > 1e-6):
        raise ValueError("white is no mixture of the primaries")
    scale = np.diag((_BRADFORD @ D50) / (_BRADFORD @ white))
    adaptation = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD
    return adaptation, adaptation @ (primaries * shares)


def profile(space: bytes, tags: Mapping[bytes, bytes], connection: bytes = b"XYZ ", version: bytes = VERSION) -> bytes:
    """A display profile; `space` and `connection` as ICC.1 signs them. Equal contents are stored once."""
    start = 128 + 4 + 12 * len(tags)
    table, body, places = len(tags).to_bytes(4, "big"), b"", dict[bytes, int]()
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + places[content].to_bytes(4, "big") + len(content).to_bytes(4, "big")
    head = (start + len(body)).to_bytes(4, "big") + bytes(4) + version + b"mntr" + space + connection
    head += bytes(12) + b"acsp" + bytes(28) + _fixed(D50)
    return head.ljust(128, b"\x00") + table + body


def gamma_curve(gamma: float) -> bytes:
    """The curve value^gamma."""
    return parametric(0, gamma)


def parametric(kind: int, *parameters: float) -> bytes:
    """A parametric curve of this function type (ICC.1, 10.18)."""
    return b"para" + bytes(4) + kind.to_bytes(2, "big") + bytes(2) + _fixed(parameters)


def sampled_curve(values: NDArray[np.float64]) -> bytes:
    """The curve through these values, from 0 to 1, at even steps."""
    return b"curv" + bytes(4) + len(values).to_bytes(4, "big") + np.round(values * 65535).astype(">u2").tobytes()


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


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
