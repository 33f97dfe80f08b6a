"""ICC profiles that every browser can parse: they do not open an AVIF whose profile they cannot, though its colours are clear.

Browsers differ: some look at tags that nothing is made of (a description, the way back), know no empty table for the identity,
want the header's illuminant as the standard has it, or take only some of the parametric curves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.containers.icc_reading import (
    BACK,
    CURVES,
    FORWARD,
    MATRIX,
    ToneCurve,
    UnusableError,
    check_table,
    fixed,
    read_colorant,
    read_curve,
    read_tags,
    uint,
)
from router.containers.icc_writing import D50, VERSION, described, matrix_tags, parametric, profile, sampled_curve
from router.images.remembered import Remembered

_LOWEST_VERSION = 2
_SAME = 2
"""Of 255: how far the plain form may move a colour of the probe."""
_SAMPLES = 4096


def plain_profile(icc: bytes) -> bytes | None:
    """The profile itself if all browsers can parse it; else one that says the same with fewer words; None where there is none.

    `icc`: without `profile.fault`.
    """
    return icc if _READ.get(icc, None) else _PLAIN.get(icc, None)


def _is_read(icc: bytes, _: None) -> bool:
    try:
        return _all_is_plain(icc, read_tags(icc))
    except UnusableError:
        return False


def _all_is_plain(icc: bytes, tags: dict[bytes, bytes]) -> bool:
    gray = icc[16:20] == b"GRAY"
    table = any(name in tags for name in FORWARD)
    for name in (*FORWARD, b"A2B2", *BACK, b"gamt"):
        if name in tags:
            check_table(tags[name], forward=name.startswith(b"A2B"))
    return (
        icc[8] >= _LOWEST_VERSION
        and bool(np.abs(np.array(fixed(icc, 68, 3)) - D50).max() <= 0.01)
        and (table or not gray or icc[20:24] == b"XYZ ")
        and all(len(content) >= 4 for content in tags.values())
        and all(_is_plain(read_curve(tags[name])) for name in ((b"kTRC",) if gray else CURVES) if name in tags)
        and all(_is_text(content) for content in tags.values())
        and (b"chad" not in tags or (tags[b"chad"][:4] == b"sf32" and len(tags[b"chad"]) >= 44))
        and (b"cicp" not in tags or (tags[b"cicp"][:4] == b"cicp" and len(tags[b"cicp"]) >= 12))
        and (b"tech" not in tags or (tags[b"tech"][:4] == b"sig " and len(tags[b"tech"]) >= 12))
    )


def _is_plain(curve: ToneCurve) -> bool:
    values = curve.values
    if curve.kind is None:
        return bool(values)
    if curve.kind in (1, 2):
        return False
    return values[0] >= 0 and (curve.kind == 0 or (min(values[1], *values[3:5]) >= 0 and values[1] * values[4] + values[2] >= 0))


def _is_text(content: bytes) -> bool:
    """Whether a text, if this is one, ends within its tag."""
    if content[:4] == b"desc":
        return len(content) >= 12 and 12 + uint(content, 8) <= len(content)
    if content[:4] == b"mluc":
        count, size = uint(content, 8), uint(content, 12)
        if len(content) < 16 or size != 12 or 16 + 12 * count > len(content):
            return False
        return all(uint(content, at + 4) + uint(content, at + 8) <= len(content) for at in range(16, 16 + 12 * count, 12))
    return True


def _plain_form(icc: bytes, _: None) -> bytes | None:
    tags, space = read_tags(icc), icc[16:20]
    found = described("A plain form of the source's profile")
    if b"cprt" in tags and tags[b"cprt"][:4] in (b"text", b"mluc") and _is_text(tags[b"cprt"]):
        found[b"cprt"] = tags[b"cprt"]
    connection, version = b"XYZ ", VERSION
    if any(name in tags for name in FORWARD):
        found |= {name: tags[name] for name in FORWARD if name in tags}
        connection, version = icc[20:24], icc[8:12] if icc[8] >= _LOWEST_VERSION else b"\x02\x10\x00\x00"
    elif space == b"GRAY":
        found[b"kTRC"] = _plain_curve(read_curve(tags[b"kTRC"]), lightness=icc[20:24] == b"Lab ")
    else:
        columns = np.array([read_colorant(tags[name]) for name in MATRIX]).T
        found |= matrix_tags(columns, tuple(_plain_curve(read_curve(tags[name])) for name in CURVES))
    made = profile(space, found, connection, version)
    return made if _READ.get(made, None) and _means(made, icc) else None


def _plain_curve(curve: ToneCurve, *, lightness: bool = False) -> bytes:
    """`lightness`: it leads to L* / 100; the result leads to light, as all others do."""
    if lightness:
        return sampled_curve(_light(_sampled(curve)))
    if curve.kind is None and len(curve.values) < 2:
        gamma = curve.values[0] / 256 if curve.values else 1.0
        return parametric(0, gamma)
    if curve.kind is not None and _is_plain(curve):
        return parametric(curve.kind, *curve.values)
    return sampled_curve(_sampled(curve))


def _sampled(curve: ToneCurve) -> NDArray[np.float64]:
    """(_SAMPLES,) values from 0 to 1."""
    x, values = np.linspace(0, 1, _SAMPLES), curve.values
    if curve.kind is None:
        if len(values) < 2:
            return np.asarray(x ** (values[0] / 256 if values else 1.0))
        return np.interp(x, np.linspace(0, 1, len(values)), np.array(values) / 65535)
    g, a, b, c, d, e, f = (*values, *(1.0, 0.0, 0.0, -np.inf, 0.0, 0.0)[len(values) - 1 :])[:7]
    if curve.kind in (1, 2):
        d, e = -b / a if a else -np.inf, values[3] if curve.kind == 2 else 0.0
        c, f = 0.0, e
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        y = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    return np.asarray(np.clip(np.nan_to_num(y), 0, 1))


def _light(lightness: NDArray[np.float64]) -> NDArray[np.float64]:
    f = (100 * lightness + 16) / 116
    return np.asarray(np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)))


def _means(made: bytes, icc: bytes) -> bool:
    """Whether both profiles show the same colours, on a probe."""
    from router.images.colour import as_probed

    return bool(np.abs(as_probed(made).astype(np.int16) - as_probed(icc)).max() <= _SAME)


_READ: Remembered[None, bool] = Remembered(_is_read)
_PLAIN: Remembered[None, bytes | None] = Remembered(_plain_form)
