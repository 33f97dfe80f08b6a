"""JPEG XL (ISO/IEC 18181-2), naked codestreams and containers, JPEG transcodes included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np

from router.containers.isobmff import Box, iter_boxes
from router.containers.jxl import CODESTREAM
from router.containers.jxl_header import Codestream, read_codestream
from router.containers.metadata import Metadata
from router.errors import InputError
from router.images.alpha import straight
from router.images.decoders import jpeg
from router.images.decoders.deep import have_imagecodecs, missing_depth, widened
from router.images.decoders.header import ImageHeader, ReadPlan, damage_of, damaged, depth_refused, mode_refused, parts
from router.images.decoders.pillow import decoding, expect
from router.images.notes import with_notes
from router.images.orientation import tiff_block, upright_size
from router.images.sample import Pixels
from router.reasons import ReasonCode

_HEAD = 64 << 10


def probe(data: bytes) -> ImageHeader:
    """Header of a JPEG XL. Raises InputError (DAMAGED_IMAGE)."""
    stream = _stream(data)
    kinds = {box.type for box in _boxes(data)}
    lossy: bool | None = None
    if b"jbrd" in kinds or stream.xyb:
        lossy = True
    elif stream.modular is not None:
        lossy = not stream.modular  # modular without XYB is what lossless encoders write
    return ImageHeader(
        "jxl",
        stream.width,
        stream.height,
        stream.bits,
        _mode(stream),
        lossy,
        animated=stream.animated,
        frames=None if stream.animated else 1,
        orientation=stream.orientation,
        cicp=stream.cicp,
    )


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it.

    Pixels wait for `load`, except where only the decoder can tell what belongs to them: colour spaces other than sRGB (their
    profile is inside the compressed data), and JPEG transcodes (the JPEG with its metadata is rebuilt; its pixels wait).

    Raises InputError (ANIMATED, DEPTH_NOT_SUPPORTED, MODE_NOT_SUPPORTED).
    """
    stream = _stream(data)
    _refuse_unreadable(stream, header)
    if any(box.type == b"jbrd" for box in _boxes(data)):
        rebuilt = rebuilt_jpeg(data)
        if rebuilt is not None:
            return _jpeg_plan(rebuilt, header)
    width, height = upright_size(header.width, header.height, header.orientation)
    channels, bits = len(header.mode), 16 if header.bits > 8 else 8
    deep = _needs_depth(stream)

    def load() -> Pixels:
        return decode()[0]

    def decode() -> tuple[Pixels, bytes | None]:
        with decoding("JPEG XL"):
            if deep:  # the plugin cuts these to 8 bits; what it says of their colour space still holds
                icc = None if stream.srgb else _run_decoder(data)[3]
                return expect(_deep(data, header.bits), height, width, channels), icc
            pixels, icc = _decode(data, bits)
            pixels = straight(pixels) if stream.premultiplied else pixels
            return expect(pixels, height, width, channels), icc

    found = metadata(data)
    if not stream.srgb:
        pixels, icc = decode()
        return ReadPlan(width, height, channels, bits, lambda: pixels, replace(found, icc=icc))
    return ReadPlan(width, height, channels, bits, load, found)


def _refuse_unreadable(stream: Codestream, header: ImageHeader) -> None:
    error: InputError | None = None
    if stream.animated:
        error = InputError(
            "animated JPEG XL is not read, nor is its first frame",
            code=ReasonCode.ANIMATED,
            hint="Take the frame out with djxl",
        )
    elif header.mode in ("", "F"):
        what = "floating-point samples" if stream.floating else f"extra channels of types {stream.extra}"
        error = mode_refused(f"JPEG XL with {what}", "Write its colour and alpha channels as integers")
    elif stream.bits not in (1, 2, 4, *range(8, 17)):
        error = depth_refused(f"JPEG XL with {stream.bits} bits per sample")
    elif (
        stream.alpha_bits > stream.bits
        or (stream.premultiplied and stream.bits > 8)
        or (8 < stream.bits < 16 and stream.alpha_bits not in (0, stream.bits))
    ):
        error = depth_refused(f"JPEG XL with {stream.alpha_bits} bits of alpha beside {stream.bits} of colour")
    elif _needs_depth(stream) and stream.xyb and not stream.srgb:
        error = depth_refused(f"lossy JPEG XL with {stream.bits} bits per sample and a colour space other than sRGB")
    elif _needs_depth(stream) and not have_imagecodecs():
        error = missing_depth(f"JPEG XL with {stream.bits} bits per sample{'' if stream.gray else ' and colour'}")
    if error is not None:
        raise error


def _needs_depth(stream: Codestream) -> bool:
    """Whether imagecodecs decodes it: the plugin gives 16 bits for gray of 16 only, and cuts the others to 8."""
    return stream.bits > 8 and not (stream.gray and stream.bits == 16)


def _mode(stream: Codestream) -> str:
    if stream.floating:
        return "F"
    if stream.extra not in ((), (0,)):
        return ""
    return ("L" if stream.gray else "RGB") + "A" * len(stream.extra)


def _boxes(data: bytes) -> Iterator[Box]:
    return iter(()) if data.startswith(CODESTREAM) else parts(iter_boxes(data), "JPEG XL")


@damage_of("JPEG XL")
def _stream(data: bytes) -> Codestream:
    if data.startswith(CODESTREAM):
        return read_codestream(data)
    head = b""
    for box in _boxes(data):
        if box.type in (b"jxlc", b"jxlp") and len(head) < _HEAD:
            start = box.payload + (4 if box.type == b"jxlp" else 0)  # parts begin with their number
            head += data[start : min(box.end, start + _HEAD)]
    if not head.startswith(CODESTREAM):
        raise damaged("JPEG XL container without a codestream")
    return read_codestream(head)


def metadata(data: bytes) -> Metadata:
    """EXIF and XMP of the boxes that are not compressed. Raises InputError."""
    exif = xmp = None
    for box in _boxes(data):
        if box.type == b"Exif" and exif is None:
            exif = tiff_block(_exif(data[box.payload : box.end]))
        elif box.type == b"xml " and xmp is None:
            xmp = data[box.payload : box.end] or None
    return Metadata(exif=exif, xmp=xmp)


def _exif(content: bytes) -> bytes:
    """The TIFF block of an Exif box: behind a 4-byte offset field (18181-2), which the Pillow plugin's writer leaves out."""
    if content.startswith((b"II*\x00", b"MM\x00*")):
        return content
    return content[4 + int.from_bytes(content[:4], "big") :]


def _jpeg_plan(rebuilt: bytes, header: ImageHeader) -> ReadPlan:
    inner = jpeg.probe(rebuilt)
    if (inner.width, inner.height) != (header.width, header.height):
        raise damaged("JPEG XL transcode whose JPEG has another size")
    jpeg.refuse_unreadable(inner)
    plan = jpeg.plan(rebuilt, inner)
    return replace(plan, metadata=with_notes(plan.metadata, rebuilt, "jpeg"))


def _run_decoder(data: bytes) -> tuple[bool, Any, bytes, bytes | None]:
    from pillow_jxl import Decoder

    is_jpeg, info, content, icc, _ = Decoder(num_threads=-1)(data)
    return is_jpeg, info, content, icc or None


def rebuilt_jpeg(data: bytes) -> bytes | None:
    """The JPEG file inside a transcode, None if there is none. Raises InputError (DAMAGED_IMAGE)."""
    with decoding("JPEG XL"):
        is_jpeg, _, content, _ = _run_decoder(data)
    return content if is_jpeg else None


def _decode(data: bytes, bits: int) -> tuple[Pixels, bytes | None]:
    is_jpeg, info, content, icc = _run_decoder(data)
    if is_jpeg:
        raise damaged("JPEG XL that is a JPEG transcode without saying so")
    dtype = np.uint16 if bits == 16 else np.uint8
    pixels = np.frombuffer(content, dtype).reshape(info.height, info.width, -1)
    return cast("Pixels", pixels), icc


def _deep(data: bytes, bits: int) -> Pixels:
    import imagecodecs

    return widened(np.array(imagecodecs.jpegxl_decode(data), dtype=np.uint16), bits)
