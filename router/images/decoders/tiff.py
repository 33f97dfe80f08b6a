"""TIFF 6.0 and BigTIFF: one page of gray, colour or palette, with or without one alpha, up to 16 bits.

Pillow reads what it is known to read right (`_pillow_reads`; `python -m training.readers.grid` holds that against files of known
samples); tifffile with imagecodecs reads the rest where the `depth` extra is installed. Everything else is refused.
"""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from router.containers import tiff as tags
from router.containers.metadata import Metadata
from router.containers.tiff import ImageDirectory, byte_order, count_pages, first_offset, first_page, is_big
from router.errors import InputError
from router.images.alpha import straight
from router.images.decoders import jpeg, tiff_samples
from router.images.decoders.deep import have_imagecodecs, missing_depth, widened
from router.images.decoders.header import ImageHeader, ReadPlan, damage_of, damaged, depth_refused, format_refused, mode_refused
from router.images.decoders.pillow import StrictFile, decoding, expect, load_strictly, to_array
from router.images.orientation import tiff_block
from router.images.sample import Pixels

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

_LOSSY = {6, 7, 33003, 33005, 34892, 50001}
_MODES = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "RGB", 8: "LAB"}
_GRAY, _COLOUR, _PALETTE, _YCBCR = (0, 1), 2, 3, 6
_PHOTOMETRIC_NAMES = {
    4: "a transparency mask",
    5: "CMYK",
    8: "L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "a colour filter array",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw",
}
_COMPRESSION_NAMES = {
    9: "JBIG",
    10: "JBIG",
    32766: "NeXT",
    32809: "ThunderScan",
    32908: "Pixar film",
    32909: "PixarLog",
    33003: "Aperio JPEG 2000",
    33005: "Aperio JPEG 2000",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34715: "JBIG 2",
    34892: "lossy JPEG of DNG",
    34926: "Zstandard under an old number",
    34927: "WebP under an old number",
    34934: "JPEG XR",
    52546: "JPEG XL of DNG",
}
_BY_PILLOW = frozenset((1, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000))
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_DEPTHS = (1, 2, 4, *range(8, 17))
_OLD_JPEG = 6
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
DESCRIPTIVE = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)
"""Tags of IFD 0 that describe the picture and not its storage: description, make, model, resolution, software, time ..."""


@damage_of("TIFF")
def probe(data: bytes) -> ImageHeader:
    """Header of a TIFF. Raises InputError (FORMAT_NOT_SUPPORTED for camera raw files)."""
    page = first_page(data)
    if data[8:10] == b"CR" or tags.DNG_VERSION in page.entries or page.one(tags.SUBFILE, 0) & 1:
        raise format_refused("camera raw (a TIFF whose first picture is a preview)")
    width, height = page.one(tags.WIDTH, 0), page.one(tags.HEIGHT, 0)
    if not width or not height:
        raise damaged("TIFF without a size")
    orientation = page.one(tags.ORIENTATION, 1)
    pages = count_pages(data, page)
    return ImageHeader(
        "tiff",
        width,
        height,
        max(page.numbers(tags.BITS), default=1),
        _mode(page),
        lossy=page.one(tags.COMPRESSION, 1) in _LOSSY,
        animated=pages > 1,
        frames=pages,
        orientation=orientation if 1 <= orientation <= 8 else 1,
    )


@damage_of("TIFF")
def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of the first page; its orientation is not in them. Raises InputError."""
    page = first_page(data)
    with decoding("TIFF"):
        return Metadata(page.content(tags.ICC), _descriptive_exif(data), page.content(tags.XMP))


@damage_of("TIFF")
def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read its first page: palettes become colours, alpha that colours were multiplied with becomes a straight one.

    Pixels wait for `load`, except of 32-bit and signed samples, whose values decide whether they fit 16 bits.
    Raises InputError (DEPTH_NOT_SUPPORTED, MODE_NOT_SUPPORTED, FORMAT_NOT_SUPPORTED; the message names the tag).
    """
    page = first_page(data)
    if page.one(tags.COMPRESSION, 1) == _OLD_JPEG:
        return _old_jpeg_plan(data, header, page)
    _refuse_unreadable(page, header)
    tiff_samples.check_segments(page)
    by_pillow = _pillow_reads(page)
    if page.one(tags.COMPRESSION, 1) in tiff_samples.CCITT and have_imagecodecs():
        by_pillow = False  # libtiff gives white for what is missing
    if not by_pillow and (_only_libtiff_reads(page) or not have_imagecodecs()):
        raise _unread(page)
    channels = 3 if header.mode == "P" else len(header.mode)
    deep = header.bits > 8 or (header.mode == "P" and not _map_fits_8_bits(page))

    def load() -> Pixels:
        with decoding("TIFF"):
            if by_pillow:
                tiff_samples.check_sums(page)
            pixels = _by_pillow(data, header, page) if by_pillow else _meaning(tiff_samples.stored_samples(page), page)
            return expect(pixels, header.height, header.width, channels)

    found = metadata(data)
    if header.bits == 32 or page.one(tags.SAMPLE_FORMAT, _UNSIGNED) == _SIGNED:
        pixels = load()
        return ReadPlan(header.width, header.height, channels, 16, lambda: pixels, found, header.orientation)
    return ReadPlan(header.width, header.height, channels, 16 if deep else 8, load, found, header.orientation)


def pillow_misreads(data: bytes) -> bool:
    """Whether Pillow's own pixels of the first page are not to be trusted. Raises InputError as `plan`."""
    page = first_page(data)
    if page.one(tags.COMPRESSION, 1) == _OLD_JPEG:
        return False
    _refuse_unreadable(page, probe(data))
    return not _pillow_reads(page)


def _old_jpeg_plan(data: bytes, header: ImageHeader, page: ImageDirectory) -> ReadPlan:
    """Old-style JPEG: a whole JPEG lies in the file, or else the picture's parts lie anywhere, and nobody agrees on them."""
    refusal = format_refused("TIFF compressed by old-style JPEG (Compression 6) without a whole JPEG (JPEGInterchangeFormat)")
    place, size = page.one(tags.JPEG_PLACE, 0), page.one(tags.JPEG_SIZE, 0)
    stream = data[place : place + size]
    try:
        inner = jpeg.probe(stream)
        found = jpeg.plan(stream, inner)
    except InputError:
        raise refusal from None
    if not place or (inner.width, inner.height) != (header.width, header.height):
        raise refusal
    return replace(found, metadata=metadata(data), orientation=header.orientation)


def _mode(page: ImageDirectory) -> str:
    mode = _MODES.get(page.one(tags.PHOTOMETRIC, 0), "")
    if _FLOAT in page.numbers(tags.SAMPLE_FORMAT):
        return "F" if page.one(tags.SAMPLES, 1) == 1 else ""
    if mode in ("L", "RGB") and page.one(tags.SAMPLES, 1) == len(mode) + 1:
        mode += "A"
    return mode


def _refuse_unreadable(page: ImageDirectory, header: ImageHeader) -> None:
    photometric = page.one(tags.PHOTOMETRIC, 0)
    samples, extra = page.one(tags.SAMPLES, 1), page.numbers(tags.EXTRA)
    formats, depths = set(page.numbers(tags.SAMPLE_FORMAT)) or {_UNSIGNED}, set(page.numbers(tags.BITS)) or {1}
    compression = page.one(tags.COMPRESSION, 1)
    colours = 3 if photometric in (_COLOUR, _YCBCR) else 1
    error: InputError | None = None
    if photometric not in (*_GRAY, _COLOUR, _PALETTE, _YCBCR):
        name = _PHOTOMETRIC_NAMES.get(photometric, "an unknown colour model")
        error = mode_refused(f"TIFF whose samples are {name} (PhotometricInterpretation {photometric})")
    elif _FLOAT in formats:
        error = mode_refused("TIFF with floating-point samples (SampleFormat 3)", "Scale it to integers of 16 bits first")
    elif formats != {_UNSIGNED} and (formats != {_SIGNED} or header.mode != "L" or header.bits < 16 or photometric == 0):
        error = depth_refused(f"TIFF with samples that are not unsigned integers (SampleFormat {_listed(formats)})")
    elif len(depths) > 1:
        error = depth_refused(f"TIFF with samples of different depths (BitsPerSample {_listed(depths)})")
    elif header.bits not in _DEPTHS and not (header.bits == 32 and header.mode == "L" and photometric == 1):
        error = depth_refused(f"TIFF with {header.bits} bits per sample and mode {header.mode} (BitsPerSample)")
    elif samples < colours or samples > colours + (photometric not in (_PALETTE, _YCBCR)):
        error = mode_refused(f"TIFF with {samples} samples per pixel, PhotometricInterpretation {photometric} (SamplesPerPixel)")
    elif samples == colours + 1 and extra not in ((1,), (2,)):
        what = f"ExtraSamples {_listed(extra)}" if extra else "no ExtraSamples"
        error = mode_refused(
            f"TIFF with a channel of unstated meaning ({what})", "Say that it is alpha (ExtraSamples), or drop it"
        )
    elif page.one(tags.PLANAR, 1) not in (1, 2):
        error = damaged(f"TIFF with PlanarConfiguration {page.one(tags.PLANAR, 1)}")
    elif page.one(tags.DEPTH, 1) != 1 or page.one(tags.TILE_DEPTH, 1) != 1:
        error = mode_refused("TIFF that holds a volume (ImageDepth)", "Write its slices as pictures")
    elif photometric == _PALETTE and len(page.numbers(tags.COLOUR_MAP)) != 3 << header.bits:
        error = damaged(f"TIFF with a colour map of {len(page.numbers(tags.COLOUR_MAP))} values (ColorMap)")
    elif compression not in tiff_samples.READ:
        name = _COMPRESSION_NAMES.get(compression, "an unknown method")
        error = format_refused(f"TIFF compressed by {name} (Compression {compression})")
    elif page.one(tags.PREDICTOR, 1) != 1 and not _predictor_is_clear(page, compression, header.bits):
        error = format_refused(f"TIFF with Predictor {page.one(tags.PREDICTOR, 1)} and Compression {compression}")
    elif compression == tiff_samples.LERC and byte_order(page.data) == "big" and header.bits > 8:
        error = format_refused("big-endian TIFF compressed by LERC (readers differ in what its bytes mean)")
    elif photometric == _YCBCR and page.one(tags.PLANAR, 1) == 2:
        error = mode_refused("TIFF with YCbCr in separate planes (PhotometricInterpretation 6, PlanarConfiguration 2)")
    elif compression == tiff_samples.JPEG and photometric == _PALETTE:
        error = format_refused("TIFF with a palette and JPEG compression (Compression 7)")
    if error is not None:
        raise error


def _listed(numbers: set[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _predictor_is_clear(page: ImageDirectory, compression: int, bits: int) -> bool:
    """Whether all readers agree on it: with no compression or PackBits some apply it and some do not."""
    if compression in tiff_samples.PICTURES:
        return True  # ignored by all
    return page.one(tags.PREDICTOR, 1) == 2 and compression in tiff_samples.PREDICTED and bits in (8, 16, 32)


def _unread(page: ImageDirectory) -> InputError:
    """The refusal of what Pillow here does not read right."""
    bits, planar = page.one(tags.BITS, 1), page.one(tags.PLANAR, 1)
    what = f"TIFF with Compression {page.one(tags.COMPRESSION, 1)}, BitsPerSample {bits}, PlanarConfiguration {planar}"
    if _only_libtiff_reads(page):
        return format_refused(f"{what} and YCbCr samples (PhotometricInterpretation 6)")
    return missing_depth(what)


def _only_libtiff_reads(page: ImageDirectory) -> bool:
    """Whether it is YCbCr that is no JPEG."""
    return page.one(tags.PHOTOMETRIC, 0) == _YCBCR and page.one(tags.COMPRESSION, 1) != tiff_samples.JPEG


def _map_fits_8_bits(page: ImageDirectory) -> bool:
    entries = page.numbers(tags.COLOUR_MAP)
    return all(v % 257 == 0 for v in entries) or all(v % 256 == 0 for v in entries)


def _pillow_reads(page: ImageDirectory) -> bool:
    """Whether Pillow gives the stored samples: a list of what it was seen to read right."""
    photometric, bits, compression = page.one(tags.PHOTOMETRIC, 0), page.one(tags.BITS, 1), page.one(tags.COMPRESSION, 1)
    samples, extra = page.one(tags.SAMPLES, 1), page.numbers(tags.EXTRA)
    little = byte_order(page.data) == "little"
    if compression not in _BY_PILLOW or (is_big(page.data) and not little):
        return False
    if page.one(tags.FILL_ORDER, 1) != 1 and compression not in tiff_samples.CCITT:
        return False
    if photometric == _YCBCR:
        return compression != tiff_samples.NONE  # Pillow does not know that those are subsampled
    if photometric == _PALETTE and not _map_fits_8_bits(page):
        return False
    if samples > 1:
        chunky = page.one(tags.PLANAR, 1) == 1
        return bits == 8 and chunky and photometric in (1, _COLOUR) and extra in ((), (2,))
    if bits == 32 or page.one(tags.SAMPLE_FORMAT, _UNSIGNED) == _SIGNED:
        return little
    return bits in (1, 2, 4, 8) or (bits == 16 and photometric in _GRAY and (little or photometric == 1))


def _meaning(samples: NDArray[Any], page: ImageDirectory) -> Pixels:
    """What stored (H, W, S) samples mean."""
    bits, photometric = page.one(tags.BITS, 1), page.one(tags.PHOTOMETRIC, 0)
    if photometric == _PALETTE:
        return _looked_up(samples[..., 0], page)
    if samples.dtype.kind == "i" or bits == 32:
        low, high = int(samples.min()), int(samples.max())
        if low < 0 or high > 65535:
            raise depth_refused(f"TIFF whose {bits}-bit samples from {low} to {high} do not fit 16 bits")
        return samples.astype(np.uint16)
    if bits < 8:
        samples = samples * np.uint8(255 // ((1 << bits) - 1))
    pixels = widened(samples, bits) if bits > 8 else cast("Pixels", samples)
    if photometric == 0:
        pixels[..., 0] = ~pixels[..., 0]
    return straight(pixels) if page.numbers(tags.EXTRA) == (1,) else pixels


def _looked_up(indices: NDArray[Any], page: ImageDirectory) -> Pixels:
    colours = np.array(page.numbers(tags.COLOUR_MAP), np.uint16).reshape(3, -1).T
    if _map_fits_8_bits(page):
        colours = (colours >> 8).astype(np.uint8)
    return cast("Pixels", np.ascontiguousarray(colours)[indices])


def _by_pillow(data: bytes, header: ImageHeader, page: ImageDirectory) -> Pixels:
    from PIL import Image

    if header.orientation != 1:
        # Pillow swaps the sides of such TIFFs; with the tag at 1 it leaves that to us, as for every other format.
        entry = page.entries[tags.ORIENTATION]
        size = entry.size // entry.count
        data = data[: entry.value] + (1).to_bytes(size, page.order) + data[entry.value + size :]
    file = StrictFile(data)
    image = _decoder()(file)
    if image.size != (header.width, header.height):
        raise damaged(f"TIFF header says {header.width}x{header.height}, its decoder {image.width}x{image.height}")
    # Memory taken here keeps Pillow from checking its own pixel limit after ours.
    image.im = Image.new(image.mode, image.size).im
    load_strictly(image, file)
    pixels = to_array(image)
    # Pillow inverts white-is-zero images of up to 8 bits, not deeper ones.
    return np.bitwise_not(pixels) if header.bits == 16 and page.one(tags.PHOTOMETRIC, 0) == 0 else pixels


@cache
def _decoder() -> type[TiffImageFile]:
    from PIL.TiffImagePlugin import TiffImageFile

    class Unturned(TiffImageFile):
        def load_end(self) -> None:
            """Nothing: Pillow would turn the image here, by the orientation in its XMP if there is no tag."""

    return Unturned


def _descriptive_exif(data: bytes) -> bytes | None:
    """A TIFF block of its own with the descriptive tags of IFD 0, the EXIF and the GPS directory; None if there are none."""
    from PIL import Image

    source, block = _pillow_tags(data, first_offset(data)), Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in source:
            block[tag] = source[tag]
    for ifd in (_EXIF_IFD, _GPS_IFD):
        entries = _pillow_tags(data, source[ifd], ifd) if isinstance(source.get(ifd), int) else None
        if entries:
            block[ifd] = dict(entries)
    return tiff_block(block.tobytes()) if len(block) else None


def _pillow_tags(data: bytes, offset: int, group: int | None = None) -> ImageFileDirectory_v2:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(data[:16] if data.startswith(b"II+") else data[:8], group=group)
    directory._bigtiff = is_big(data)  # Pillow looks for the 43 of BigTIFF in the same byte whatever the byte order
    file = io.BytesIO(data)
    file.seek(offset)
    directory.load(file)
    return directory
