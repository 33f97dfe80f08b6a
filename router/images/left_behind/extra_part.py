"""One thing that a file holds beside its picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExtraPart:
    """What it is, and what becomes of it when the picture is encoded again.

    Attributes:
        name: for a person to read; our words, whatever the file says.
        carried: readers here take it into `Metadata`.
        shows: it shows something, as pictures do (a gain map, a second view, a film): its loss is named even where metadata is
            not to be kept.
        gain_map: it is an HDR gain map.
        harmless: it says nothing about people and places (rendering hints), and may go out where metadata may not.
    """

    name: str
    carried: bool = False
    shows: bool = False
    gain_map: bool = False
    harmless: bool = False


GAIN_MAP = ExtraPart("HDR gain map", shows=True, gain_map=True)
DEPTH_MAP = ExtraPart("depth map", shows=True)
MATTE = ExtraPart("portrait or segmentation matte", shows=True)
VIEW = ExtraPart("further view (stereo, panorama or multi-angle)", shows=True)
PREVIEW = ExtraPart("preview picture", shows=True)
PICTURE = ExtraPart("further picture", shows=True)
FILM = ExtraPart("motion-photo video", shows=True)
CREDENTIALS = ExtraPart("C2PA manifest")
TAIL = ExtraPart("data behind the end of the image")
SLACK = ExtraPart("data behind the fields of a part")
MANY = ExtraPart("what comes after the parts that are looked at")
COMMENT, COMMENTS = ExtraPart("comment", carried=True), ExtraPart("further comments")
RECORD = ExtraPart("decision record", carried=True)  # it is about that file: a new one gets its own, so nothing is lost
EXIF = ExtraPart("EXIF", carried=True)
XMP = ExtraPart("XMP", carried=True)
SECOND_EXIF = ExtraPart("second EXIF block")
SECOND_XMP = ExtraPart("second XMP packet")
SECOND_PROFILE = ExtraPart("second colour profile")

_AUXILIARY = (
    (b"hdrgainmap", GAIN_MAP),
    (b"urn:iso:std:iso:ts:21496", GAIN_MAP),
    (b"depth", DEPTH_MAP),
    (b"disparity", DEPTH_MAP),
    (b"matte", MATTE),
)


def auxiliary(urn: bytes) -> ExtraPart:
    """What an auxiliary image of this type is (Apple's URNs, MPEG's, ISO 21496-1)."""
    lowered = urn.lower()
    return next((kind for mark, kind in _AUXILIARY if mark in lowered), ExtraPart("auxiliary picture", shows=True))


def letters(kind: bytes) -> str:
    """A four-letter code as a name may show it."""
    text = kind.decode("latin-1").strip()
    return text if text.isascii() and text.isalnum() else kind.hex()
