"""Samples made from photographs and scans that ship inside the wheels of scikit-image and matplotlib.

A file that is small enough is taken byte for byte, so that its real compression history stays; of the others a crop at native
resolution is stored losslessly, or a reduction where only a whole view makes sense.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sample_files import jpeg, png, png16, srgb_profile

SKIMAGE = files("skimage") / "data"
MATPLOTLIB = files("matplotlib") / "mpl-data" / "sample_data"

XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="4">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Espresso &amp; spoon \xe2\x80\x94 upright</rdf:li></rdf:Alt></dc:title>
   <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">CC0 1.0</rdf:li></rdf:Alt></dc:rights>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def skimage_bytes(name: str) -> bytes:
    """The file `name` of scikit-image's data folder, unchanged."""
    return (SKIMAGE / name).read_bytes()


def matplotlib_bytes(name: str) -> bytes:
    """The file `name` of matplotlib's sample data, unchanged."""
    return (MATPLOTLIB / name).read_bytes()


def _open(name: str, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """`name` of scikit-image's data, cropped to `box` = (left, top, right, bottom) in pixels."""
    with (SKIMAGE / name).open("rb") as stream, Image.open(stream) as image:
        return image.crop(box) if box else image.copy()


def cat() -> bytes:
    with (SKIMAGE / "chelsea.png").open("rb") as stream, Image.open(stream) as image:
        profile = image.info["icc_profile"]
    return png(_open("chelsea.png", (100, 12, 420, 268)), icc_profile=profile)


def coffee() -> bytes:
    return png(_open("coffee.png", (170, 20, 490, 260)))


def astronaut() -> bytes:
    return jpeg(_open("astronaut.png"), 90, subsampling="4:2:0", progressive=True)


def coins() -> bytes:
    return jpeg(_open("coins.png"), 85)


def retina() -> bytes:
    return png(_open("retina.jpg").resize((320, 320), Image.Resampling.LANCZOS))


def tissue() -> bytes:
    return png(_open("ihc.png", (192, 128, 448, 384)))


def cell() -> bytes:
    return png(_open("cell.png", (70, 120, 550, 600)))


def deep_field() -> bytes:
    return png(_open("hubble_deep_field.jpg", (560, 380, 880, 620)))


def deep_field_16() -> bytes:
    """The mean of 4x4 pixels in linear light has about four bits more than the source: depth that is real."""
    encoded = np.asarray(_open("hubble_deep_field.jpg", (420, 300, 900, 660)), np.float64) / 255
    linear = _srgb_to_linear(encoded)
    height, width, channels = linear.shape
    mean = linear.reshape(height // 4, 4, width // 4, 4, channels).mean(axis=(1, 3))
    return png16(np.rint(_linear_to_srgb(mean) * 65535).astype(np.uint16))


def oriented_coffee() -> bytes:
    """Stored lying down with EXIF orientation 6, as a telephone does: a reader must turn it 90 degrees clockwise."""
    upright = _open("coffee.png", (140, 0, 440, 400))
    exif = Image.Exif()
    exif[0x010F] = "Example"  # Make
    exif[0x0110] = "Upright Test Camera"  # Model
    exif[0x0112] = 6  # Orientation
    exif[0x0132] = "2000:01:01 12:00:00"  # DateTime
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    return jpeg(stored, 88, subsampling="4:2:0", exif=exif.tobytes(), icc_profile=srgb_profile(), xmp=XMP)


def palette_cat() -> bytes:
    colours = _open("chelsea.png", (120, 40, 360, 220)).quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    return png(colours)


def _srgb_to_linear(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1, values 0 to 1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1, values 0 to 1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
