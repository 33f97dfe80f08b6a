"""PNG (W3C Recommendation, third edition), 1 to 16 bits.

As in libpng, chunks that the picture does not need cannot make it unreadable: what is damaged there, or stands where it may not,
counts as not there. Decoders see the chunks of the picture and nothing else.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import cast

import numpy as np

from router.containers.metadata import Metadata
from router.containers.parts import Chunk
from router.containers.png import PNG_SIGNATURE, walk_png
from router.errors import StreamError
from router.images.cicp import icc_profile, is_hdr_transfer, is_known
from router.images.decoders.deep import have_imagecodecs, missing_depth
from router.images.decoders.header import ImageHeader, ReadPlan, damaged, format_refused, take
from router.images.decoders.pillow import StrictFile, decoding, expect, load_strictly
from router.images.orientation import orientation_of, tiff_block
from router.images.profile import usable
from router.images.sample import Pixels
from router.images.stated_colours import Points, stated_profile

_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_COLOURS = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}
_RGB_IN_FULL_RANGE = b"\0\1"
_XMP = b"XML:com.adobe.xmp\x00"
_MAX_INFLATED = 64 << 20
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


def probe(data: bytes) -> ImageHeader:
    """Header of a PNG. Raises InputError (DAMAGED_IMAGE)."""
    fields = take(data, 8, 25)
    if fields[4:8] == b"CgBI":
        raise format_refused("PNG in the variant of iOS applications (CgBI)")
    if fields[4:8] != b"IHDR":
        raise damaged("PNG without IHDR")
    width, height = int.from_bytes(fields[8:12], "big"), int.from_bytes(fields[12:16], "big")
    bits, colour = fields[16], fields[17]
    if not width or not height or bits not in _DEPTHS.get(colour, ()):
        raise damaged(f"PNG of {width}x{height}, colour type {colour}, {bits} bits")
    frames, cicp = 1, None
    for chunk in _chunks(data):
        content = data[chunk.payload : min(chunk.stop, chunk.payload + 8)]
        if chunk.type == b"acTL" and len(content) == 8:
            frames = int.from_bytes(content[:4], "big")
        elif chunk.type == b"cICP" and len(content) == 4:
            cicp = content[0], content[1]
        elif chunk.type == b"IDAT":
            break  # both stand before the pixels
    return ImageHeader("png", width, height, bits, _MODES[colour], lossy=False, animated=frames > 1, frames=frames, cicp=cicp)


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it: transparency chunks become an alpha channel. Raises InputError."""
    found = metadata(data)
    transparency = _transparency(data, header.mode)
    channels = (3 if header.mode == "P" else len(header.mode)) + (transparency is not None)
    bits = 16 if header.bits == 16 else 8
    if bits == 16 and header.mode != "L" and not have_imagecodecs():
        raise missing_depth(f"PNG with 16 bits per sample and mode {header.mode}")

    def load() -> Pixels:
        with decoding("PNG"):
            check_sums(data, (b"IHDR", b"IDAT", b"PLTE"))
            picture = _picture(data, keyed=transparency is not None)
            if header.mode == "P":
                pixels = _palette(picture, channels)
            elif bits == 16 and header.mode != "L":
                pixels = _deep(picture)
            else:
                pixels = _plain(picture)
            if transparency is not None and header.mode != "P" and pixels.shape[-1] != channels:
                pixels = _keyed(pixels, transparency, header.bits)
            return expect(pixels, header.height, header.width, channels)

    icc, faults = _colours(data, header, found.icc, channels)
    stored = replace(found, icc=icc)
    return ReadPlan(header.width, header.height, channels, bits, load, stored, orientation_of(stored.exif), faults)


def _colours(data: bytes, header: ImageHeader, icc: bytes | None, channels: int) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile that counts, and what could not be used: cICP goes before iCCP, that before sRGB, that before gAMA and cHRM.

    A profile beside PQ or HLG stays: it is how a codec that cannot state them by number can carry them.
    """
    gray, numbers, faults = channels < 3, header.cicp, list[str]()
    stated = _stated(data)
    if numbers is not None and is_known(numbers) and not is_hdr_transfer(numbers):
        if stated.get(b"cICP", b"")[2:] == _RGB_IN_FULL_RANGE:
            return icc_profile(numbers, gray, camera_curves=True), ()
        faults.append("cICP: not RGB in full range")
    if icc is None and b"iCCP" in stated:
        faults.append("the ICC profile: it cannot be unpacked")
    icc, found = usable(icc, channels)
    faults += found
    if icc is not None or is_hdr_transfer(numbers) or b"sRGB" in stated:
        return icc, tuple(faults)
    gamma, points = _gamma(stated.get(b"gAMA")), _points(stated.get(b"cHRM"))
    made, why = stated_profile(gamma, points, gray=gray)
    return made, (*faults, *([f"gAMA and cHRM: {why}"] if why else []))


def _stated(data: bytes) -> dict[bytes, bytes]:
    """What whole chunks before the pixels say of colours, by their type; of a profile nothing but that it is there."""
    found: dict[bytes, bytes] = {}
    for chunk in _chunks(data):
        if chunk.type == b"IDAT":
            break
        if chunk.type in _COLOURS and _whole(data, chunk):
            found.setdefault(chunk.type, b"" if chunk.type == b"iCCP" else data[chunk.payload : chunk.stop])
    return found


def _gamma(content: bytes | None) -> tuple[float, ...]:
    """The exponent from samples to light of a gAMA chunk, infinite where it says 0; none without one."""
    if content is None or len(content) != 4:
        return ()
    stored = int.from_bytes(content, "big")
    return (100_000 / stored if stored else math.inf,)


def _points(content: bytes | None) -> Points | None:
    if content is None or len(content) != 32:
        return None
    numbers = [int.from_bytes(content[k : k + 4], "big") / 1e5 for k in range(0, 32, 4)]
    white, *primaries = zip(numbers[::2], numbers[1::2], strict=True)
    return (*primaries, white)


def _chunks(data: bytes) -> Iterator[Chunk]:
    """All chunks; or, once the pixels are over, those up to the first that is damaged. Raises InputError (DAMAGED_IMAGE)."""
    last: Chunk | None = None
    begun = False
    try:
        for chunk in walk_png(data):
            last, begun = chunk, begun or chunk.type == b"IDAT"
            yield chunk
    except StreamError as error:
        if last is None or not begun or data[last.end + 4 : last.end + 8] == b"IDAT":
            raise damaged(f"damaged PNG: {error.message}") from error


def _whole(data: bytes, chunk: Chunk) -> bool:
    """Whether the chunk is what its checksum says."""
    stored = int.from_bytes(data[chunk.stop : chunk.end], "big")
    return zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.stop]) == stored


def check_sums(data: bytes, kinds: Collection[bytes]) -> None:
    """Hold these kinds of chunks against their checksums: Pillow leaves out those of pixels. Raises InputError."""
    for chunk in _chunks(data):
        if chunk.type in kinds and not _whole(data, chunk):
            raise damaged(f"PNG whose {chunk.type.decode()} chunk at byte {chunk.start} has a wrong checksum")


def _before_pixels(data: bytes, kind: bytes) -> Chunk | None:
    """The first whole chunk of this kind, if it stands before the pixels."""
    for chunk in _chunks(data):
        if chunk.type == b"IDAT":
            return None
        if chunk.type == kind and _whole(data, chunk):
            return chunk
    return None


def _transparency(data: bytes, mode: str) -> bytes | None:
    """Content of the tRNS chunk, if it fits the picture."""
    chunk = _before_pixels(data, b"tRNS")
    if chunk is None:
        return None
    size = chunk.stop - chunk.payload
    if mode == "P":
        palette = _before_pixels(data, b"PLTE")
        fits = palette is not None and palette.end <= chunk.start and 0 < size <= (palette.stop - palette.payload) // 3
    else:
        fits = size == {"L": 2, "RGB": 6}.get(mode)
    return data[chunk.payload : chunk.stop] if fits else None


def _picture(data: bytes, *, keyed: bool) -> bytes:
    """A PNG of what the picture needs: header, palette, transparency if `keyed`, the first run of pixel chunks."""
    kept: list[Chunk] = []
    kinds = {b"IHDR", b"PLTE", b"tRNS"} if keyed else {b"IHDR", b"PLTE"}
    for chunk in _chunks(data):
        if chunk.type == b"IDAT":
            kept.append(chunk)
        elif kept and kept[-1].type == b"IDAT":
            break
        elif chunk.type in kinds and (chunk.type != b"tRNS" or _whole(data, chunk)):
            kinds.discard(chunk.type)
            kept.append(chunk)
    return PNG_SIGNATURE + b"".join(data[c.start : c.end] for c in kept) + _END


def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of a PNG's chunks; the orientation tag is left as it is. Raises InputError.

    Of ICC and XMP the first chunk that is whole, of EXIF the last.
    """
    icc = exif = xmp = None
    found: set[bytes] = set()
    pixels = False
    for chunk in _chunks(data):
        kind, start, end = chunk.type, chunk.payload, chunk.stop
        pixels = pixels or kind == b"IDAT"
        if kind in found or kind not in (b"iCCP", b"eXIf", b"iTXt") or (kind == b"iTXt" and not data.startswith(_XMP, start)):
            continue
        if not _whole(data, chunk):
            continue
        if kind != b"eXIf":
            found.add(kind)
        if kind == b"iCCP" and not pixels:
            name_end = data.find(b"\x00", start, end)
            icc = _inflate(data[name_end + 2 : end]) if name_end > 0 else None
        elif kind == b"eXIf":
            exif = data[start:end]
        elif kind == b"iTXt":
            xmp = _text(data[start + len(_XMP) : end])
    return Metadata(icc or None, tiff_block(exif), xmp)


def _plain(data: bytes) -> Pixels:
    from PIL.PngImagePlugin import PngImageFile

    file = StrictFile(data)
    image = PngImageFile(file)
    load_strictly(image, file)
    array = np.array(image.convert("L") if image.mode == "1" else image)
    pixels: Pixels = array.astype(np.uint16) if image.mode.startswith("I") else array.astype(np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _palette(data: bytes, channels: int) -> Pixels:
    from PIL.PngImagePlugin import PngImageFile

    file = StrictFile(data)
    image = PngImageFile(file)
    load_strictly(image, file)
    return np.array(image.convert("RGBA" if channels == 4 else "RGB"), dtype=np.uint8)


def _deep(data: bytes) -> Pixels:
    import imagecodecs

    return cast("Pixels", np.array(imagecodecs.png_decode(data), dtype=np.uint16))


def _keyed(pixels: Pixels, transparency: bytes, bits: int) -> Pixels:
    """`pixels` with an alpha channel that is 0 where the samples equal the tRNS colour (PNG, 11.3.1.1)."""
    top = np.iinfo(pixels.dtype).max
    colours = pixels.shape[-1]
    key = np.frombuffer(transparency[: 2 * colours], ">u2").astype(np.int64) & ((1 << bits) - 1)
    if bits < 8:
        key = key * (255 // ((1 << bits) - 1))
    alpha = np.where((pixels == key).all(axis=-1, keepdims=True), 0, top)
    return cast("Pixels", np.concatenate([pixels, alpha.astype(pixels.dtype)], axis=-1))


def _inflate(packed: bytes) -> bytes | None:
    """None for what is not deflated, or is cut off. Raises InputError for what expands beyond all measure."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(packed, _MAX_INFLATED)
    except zlib.error:
        return None
    if inflater.unconsumed_tail:
        raise damaged(f"PNG metadata that expands beyond {_MAX_INFLATED} bytes")
    return text if inflater.eof else None


def _text(rest: bytes) -> bytes | None:
    """The text of an iTXt chunk: after the keyword come flag, method, language and translated keyword."""
    parts = rest[2:].split(b"\x00", 2)
    if len(rest) < 2 or len(parts) < 3:
        return None
    return (_inflate(parts[2]) if rest[0] else parts[2]) or None
