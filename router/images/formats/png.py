"""PNG (W3C Recommendation, third edition), 1 to 16 bits."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import replace
from typing import cast

import numpy as np

from router.images.chunks import walk_png
from router.images.cicp import icc_profile
from router.images.formats.deep import have_imagecodecs, missing_depth
from router.images.formats.header import Header, Plan, damaged, parts, take
from router.images.formats.pillow import StrictFile, decoding, expect, load_strictly
from router.images.orientation import orientation_of, tiff_block
from router.images.sample import Metadata, Pixels

_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_XMP = b"XML:com.adobe.xmp\x00"
_MAX_INFLATED = 64 << 20


def probe(data: bytes) -> Header:
    """Header of a PNG. Raises InputError (DAMAGED_IMAGE)."""
    fields = take(data, 8, 25)
    if fields[4:8] != b"IHDR":
        raise damaged("PNG without IHDR")
    width, height = int.from_bytes(fields[8:12], "big"), int.from_bytes(fields[12:16], "big")
    bits, colour = fields[16], fields[17]
    if not width or not height or bits not in _DEPTHS.get(colour, ()):
        raise damaged(f"PNG of {width}x{height}, colour type {colour}, {bits} bits")
    frames, cicp = 1, None
    for chunk in parts(walk_png(data), "PNG"):
        content = data[chunk.payload : min(chunk.stop, chunk.payload + 8)]
        if chunk.type == b"acTL" and len(content) == 8:
            frames = int.from_bytes(content[:4], "big")
        elif chunk.type == b"cICP" and len(content) == 4:
            cicp = content[0], content[1]
        elif chunk.type == b"IDAT":
            break  # both stand before the pixels
    return Header("png", width, height, bits, _MODES[colour], lossy=False, animated=frames > 1, frames=frames, cicp=cicp)


def plan(data: bytes, header: Header) -> Plan:
    """How to read it: transparency chunks become an alpha channel. Raises InputError."""
    found = metadata(data)
    transparency = next((data[c.payload : c.stop] for c in parts(walk_png(data), "PNG") if c.type == b"tRNS"), None)
    if header.mode == "P":
        channels = 3 if transparency is None else 4
    else:
        channels = len(header.mode)
        if transparency is not None:
            if channels not in (1, 3) or len(transparency) < 2 * channels:
                raise damaged("PNG with a wrong tRNS chunk")
            channels += 1
    bits = 16 if header.bits == 16 else 8
    if bits == 16 and header.mode != "L" and not have_imagecodecs():
        raise missing_depth(f"PNG with 16 bits per sample and mode {header.mode}")

    def load() -> Pixels:
        with decoding("PNG"):
            check_sums(data, (b"IDAT", b"PLTE"))
            if header.mode == "P":
                pixels = _palette(data, channels)
            elif bits == 16 and header.mode != "L":
                pixels = _deep(data)
            else:
                pixels = _plain(data)
            if transparency is not None and header.mode != "P" and pixels.shape[-1] != channels:
                pixels = _keyed(pixels, transparency, header.bits)
            return expect(pixels, header.height, header.width, channels)

    stored = found if found.icc else replace(found, icc=icc_profile(header.cicp, gray=channels < 3))
    return Plan(header.width, header.height, channels, bits, load, stored, orientation_of(stored.exif))


def check_sums(data: bytes, kinds: Collection[bytes]) -> None:
    """Hold these kinds of chunks against their checksums: Pillow leaves out those of pixels. Raises InputError."""
    for chunk in parts(walk_png(data), "PNG"):
        stored = int.from_bytes(data[chunk.stop : chunk.end], "big")
        if chunk.type in kinds and zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.stop]) != stored:
            raise damaged(f"PNG whose {chunk.type.decode()} chunk at byte {chunk.start} has a wrong checksum")


def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of a PNG's chunks; the orientation tag is left as it is. Raises InputError."""
    icc = exif = xmp = None
    for chunk in parts(walk_png(data), "PNG"):
        kind, start, end = chunk.type, chunk.payload, chunk.stop
        if kind == b"iCCP" and icc is None:
            name_end = data.find(b"\x00", start, end)
            icc = _inflate(data[name_end + 2 : end]) if name_end > 0 else None
        elif kind == b"eXIf":
            exif = data[start:end]
        elif kind == b"iTXt" and data.startswith(_XMP, start):
            xmp = _text(data[start + len(_XMP) : end])
    return Metadata(icc, tiff_block(exif), xmp)


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


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(packed, _MAX_INFLATED)
    except zlib.error as error:
        raise damaged(f"compressed PNG metadata: {error}") from error
    if inflater.unconsumed_tail:
        raise damaged(f"PNG metadata that expands beyond {_MAX_INFLATED} bytes")
    return text


def _text(rest: bytes) -> bytes | None:
    """The text of an iTXt chunk: after the keyword come flag, method, language and translated keyword."""
    parts = rest[2:].split(b"\x00", 2)
    if len(rest) < 2 or len(parts) < 3:
        return None
    return (_inflate(parts[2]) if rest[0] else parts[2]) or None
