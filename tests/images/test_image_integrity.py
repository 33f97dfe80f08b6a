"""What is kept as it is has been decoded before it goes out, all of it; where not, the record says NOT_VERIFIED."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
import tifffile
from image_builders import photo, save
from PIL import Image

import router
from router.errors import InputError
from router.reasons import ReasonCode as R

HEIGHT, WIDTH = 96, 128


@functools.cache
def _picture(channels: int = 3, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 24, (HEIGHT, WIDTH, channels))
    return np.clip(photo(HEIGHT, WIDTH, channels).astype(int) + noise, 0, 255).astype(np.uint8)


def _deep() -> np.ndarray:
    return _picture().astype(np.uint16) * 257


def _frames(kind: str, **options: object) -> bytes:
    frames = [Image.fromarray(_picture(seed=k)) for k in range(3)]
    return save(frames[0], kind, save_all=True, append_images=frames[1:], **options)


def _tiff(pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: save(_picture(), "JPEG", quality=92),
    "progressive JPEG": lambda: save(_picture(), "JPEG", quality=92, progressive=True),
    "CMYK JPEG": lambda: save(Image.fromarray(_picture(4), "CMYK"), "JPEG", quality=92),
    "12-bit JPEG": lambda: imagecodecs.jpeg8_encode(_picture()[..., 0].astype(np.uint16) << 4, bitspersample=12),
    "lossless JPEG": lambda: imagecodecs.jpeg8_encode(_picture(), lossless=True),
    "MPO": lambda: _frames("MPO"),
    "PNG": lambda: save(_picture(), "PNG"),
    "16-bit PNG": lambda: imagecodecs.png_encode(_deep()),
    "APNG": lambda: _frames("PNG", duration=50),
    "WebP": lambda: save(_picture(), "WEBP"),
    "lossless WebP": lambda: save(_picture(), "WEBP", lossless=True),
    "animated WebP": lambda: _frames("WEBP", duration=50, lossless=True),
    "animated lossy WebP": lambda: _frames("WEBP", duration=50, quality=80),
    "AVIF": lambda: save(_picture(), "AVIF", quality=80),
    "10-bit AVIF": lambda: imagecodecs.avif_encode(_deep() >> 6, bitspersample=10, level=80, speed=9),
    "animated AVIF": lambda: _frames("AVIF", duration=50),
    "JPEG XL": lambda: save(_picture(), "JXL", quality=80),
    "lossless JPEG XL": lambda: save(_picture(), "JXL", lossless=True),
    "animated JPEG XL": lambda: imagecodecs.jpegxl_encode(np.stack([_picture(), _picture(seed=1)]), lossless=True),
    "GIF": lambda: save(Image.fromarray(_picture()).quantize(64), "GIF"),
    "animated GIF": lambda: _frames("GIF", duration=50),
    "TIFF, JPEG": lambda: _tiff(_picture(), photometric="ycbcr", compression="jpeg", rowsperstrip=48),
    "TIFF, CMYK": lambda: _tiff(_picture(4), photometric="separated", compression="zlib"),
    "TIFF, float": lambda: _tiff(_picture()[..., 0].astype(np.float32), photometric="minisblack", compression="zlib"),
    "TIFF, pages": lambda: _frames("TIFF", compression="tiff_lzw"),
}
made = functools.cache(lambda kind: KINDS[kind]())

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda d: d[: len(d) // 2],
    "nine tenths": lambda d: d[: len(d) * 9 // 10],
    "filled up from a half": lambda d: d[: len(d) // 2].ljust(len(d), b"\0"),
    "filled up from nine tenths": lambda d: d[: len(d) * 9 // 10].ljust(len(d), b"\0"),
}


def _doubts(encoded: router.EncodedImage) -> list[str]:
    return [r.detail for r in encoded.record.reasons if r.code == R.NOT_VERIFIED]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_kept_or_stored_again_without_doubt(kind: str) -> None:
    doubts = _doubts(router.compress(made(kind), policy="archival"))
    assert bool(doubts) == (kind == "12-bit JPEG"), doubts


@pytest.mark.parametrize(("kind", "damage"), [(k, d) for k in KINDS for d in DAMAGE])
def test_damaged_files_are_never_archived_as_good(kind: str, damage: str) -> None:
    data = DAMAGE[damage](made(kind))
    for policy in ("archival", "medical"):
        try:
            encoded = router.compress(data, policy=policy)
        except InputError as error:
            assert error.code == R.DAMAGED_IMAGE, error  # noqa: PT017
            continue
        assert encoded.record.lane == "passthrough"
        assert _doubts(encoded)


def test_damage_in_a_deep_source_is_the_source_s_error_in_every_lane() -> None:
    for kind in ("16-bit PNG", "10-bit AVIF"):
        for policy in ("archival", "medical", "balanced", "web", "realtime"):
            with pytest.raises(InputError) as caught:
                router.compress(made(kind)[:-400], policy=policy)
            assert caught.value.code == R.DAMAGED_IMAGE
        for codec in ("png", "jxl-lossless", "avif"):
            with pytest.raises((InputError, router.RouterError)) as caught:
                router.compress(made(kind)[:-400], codec=codec)
            assert caught.value.code in (R.DAMAGED_IMAGE, R.CANNOT_CARRY_DEPTH)


def test_checksums_of_png_pixels_count() -> None:
    for kind in ("PNG", "16-bit PNG", "APNG"):
        data = bytearray(made(kind))
        at = data.index(b"IDAT")
        end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
        data[end] ^= 0xFF
        with pytest.raises(InputError) as caught:
            router.compress(bytes(data), policy="archival")
        assert caught.value.code == R.DAMAGED_IMAGE


def test_checksums_of_tiff_strips_count() -> None:
    layouts: tuple[dict[str, object], ...] = ({}, {"tile": (32, 32)}, {"predictor": 2}, {"planarconfig": "separate"})
    for options in layouts:
        pixels = _picture().transpose(2, 0, 1) if "planarconfig" in options else _picture()
        data = bytearray(_tiff(pixels, photometric="rgb", compression="deflate", **options))
        assert router.compress(bytes(data), policy="archival").record.lane == "lossless"
        with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
            page = file.pages[0]
            end = page.dataoffsets[-1] + page.databytecounts[-1]
        data[end - 1] ^= 0xFF
        for policy in ("archival", "medical", "balanced"):
            with pytest.raises(InputError) as caught:
                router.compress(bytes(data), policy=policy)
            assert caught.value.code == R.DAMAGED_IMAGE


def test_what_is_not_decoded_is_said_at_every_level() -> None:
    policy = {
        "schema_version": 1,
        "name": "keep",
        "defaults": {"guard": "off"},
        "rules": [],
        "otherwise": {"lanes": [{"lane": "passthrough"}]},
        "on_error": {"lanes": [{"lane": "passthrough"}]},
    }
    assert _doubts(router.compress(made("JPEG"), policy=policy)) == ["not decoded at guard level off"]
    assert not _doubts(router.compress(made("JPEG"), policy={**policy, "defaults": {"guard": "full"}}))


def test_flat_pictures_are_not_taken_for_damaged_ones() -> None:
    flat = np.full((480, 640, 3), 255, np.uint8)
    for kind, options in (("WEBP", {}), ("WEBP", {"lossless": True}), ("AVIF", {"speed": 9}), ("JPEG", {"optimize": True})):
        router.compress(save(flat, kind, **options), policy="medical")
