"""What files hold beside their pixels, in a form that no format owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Text:
    """A text that a file holds under a keyword, as PNG has them; comments of other formats have the keyword "Comment".

    Attributes:
        keyword: 1 to 79 characters of Latin-1.
        text: what it says.
        language: RFC 3066 tag, "" where none is stated.
        translated: the keyword in that language, "" where it is not given.
    """

    keyword: str
    text: str
    language: str = ""
    translated: str = ""


@dataclass(frozen=True)
class PixelDensity:
    """Pixels per unit of length, across and down; with unit "" only their ratio means anything."""

    x: float
    y: float
    unit: Literal["inch", "cm", "m", ""]


@dataclass(frozen=True)
class Metadata:
    r"""What travels beside the pixels.

    Attributes:
        icc: as stored, if it can be used (see `profile.fault`); or one that says the same as what a file says about its colours
            in other ways (cICP, nclx, gAMA and cHRM).
        exif: a TIFF block without the `Exif\0\0` prefix, orientation already 1.
        xmp: a packet.
        text: texts and comments outside EXIF and XMP. A codec that has no place for them leaves them to the XMP.
        density: as the container states it, outside EXIF and XMP; likewise.
        chunks: further PNG chunks, type and content, that stay true of the pixels as they are; for the PNG codec only.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    text: tuple[Text, ...] = ()
    density: PixelDensity | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
