"""Profiles are checked before any encoder gets one, and what is kept can be parsed by browsers."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import SRGB_PRIMARIES, chunk, icc, photo, png, save
from PIL import Image
from profiles import GAMMA_18, GRAY_18, HARD, LUT, SOUND, UNUSABLE, patched, rebuilt, tags_of

import router
from router.codecs import registry
from router.containers import ncr as container
from router.containers.metadata import Metadata
from router.errors import NoLaneError
from router.images import colour
from router.images.arrays import from_pixels
from router.images.colour import as_probed, is_srgb, is_wide_gamut
from router.images.plain_profile import plain_profile
from router.images.profile import fault, usable
from router.images.read import read
from router.images.remembered import LARGEST, Remembered
from router.migrate import migrate

RGB = photo()


@pytest.mark.parametrize("name", [*SOUND, *HARD])
def test_usable_profiles_stay_as_they_are(name: str) -> None:
    profile = {**SOUND, **HARD}[name]
    assert fault(profile, 3) == ""
    assert fault(profile, 1) == ""  # gray through an RGB profile sees three equal channels
    assert read(png(RGB, extra=chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)))).metadata.icc == profile


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_profile_is_left_out_with_its_reason(name: str) -> None:
    profile = UNUSABLE[name]
    assert fault(profile, 3)
    if profile:
        sample = read(save(RGB, "WEBP", icc_profile=profile))
        assert sample.metadata.icc is None
        assert sample.source.colour_faults == (f"the ICC profile: {fault(profile, 3)}",)


def test_gray_takes_gray_and_rgb_profiles_and_colour_only_rgb() -> None:
    expected = {
        1: ("", ""),
        2: ("", ""),
        3: ("it is for gray, the picture is RGB", ""),
        4: ("it is for gray, the picture is RGB", ""),
    }
    assert {n: (fault(GRAY_18, n), fault(GAMMA_18, n)) for n in (1, 2, 3, 4)} == expected


FAST = {
    "avif": {"quality": 60, "speed": 10},
    "jpeg": {"quality": 80},
    "webp": {"quality": 80},
    "jxl": {"quality": 80, "effort": 1},
    "ncr": {"rate": 40},
}
"""Settings that need no search."""


@pytest.mark.parametrize("name", ["gray", "text", "CMYK", "no curve"])
@pytest.mark.parametrize(
    ("kind", "metadata"), [("JPEG", "keep"), ("PNG", "strip"), ("WEBP", "icc"), ("AVIF", "strip"), ("TIFF", "keep")]
)
def test_no_output_holds_it_whatever_the_source_and_the_choice(kind: str, metadata: str, name: str) -> None:
    profile = UNUSABLE[name]
    source = save(RGB, kind, icc_profile=profile)
    for codec in ("avif", "png"):
        encoded = router.compress(source, codec=codec, metadata=metadata, settings=FAST.get(codec), on_guard_fail="release")
        left_out = [r.detail for r in encoded.record.reasons if r.code == "PROFILE_UNUSABLE"]
        assert left_out == [f"left out: the ICC profile: {fault(profile, 3)}"]
        assert profile[:300] not in encoded.data
        image = Image.open(io.BytesIO(encoded.data))
        assert "icc_profile" not in image.info or image.info["icc_profile"] is None
        assert np.asarray(image).shape == RGB.shape


@pytest.mark.parametrize("codec", ["jpeg", "webp", "webp-lossless", "jxl", "jxl-lossless", "ncr"])
def test_no_codec_writes_it(codec: str) -> None:
    source = save(RGB, "JPEG", quality=95, icc_profile=GRAY_18)
    encoded = router.compress(source, codec=codec, settings=FAST.get(codec), on_guard_fail="release")
    assert "PROFILE_UNUSABLE" in [r.code for r in encoded.record.reasons]
    assert registry.get(codec).decode(encoded.data).metadata.icc is None
    refused = registry.get(codec).refusal(from_pixels(RGB, Metadata(icc=GRAY_18)))
    assert refused is not None
    assert refused.code == "CANNOT_CARRY_ICC"


def test_a_file_that_is_kept_is_kept_with_it() -> None:
    source = save(RGB, "JPEG", icc_profile=GRAY_18)
    assert router.restore(router.compress(source, codec="jxl-transcode").data) == source
    keep = {
        "schema_version": 1,
        "name": "keep",
        "description": "",
        "rules": [],
        "otherwise": {"lanes": [{"lane": "passthrough"}]},
    }
    kept = router.compress(source, policy=keep)
    assert kept.data == source
    assert "PROFILE_UNUSABLE" not in [r.code for r in kept.record.reasons]
    with pytest.raises(NoLaneError) as refused:
        router.compress(source, policy=keep, metadata="strip")
    assert "METADATA_NOT_STRIPPED" in refused.value.message


@pytest.mark.parametrize("profile", [GRAY_18, b"junk" * 50])
def test_decompress_gives_no_picture_with_it(profile: bytes) -> None:
    assert "icc_profile" not in router.decompress(save(RGB, "WEBP", icc_profile=profile, lossless=True)).info
    assert router.decompress(save(RGB, "WEBP", icc_profile=GAMMA_18, lossless=True)).info["icc_profile"] == GAMMA_18


def test_an_ncr_file_may_hold_one_and_no_reader_gets_it() -> None:
    data = container.replace(router.compress(RGB, codec="ncr", settings=FAST["ncr"], on_guard_fail="release").data, icc=GRAY_18)
    assert "icc_profile" not in router.decompress(data).info
    migrated = migrate(data)
    assert "PROFILE_UNUSABLE" in [r.code for r in migrated.record.reasons]
    assert registry.get("png").decode(migrated.data).metadata.icc is None


def test_pillow_images_are_checked_too() -> None:
    image = Image.fromarray(RGB)
    for profile, kept in ((GAMMA_18, GAMMA_18), (GRAY_18, None)):
        image.info["icc_profile"] = profile
        assert read(image).metadata.icc == kept


@pytest.mark.parametrize("name", HARD)
def test_avif_gets_what_every_browser_parses(name: str) -> None:
    """The tags of a plain form are those that colours come from, and it shows the same."""
    plain = plain_profile(HARD[name])
    assert plain is not None
    assert plain != HARD[name]
    assert fault(plain, 3) == ""
    assert plain_profile(plain) == plain
    assert set(tags_of(plain)) <= {b"desc", b"cprt", b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}
    assert np.abs(as_probed(plain).astype(int) - as_probed(HARD[name])).max() <= 2
    codec = registry.get("avif")
    sample = from_pixels(RGB, Metadata(icc=HARD[name]))
    assert codec.decode(codec.encode(codec.prepare(sample), {})).metadata.icc == plain


def test_plain_forms_of_gray_and_of_tables() -> None:
    lightness = patched(16, b"GRAYLab ", icc(None, 1.0))
    plain = plain_profile(lightness)
    assert plain is not None
    assert plain[16:24] == b"GRAYXYZ "
    assert np.abs(as_probed(plain).astype(int) - as_probed(lightness)).max() <= 2
    plain = plain_profile(rebuilt(LUT, tags_of(LUT) | {b"tech": b"junk"}))
    assert plain is not None
    assert tags_of(plain)[b"A2B0"] == tags_of(LUT)[b"A2B0"]
    for name in SOUND:
        assert plain_profile(SOUND[name]) == SOUND[name]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_profiles_never_raise_and_never_reach_an_encoder(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from([GAMMA_18, GRAY_18, LUT, HARD["identity"]])))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    profile = bytes(damaged[: data.draw(st.integers(0, len(damaged)))]) if data.draw(st.booleans()) else bytes(damaged)
    channels = data.draw(st.sampled_from([1, 3]))
    kept, faults = usable(profile, channels)
    assert (kept is None) == bool(faults)
    if kept is not None:
        plain = plain_profile(kept)
        assert plain is None or fault(plain, channels) == ""


def test_what_is_remembered_of_profiles_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in (colour._SRGB, colour._WIDE):
        before = len(known)
        profile = SOUND["linear"] + bytes(1 << 20)
        assert not is_srgb(profile)
        assert not is_wide_gamut(profile)
        assert len(known) <= before + 1
        assert all(len(digest) == 32 for digest, _ in known._known)
    calls: list[int] = []
    counted: Remembered[int, int] = Remembered(lambda data, key: calls.append(key) or len(data))
    monkeypatch.setattr("router.images.remembered.MOST", 10)
    assert [counted.get(b"ab", k) for k in (1, 1, 2, 1)] == [2, 2, 2, 2]
    assert calls == [1, 2]
    for k in range(100):
        counted.get(b"ab", k)
        assert len(counted) <= 10
    large: Remembered[int, bytes] = Remembered(lambda data, key: bytes(key))
    assert [len(large.get(b"ab", size)) for size in (LARGEST, LARGEST + 1)] == [LARGEST, LARGEST + 1]
    assert len(large) == 1


def test_srgb_profiles_with_primaries_alone_are_not_wide() -> None:
    assert not is_wide_gamut(icc(SRGB_PRIMARIES, 1.0))
