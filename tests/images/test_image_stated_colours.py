"""PNG's gAMA and cHRM are acted on, in the order that PNG gives its chunks; the right values are those of a browser."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from image_builders import ADOBE_PRIMARIES, P3_PRIMARIES, PROPHOTO_PRIMARIES, SRGB_PRIMARIES, chunk, icc, photo, png
from profiles import GRAY_18

import router
from router.codecs import registry
from router.images.cicp import icc_profile
from router.images.colour import as_probed, as_shown, is_wide_gamut
from router.images.read import read

D65 = (0.3127, 0.3290)
Points = tuple[tuple[float, float], ...]


def gama(stored: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", stored))


def chrm(points: Points, white: tuple[float, float] = D65) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(1e5 * v) for point in (white, *points) for v in point)))


def shown(data: bytes) -> np.ndarray:
    sample = read(data)
    return as_shown(sample.metadata.icc)(sample.pixels).astype(int)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("stored", [100_000, 55_556, 35_000, 220_000])
def test_a_gamma_alone(channels: int, stored: int) -> None:
    pixels = photo(channels=channels)
    data = png(pixels, extra=gama(stored))
    colours = 1 if channels < 3 else 3
    linear = (pixels[..., :colours] / 255) ** (1e5 / stored)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(shown(data)[..., :colours] - encoded).max() <= 2
    assert np.array_equal(read(data).pixels, pixels)
    assert read(data).source.colour_faults == ()


@pytest.mark.parametrize(
    ("points", "stored", "gamma"),
    [(P3_PRIMARIES, 45455, 2.2), (ADOBE_PRIMARIES, 100_000, 1.0), (PROPHOTO_PRIMARIES, 55_556, 1.8)],
)
def test_primaries_with_and_without_a_gamma(points: Points, stored: int, gamma: float) -> None:
    made = read(png(photo(), extra=gama(stored) + chrm(points))).metadata.icc
    assert made is not None
    assert is_wide_gamut(made)
    assert np.abs(as_probed(made).astype(int) - as_probed(icc(points, gamma))).max() <= 2
    alone = read(png(photo(), extra=chrm(points)))  # browsers do not act on these
    assert alone.metadata.icc is None
    assert alone.source.colour_faults == ("gAMA and cHRM: primaries without a usable gamma",)


@pytest.mark.parametrize(
    "extra",
    [
        gama(45455),
        gama(45000),
        gama(45455) + chrm(SRGB_PRIMARIES),
        chrm(SRGB_PRIMARIES),
        gama(45455) + chrm(SRGB_PRIMARIES, (0.313, 0.329)),
    ],
)
def test_srgb_in_other_words(extra: bytes) -> None:
    sample = read(png(photo(), extra=extra))
    assert sample.metadata.icc is None
    assert sample.source.colour_faults == ()


def test_of_gray_only_the_curve_counts() -> None:
    assert read(png(photo(channels=1), extra=chrm(P3_PRIMARIES))).metadata.icc is None
    made = read(png(photo(channels=1), extra=chrm(P3_PRIMARIES) + gama(100_000))).metadata.icc
    assert made is not None
    assert made[16:20] == b"GRAY"


def test_of_several_statements_the_first_that_can_be_used_counts() -> None:
    """cICP, iCCP, sRGB, then gAMA and cHRM (PNG, third edition, 4.3)."""
    profile = icc(P3_PRIMARIES, 2.2)
    parts = {
        "cICP": chunk(b"cICP", bytes([9, 13, 0, 1])),
        "iCCP": chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)),
        "sRGB": chunk(b"sRGB", b"\0"),
        "gAMA": gama(100_000) + chrm(ADOBE_PRIMARIES),
    }
    first = {"cICP": icc_profile((9, 13), gray=False), "iCCP": profile, "sRGB": None}
    left = list(parts)
    while left[0] != "gAMA":
        assert read(png(photo(), extra=b"".join(parts[name] for name in left))).metadata.icc == first[left.pop(0)]
    stated = read(png(photo(), extra=parts["gAMA"])).metadata.icc
    bad = chunk(b"iCCP", b"p\0\0" + zlib.compress(GRAY_18))
    fallen_back = read(png(photo(), extra=bad + parts["gAMA"]))
    assert fallen_back.metadata.icc == stated
    assert fallen_back.source.colour_faults == ("the ICC profile: it is for gray, the picture is RGB",)
    assert read(png(photo(), extra=bad + parts["sRGB"] + parts["gAMA"])).metadata.icc is None
    for unusable in ([2, 2, 0, 1], [9, 13, 0, 0], [9, 13, 6, 1]):  # unspecified; in narrow range; not RGB
        assert read(png(photo(), extra=chunk(b"cICP", bytes(unusable)) + parts["gAMA"])).metadata.icc == stated


ABSURD = {
    "gamma 0": gama(0),
    "gamma 1": gama(1),
    "gamma of billions": gama(0xFFFFFFFF),
    "no white": gama(45455) + chrm(P3_PRIMARIES, (0.0, 0.0)),
    "primaries on a line": gama(45455) + chrm(((0.1, 0.1), (0.2, 0.2), (0.3, 0.3))),
    "one primary": gama(45455) + chrm((D65, D65, D65)),
    "white outside": gama(45455) + chrm(SRGB_PRIMARIES, (0.7, 0.2)),
    "zeros": chrm(((0, 0), (0, 0), (0, 0)), (0, 0)),
    "huge": gama(45455) + chrm(((20_000, 20_000),) * 3),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_values_are_left_out_with_a_reason(name: str) -> None:
    sample = read(png(photo(), extra=ABSURD[name]))
    assert sample.metadata.icc is None
    assert len(sample.source.colour_faults) == 1
    assert sample.source.colour_faults[0].startswith("gAMA and cHRM: ")
    assert read(png(photo(), extra=gama(100_000) + ABSURD["zeros"])).metadata.icc is not None


@pytest.mark.parametrize("extra", [chunk(b"gAMA", b"\0\0"), chunk(b"cHRM", bytes(8)), chunk(b"gAMA", b"")])
def test_chunks_of_a_wrong_length_say_nothing(extra: bytes) -> None:
    assert read(png(photo(), extra=extra)).metadata.icc is None


@pytest.mark.parametrize("codec", ["png", "avif", "webp-lossless", "jpeg"])
def test_outputs_are_shown_as_the_source_is(codec: str) -> None:
    source = png(photo(), extra=gama(100_000))
    fixed = {"avif": {"quality": 95, "speed": 10}, "jpeg": {"quality": 97}}.get(codec)
    encoded = router.compress(source, codec=codec, settings=fixed, on_guard_fail="release")
    found = registry.get(codec).decode(encoded.data)
    result = as_shown(found.metadata.icc)(found.pixels).astype(int)
    assert abs(result.mean() - shown(source).mean()) < 1
    if codec in ("png", "webp-lossless"):
        assert np.array_equal(result, shown(source))
    with pytest.raises(router.RouterError) as refused:  # it would have to say sRGB
        router.compress(source, codec="jxl")
    assert refused.value.code == "CANNOT_CARRY_ICC"


def bmp(
    space: bytes, ends: tuple[float, ...] = (0.0,) * 9, gammas: tuple[float, ...] = (0.0,) * 3, profile: bytes = b""
) -> bytes:
    """A 24-bit BMP with a header of version 5."""
    rows = photo(16, 16)[::-1, :, ::-1].tobytes()
    info = struct.pack("<IiiHHIIiiII", 124, 16, 16, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + bytes(16) + space
    info += struct.pack("<12I", *(round(v * (1 << 30)) for v in ends), *(round(g * 65536) for g in gammas))
    info += struct.pack("<IIII", 4, (124 + len(rows)) if profile else 0, len(profile), 0)
    return b"BM" + struct.pack("<IHHI", 138 + len(rows) + len(profile), 0, 0, 138) + info + rows + profile


def test_bitmaps_state_colours_too() -> None:
    srgb = (0.64, 0.33, 0.03, 0.30, 0.60, 0.10, 0.15, 0.06, 0.79)
    p3 = (0.68, 0.32, 0.0, 0.265, 0.69, 0.045, 0.15, 0.06, 0.79)
    linear = (shown(png(photo(16, 16), extra=gama(100_000))), ())
    cases = {
        bmp(bytes(4), srgb, (1.0,) * 3): linear,
        bmp(b"DEBM", profile=icc(SRGB_PRIMARIES, 1.0)): linear,
        bmp(bytes(4), p3, (2.2,) * 3): (shown(png(photo(16, 16), extra=gama(45455) + chrm(P3_PRIMARIES))), ()),
        **{plain: (photo(16, 16), ()) for plain in (bmp(b"BGRs"), bmp(b" niW"), bmp(bytes(4)), bmp(bytes(4), srgb, (2.2,) * 3))},
        bmp(b"DEBM", profile=GRAY_18): (photo(16, 16), ("the ICC profile: it is for gray, the picture is RGB",)),
        bmp(bytes(4), srgb, (1.0, 2.0, 0.0)): (photo(16, 16), ("calibrated colours: a gamma of 0",)),
    }
    for data, (expected, faults) in cases.items():
        assert np.abs(shown(data) - expected).max() <= 2
        assert read(data).source.colour_faults == faults
