"""Files that decoders read although something in them is wrong: the picture is read, or refused by its true name."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
import pytest
from image_builders import photo, save
from PIL import Image, ImageCms

import router
from router.errors import InputError
from router.images.read import read
from router.reasons import ReasonCode as R

HEIGHT, WIDTH = 24, 32
PICTURE = photo(HEIGHT, WIDTH, 4)
RGB = np.ascontiguousarray(PICTURE[..., :3])


def chunk(kind: bytes, content: bytes, *, wrong: bool = False) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ wrong)


IEND = chunk(b"IEND", b"")


def png(bits: int = 8, *, before: bytes = b"", after: bytes = b"", end: bytes = IEND) -> bytes:
    samples = RGB if bits == 8 else (RGB.astype(">u2") * 257)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", rows[:900]) + chunk(b"IDAT", rows[900:]) + after + end


@functools.cache
def _profile(size: int = 0) -> bytes:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc += np.random.default_rng(0).bytes(size)
    return struct.pack(">I", len(icc)) + icc[4:]


PNG_CHUNKS = {
    "2 MB of compressed text": chunk(b"zTXt", b"mxfile\0\0" + zlib.compress(b"<mxfile>abc" * 200_000, 1)),
    "2 MB of text": chunk(b"tEXt", b"Comment\0" + b"x" * 2_000_000),
    "a large profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(_profile(1_500_000))),
    "a profile that is not deflated": chunk(b"iCCP", b"x\0\0not deflate data"),
    "a profile that is cut off": chunk(b"iCCP", b"x\0\0" + zlib.compress(_profile())[:-30]),
    "an empty profile": chunk(b"iCCP", b""),
    "text with a wrong checksum": chunk(b"tEXt", b"Comment\0hello", wrong=True),
    "a profile with a wrong checksum": chunk(b"iCCP", b"x\0\0" + zlib.compress(_profile()), wrong=True),
    "gamma with a wrong checksum": chunk(b"gAMA", struct.pack(">I", 45455), wrong=True),
    "XMP that is not deflated": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0nope"),
    "compressed text that is none": chunk(b"zTXt", b"a\0\0nope"),
    "a transparent colour that is too short": chunk(b"tRNS", b"\0\1"),
    "a transparent colour with a wrong checksum": chunk(b"tRNS", bytes(6), wrong=True),
    "short chunks": b"".join(
        chunk(kind, b"\0") for kind in (b"gAMA", b"cHRM", b"pHYs", b"sRGB", b"sBIT", b"tIME", b"acTL", b"cICP")
    ),
    "an unknown chunk": chunk(b"abCd", b"zz"),
}


@pytest.mark.parametrize("name", PNG_CHUNKS)
def test_png_chunks_that_the_picture_does_not_need(name: str) -> None:
    for bits in (8, 16):
        for data in (png(bits, before=PNG_CHUNKS[name]), png(bits, after=PNG_CHUNKS[name])):
            sample = read(data)
            assert np.array_equal(sample.pixels, RGB if bits == 8 else RGB.astype(np.uint16) * 257)
            assert sample.metadata.xmp is None
            assert (sample.metadata.icc is not None) == (name == "a large profile" and data == png(bits, before=PNG_CHUNKS[name]))
    assert np.array_equal(router.decompress(router.compress(png(before=PNG_CHUNKS[name]), codec="png").data, as_array=True), RGB)


@pytest.mark.parametrize(
    "end",
    [
        b"",
        IEND[:6],
        chunk(b"IEND", b"", wrong=True),
        bytes(500),
        b"\1\2\3\4junkjunk",
        chunk(b"tEXt", b"a\0" + b"x" * 500)[:-100],
        IEND + b"junk" * 99,
        chunk(b"tRNS", bytes(6)) + IEND,
        chunk(b"IDAT", b"more") + IEND,
    ],
)
def test_png_ends(end: bytes) -> None:
    for bits in (8, 16):
        assert np.array_equal(read(png(bits, end=end)).pixels, RGB if bits == 8 else RGB.astype(np.uint16) * 257)
    stripped = router.compress(png(end=end), policy="web", receiver="image/png", metadata="strip")
    assert np.array_equal(router.decompress(stripped.data, as_array=True), RGB)
    assert b"junk" not in stripped.data


def test_png_whose_pixels_end_early_is_damaged_all_the_same() -> None:
    whole = png(end=b"")
    for count in range(200, len(whole), 97):
        with pytest.raises(InputError) as caught:
            _ = read(whole[:count]).pixels
        assert caught.value.code == R.DAMAGED_IMAGE


def test_palette_with_more_transparency_than_colours() -> None:
    bitmap = Image.fromarray(RGB).quantize(8)
    data = save(bitmap, "PNG")
    at = data.index(b"IDAT") - 4
    changed = data[:at] + chunk(b"tRNS", bytes(300)) + data[at:]
    assert np.array_equal(read(changed).pixels, np.asarray(bitmap.convert("RGB")))


@functools.cache
def _jpeg() -> tuple[bytes, list[int]]:
    """A JPEG, and where its segments end."""
    data = save(RGB, "JPEG", quality=95)
    ends, position = [2], 2
    while data[position + 1] != 0xDA:
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        ends.append(position)
    return data, ends


@pytest.mark.parametrize("junk", [b"\0", bytes(14), b"\x12\x34\x56", b"hello", bytes(5000), b"\xff" * 5, b"\xff\0\x11\xff\0"])
def test_jpeg_with_bytes_between_its_segments(junk: bytes) -> None:
    data, ends = _jpeg()
    expected = read(data).pixels
    for end in ends if junk[0] == 0xFF else ends[1:]:
        changed = data[:end] + junk + data[end:]
        assert np.array_equal(read(changed).pixels, expected)
        assert router.compress(changed, policy="archival").record.lane in ("transcode", "passthrough", "lossless")
    # What stands between the segments may be anything: it does not go out where metadata may not.
    if junk.strip(b"\xff"):
        changed = data[: ends[1]] + junk + data[ends[1] :]
        kept = router.compress(changed, policy="medical", metadata="strip")
        assert kept.record.lane == "lossless"


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    "segment",
    [
        _segment(0xE1, b"Exif\0\0junk"),
        _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<<<"),
        _segment(0xE2, b"ICC_PROFILE\0\1\1junk"),
        _segment(0xE2, b"ICC_PROFILE\0"),
        _segment(0xE2, b"MPF\0junk"),
        _segment(0xE2, b"MPF\0II*\0\x08\0\0\0\x05\0"),
        _segment(0xED, b"Photoshop 3.0\x008BIMjunk"),
        _segment(0xE0, b"JFXX\0\x10"),
        _segment(0xE0, b"JFIF\0"),
        _segment(0xEE, b"Adobe"),
        _segment(0xE5, b""),
    ],
    ids=lambda s: s[2:14].hex(),
)
def test_jpeg_with_damaged_metadata(segment: bytes) -> None:
    data, ends = _jpeg()
    expected = read(data).pixels
    for end in ends[:2]:
        assert np.array_equal(read(data[:end] + segment + data[end:]).pixels, expected)


def test_jpeg_without_its_end_marker() -> None:
    data, _ = _jpeg()
    expected = read(data).pixels
    assert np.array_equal(read(data[:-2]).pixels, expected)
    for count in range(3, 40):
        try:
            pixels = read(data[:-count]).pixels
        except InputError as error:
            assert error.code == R.DAMAGED_IMAGE  # noqa: PT017
            continue
        assert np.array_equal(pixels, expected)


def _riff(*chunks: tuple[bytes, bytes], padded: bool = True) -> bytes:
    body = b"".join(k + struct.pack("<I", len(c)) + c + bytes(len(c) & 1 if padded else 0) for k, c in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _webp_chunks(data: bytes) -> dict[bytes, bytes]:
    found, position = {}, 12
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        found[data[position : position + 4]] = data[position + 8 : position + 8 + size]
        position += 8 + size + (size & 1)
    return found


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x04, 0x08, 0x10, 0x20])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("lossless", [False, True])
def test_webp_whose_flags_say_something_else(lossless: bool, alpha: bool, flags: int) -> None:
    plain = save(PICTURE if alpha else RGB, "WEBP", lossless=lossless, exact=True)
    found = _webp_chunks(plain)
    size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    image = [(kind, found[kind]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in found]
    sample = read(_riff((b"VP8X", bytes((flags, 0, 0, 0)) + size), *image))
    with_alpha = np.asarray(Image.open(io.BytesIO(plain)).convert("RGBA"))
    assert np.array_equal(sample.pixels, with_alpha[..., : sample.channels])
    assert sample.has_alpha or not alpha


def test_webp_whose_last_chunk_is_not_padded() -> None:
    found = _webp_chunks(save(RGB, "WEBP", lossless=True))
    content = found[b"VP8L"] + bytes(1 - len(found[b"VP8L"]) % 2)
    assert np.array_equal(read(_riff((b"VP8L", content), padded=False)).pixels, RGB)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("footer", [False, True])
def test_targa_is_called_by_its_name(mode: str, footer: bool) -> None:
    for options in ({}, {"compression": "tga_rle"}):
        data = save(Image.fromarray(RGB).convert(mode), "TGA", **options)
        with pytest.raises(InputError, match="TGA is not read"):
            read(data if footer else data[:-26])


def test_icons_and_cursors_are_called_by_their_names() -> None:
    icon = save(Image.fromarray(RGB), "ICO")
    for kind, name in ((1, "icon"), (2, "cursor")):
        with pytest.raises(InputError, match=f"Windows {name} is not read"):
            read(icon[:2] + bytes((kind,)) + icon[3:])


@pytest.mark.parametrize("preamble", [b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0", b"BM", b"GIF89a"])
def test_dicom_is_called_by_its_name_whatever_its_preamble(preamble: bytes) -> None:
    with pytest.raises(InputError, match="DICOM is not read"):
        read(preamble.ljust(128, b"\0") + b"DICM" + bytes(200))


def test_png_of_ios_applications_is_called_by_its_name() -> None:
    data = png()
    with pytest.raises(InputError, match="CgBI"):
        read(data[:8] + chunk(b"CgBI", b"\x50\0\x20\6") + data[8:])
