"""Sources that are damaged, hostile or of a kind that is not read, and images of every odd Pillow mode."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
from images.image_builders import chunk, exif, jxl_stub, photo, png, save
from PIL import Image

from router.codecs import registry
from router.containers.xmp import merge_record
from router.images.arrays import from_pixels

PHOTO = photo(24, 40)
EMPTY_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
HUGE_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:d="http://d/" d:t="%s"/></rdf:RDF></x:xmpmeta>' % (b"y" * 70_000)
)
ENTITY_BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    + b"]><x>&j;</x>"
)


def png_with(kind: bytes, payload: bytes) -> bytes:
    """A good PNG with one more chunk in front of the pixels."""
    return png(PHOTO, extra=chunk(kind, payload))


def png_with_xmp(packet: bytes) -> bytes:
    """A good PNG with this XMP packet."""
    return png_with(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)


def png_with_icc(profile: bytes) -> bytes:
    """A good PNG with this profile."""
    return png_with(b"iCCP", b"p\0\0" + zlib.compress(profile))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG that claims this size."""
    data = bytearray(png(PHOTO))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def jxl_bomb(*, container: bool) -> bytes:
    """A JPEG XL header of 2^30 x 2^30 pixels, naked or in boxes."""
    naked = jxl_stub(1 << 30, 1 << 30)
    if not container:
        return naked
    boxes = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    return boxes + struct.pack(">I", 8 + len(naked)) + b"jxlc" + naked


@functools.cache
def good_jxl() -> bytes:
    """A lossless JPEG XL of PHOTO."""
    return registry.get("jxl-lossless").encode(from_pixels(PHOTO), {})


@functools.cache
def transcode() -> bytes:
    """A JPEG repacked into JPEG XL."""
    from router.images.read import read

    return registry.get("jxl-transcode").encode(read(save(PHOTO, "JPEG")), {})


def with_record(codec_id: str, record: bytes) -> bytes:
    """PHOTO as a file of this format that carries `record`, whatever it is."""
    codec = registry.get(codec_id)
    return codec.with_xmp(codec.encode(from_pixels(PHOTO), {}), merge_record(None, record))


def animation(kind: str) -> bytes:
    """Two frames; the first is PHOTO where the format holds it exactly."""
    options: dict[str, object] = {"save_all": True, "append_images": [Image.fromarray(255 - PHOTO)], "duration": 50}
    return save(PHOTO, kind, **(options | ({"lossless": True} if kind == "WEBP" else {})))


def deep_tiff() -> bytes:
    """32-bit RGB."""
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, PHOTO.astype(np.uint32) << 24, photometric="rgb")
    return out.getvalue()


def deep_pixels() -> np.ndarray:
    """16-bit RGB, (24, 40, 3)."""
    return (PHOTO.astype(np.uint16) << 8) | 0x5A


def exif_that_points_nowhere() -> bytes:
    """A TIFF block whose directory claims more entries than there are bytes."""
    return b"II*\0\x08\0\0\0\xff\x0f"


def pillow_image(kind: str) -> Image.Image:
    """An image of an odd mode, drawn from PHOTO."""
    rgb = Image.fromarray(PHOTO)
    if kind == "P with transparency bytes":
        image = rgb.quantize(9)
        image.info["transparency"] = bytes([0, 128, 255])
        return image
    if kind == "I out of range":
        return Image.fromarray(np.full((4, 4), 70_000, np.int32))
    if kind == "I in range":
        return Image.fromarray(np.full((4, 4), 60_000, np.int32))
    if kind == "I;16":
        return Image.fromarray(deep_pixels()[..., 0].copy())
    if kind == "PA":
        return rgb.quantize(9).convert("PA")
    if kind == "La":
        return rgb.convert("LA").convert("La")
    if kind == "RGBa":
        return rgb.convert("RGBA").convert("RGBa")
    if kind == "LAB":
        return Image.new("LAB", (8, 8))
    if kind == "F":
        return rgb.convert("L").convert("F")
    if kind == "empty":
        return Image.new("RGB", (0, 5))
    return rgb.convert(kind)


FOREIGN = {
    "HEIC": b"\x00\x00\x00\x18ftypheic\0\0\0\0mif1heic",
    "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(40),
    "PSD": b"8BPS\0\1" + bytes(40),
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": b"%PDF-1.7\n",
}
"""Known formats that are not read."""

CAMERA_EXIF = exif(6)
