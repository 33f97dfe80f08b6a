"""Whether a file that is to be kept can be decoded whole: every frame, page and further picture of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from router.containers.jpeg import walk_jpeg
from router.containers.webp import walk_webp
from router.errors import RouterError
from router.extras import install_hint
from router.images.decoders.deep import have_imagecodecs
from router.images.decoders.header import damaged, parts, refuse_filled_up
from router.images.decoders.jpeg import refuse_filled_up_jpeg
from router.images.decoders.pillow import StrictFile, decoding
from router.images.decoders.png import check_sums
from router.images.sample import ImageSample
from router.reasons import ReasonCode

if TYPE_CHECKING:
    import tifffile
    from PIL import Image

_BUDGET = 1 << 30
"""Pixels that are decoded for one file: frames may be many and cost nearly no bytes."""
_ZEROS = 64
"""Zeros at the end of coded data from which on a flat picture may look like a file that was cut off and filled up."""
_FILLED_UP = "it decodes, but coded data ends in zeros: a file that was cut off and filled up would look the same"


def decode_whole(sample: ImageSample) -> str | None:
    """Decode all that the file of `sample` holds; None, or what of it was not decoded and why.

    Raises InputError (DAMAGED_IMAGE) if a part of it fails.
    """
    data, kind = sample.source.data, sample.source.format
    if sample.undecodable is None:
        _ = sample.pixels
        if data is None:
            return None
        if kind == "tiff":
            return _tiff_tails(data)
        if kind == "jpeg" and any(s.marker == 0xE2 and data.startswith(b"MPF\x00", s.payload) for s in walk_jpeg(data)):
            return _each(_jpegs, data, sample)
        if kind == "webp":
            return _tail_of_vp8(data)
        return "its gain map is not decoded" if sample.has_gain_map else None
    assert data is not None
    if kind == "tiff":
        return _tiff_pages(data, sample)
    if kind == "jxl":
        return _jxl_frames(data, sample)
    if kind == "jpeg":
        refuse_filled_up_jpeg(data)
        if sample.undecodable.code is ReasonCode.MODE_NOT_SUPPORTED:
            return _each(_jpegs, data, sample)
    if kind in _ANIMATED and sample.undecodable.code is ReasonCode.ANIMATED:
        if kind == "png":
            check_sums(data, (b"IDAT", b"fcTL", b"fdAT"))
        elif kind == "webp":
            _webp_chunks(data)
        doubt = _each(_ANIMATED[kind], data, sample)
        if doubt is None and kind == "avif" and not any(data[-_ZEROS:]):
            return _FILLED_UP
        if doubt is None and kind == "webp":
            return _tail_of_vp8(data)
        if doubt is None and kind == "gif" and not data.rstrip(b"\x00").endswith(b";"):
            return "it ends without the mark that ends a GIF: frames may be missing"
        return doubt
    return sample.undecodable.message


def _each(opened: Callable[[StrictFile], Image.Image], data: bytes, sample: ImageSample) -> str | None:
    """Every frame that Pillow finds."""
    with decoding(sample.source.format.upper()):
        file = StrictFile(data)
        image = opened(file)
        file.strict = True
        count = getattr(image, "n_frames", 1)
        for number in range(count):
            if number * sample.width * sample.height > _BUDGET:
                return f"only its first {number} of {count} frames are decoded"
            image.seek(number)
            image.load()
    return None


def _jpegs(file: StrictFile) -> Image.Image:
    """All pictures of an MPO, or the one of a JPEG."""
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.MpoImagePlugin import MpoImageFile

    try:
        return MpoImageFile(file)
    except (SyntaxError, TypeError, ValueError, KeyError):  # no index of pictures, or none that can be followed
        file.seek(0)
        return JpegImageFile(file)


def _gif(file: StrictFile) -> Image.Image:
    from PIL.GifImagePlugin import GifImageFile

    return GifImageFile(file)


def _png(file: StrictFile) -> Image.Image:
    from PIL.PngImagePlugin import PngImageFile

    return PngImageFile(file)


def _webp(file: StrictFile) -> Image.Image:
    from PIL.WebPImagePlugin import WebPImageFile

    return WebPImageFile(file)


def _avif(file: StrictFile) -> Image.Image:
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile(file)


_ANIMATED: dict[str, Callable[[StrictFile], Image.Image]] = {"avif": _avif, "gif": _gif, "png": _png, "webp": _webp}


def _webp_chunks(data: bytes) -> None:
    """Frames that were filled up with zeros, and chunks that are none: libwebp leaves both out or shows them."""
    for chunk in parts(walk_webp(data), "WebP"):
        if not any(chunk.type):
            raise damaged(f"WebP with zeros in place of a chunk at byte {chunk.start}")
        if chunk.type == b"ANMF" and data.find(b"VP8L", chunk.payload + 16, chunk.payload + 64) > 0:
            refuse_filled_up(data, chunk.payload, chunk.stop, "WebP")


def _tail_of_vp8(data: bytes) -> str | None:
    """Doubt about lossy pictures, also those of frames, that end in zeros."""
    for chunk in parts(walk_webp(data), "WebP"):
        if (
            chunk.type in (b"VP8 ", b"ANMF")
            and chunk.stop - chunk.payload > _ZEROS
            and not any(data[chunk.stop - _ZEROS : chunk.stop])
        ):
            return _FILLED_UP
    return None


def _jxl_frames(data: bytes, sample: ImageSample) -> str | None:
    assert sample.undecodable is not None
    if not have_imagecodecs():
        return f"{sample.undecodable.message}; {install_hint('depth')} decodes it"
    import imagecodecs

    with decoding("JPEG XL"):
        imagecodecs.jpegxl_decode(data)
    return None


def _tiff_pages(data: bytes, sample: ImageSample) -> str | None:
    """Every page, also of layouts and colour models that are not read as pictures."""
    assert sample.undecodable is not None
    if find_spec("tifffile") is None or not have_imagecodecs():
        return f"{sample.undecodable.message}; {install_hint('depth')} decodes it"
    import tifffile

    pixels = 0
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            for number, page in enumerate(_pages(file)):
                if not page.tags:
                    raise damaged(f"TIFF whose page {number + 1} is empty")
                if any(end > len(data) for end in _ends(page)):
                    raise damaged(f"TIFF whose page {number + 1} ends behind the end of the file")
                if pixels > _BUDGET:
                    return f"only its first {number} pages are decoded"
                pixels += page.imagelength * page.imagewidth
                page.asarray()
            count = len(file.pages)
    except RouterError:
        raise
    except Exception as error:
        library = type(error).__module__.partition(".")[0]
        if library == "imagecodecs" or isinstance(error, tifffile.TiffFileError):
            raise damaged("damaged TIFF", error) from error
        return f"{sample.undecodable.message}, nor can it be decoded"
    stated = sample.undecodable.details.get("frames")
    if stated is not None and count < stated:
        raise damaged(f"TIFF of {stated} pages, of which {count} are there")
    return _tiff_tails(data)


def _tiff_tails(data: bytes) -> str | None:
    """What of a TIFF decodes and may be missing all the same: compressed strips that end in zeros, pages behind the end."""
    if find_spec("tifffile") is None:
        return None
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            for page in _pages(file):
                coded = page.compression not in (tifffile.COMPRESSION.NONE, tifffile.COMPRESSION.PACKBITS)
                if coded and any(end > _ZEROS and not any(data[end - _ZEROS : end]) for end in _ends(page)):
                    return _FILLED_UP
            size, position = file.tiff.offsetsize, file.pages.next_page_offset or len(data)
            following = int.from_bytes(data[position : position + size], "little" if file.byteorder == "<" else "big")
            if following >= len(data):
                return "its directory names a further page behind the end of the file"
    except Exception:
        return None
    return None


def _pages(file: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    import tifffile

    for page in file.pages:
        assert isinstance(page, tifffile.TiffPage), "frames were not asked for"
        yield page


def _ends(page: tifffile.TiffPage) -> Iterator[int]:
    """Where the strips or tiles of a page end; empty ones are left out."""
    return (start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=False) if size)
