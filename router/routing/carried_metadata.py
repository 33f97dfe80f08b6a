"""What metadata goes along into a new encoding, in which form, and what stays behind.

A codec writes what its carry matrix claims. Texts and densities that it has no place for go into the XMP packet; everything else
is named, by `losses`, before the image is encoded, so that a plan which loses nothing can refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from router.codecs.base import Codec, Lane
from router.containers import tiff as ifd
from router.containers import xmp_packet as packet
from router.containers.metadata import Metadata, PixelDensity, Text
from router.containers.xmp import problem
from router.containers.xmp_packet import RDF, Name
from router.images import png_notes
from router.images.sample import ImageSample
from router.record import MAX_BYTES, RECORD_RESERVE, RecordForm

TEXT_NAMESPACE = "https://codec-router.org/ns/text/1.0/"
"""XML namespace of `ct:Texts`, a bag of structures with `ct:Keyword`, `ct:Value` and, where stated, `ct:Language` and
`ct:TranslatedKeyword`: texts that no standard property fits."""

_DC, _TIFF, _XMP = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_FILE_PARTS = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.apple.com/HDRGainMap/",
)
_FILE_MARKS = ("MotionPhoto", "MicroVideo")
_PROPERTIES: dict[str, tuple[Name, Literal["Alt", "Seq", ""]]] = {
    "Title": ((_DC, "title"), "Alt"),
    "Author": ((_DC, "creator"), "Seq"),
    "Description": ((_DC, "description"), "Alt"),
    "Copyright": ((_DC, "rights"), "Alt"),
    "Source": ((_DC, "source"), ""),
    "Software": ((_XMP, "CreatorTool"), ""),
}
"""Properties that say what the keywords of PNG (11.3.3.2) say; of other keywords no property does, or not in free text."""
_MODIFIED: Name = (_XMP, "ModifyDate")
_RESOLUTION: Name = (_TIFF, "XResolution")
_LOOKED_AT = {name for name, _ in _PROPERTIES.values()} | {_MODIFIED, _RESOLUTION}
_PREFIXES = {_DC: "dc", _TIFF: "tiff", _XMP: "xmp", TEXT_NAMESPACE: "ct"}
_EXIF_RESOLUTION = 0x011A
_NOT_IN_XML = frozenset(map(chr, (*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)))


def losses(sample: ImageSample, codec: Codec) -> tuple[str, ...]:
    """Names of what a new encoding by this codec leaves behind of `sample`, whose metadata may all go along."""
    found = [p.name for p in sample.extra_parts if not p.carried]
    return tuple(dict.fromkeys([*found, *sample.source.dropped, *_carried(sample, codec)[1]]))


def shown_losses(sample: ImageSample) -> tuple[str, ...]:
    """Names of what a new encoding leaves behind although nobody asked to strip it: further pictures and films."""
    return tuple(dict.fromkeys(p.name for p in sample.extra_parts if p.shows))


def carried_xmp(sample: ImageSample, codec: Codec) -> bytes | None:
    """The XMP packet for a new encoding: the source's without what is no longer true of the file, and what only fits there."""
    return _carried(sample, codec)[0]


def record_reserve(metadata: Metadata, record: RecordForm) -> int:
    """Bytes that record and packet will take at most, where nothing but them is added to an encoding."""
    texts = sum(len(t.keyword) + 4 * len(t.text) + 200 for t in metadata.text)
    return RECORD_RESERVE[record] + len(metadata.xmp or b"") + texts + (400 if metadata.density or metadata.chunks else 0)


def _carried(sample: ImageSample, codec: Codec) -> tuple[bytes | None, list[str]]:
    """The packet, and names of what neither the codec nor the packet takes."""
    if codec.lane is Lane.TRANSCODE:
        return None, []
    m, carries = sample.metadata, codec.carries
    base = m.xmp if m.xmp is not None and problem(m.xmp) is None else None
    if base is not None:
        base = _without_parts(base)
    lost = [png_notes.chunk_name(kind) for kind, _ in m.chunks if not carries.chunks and kind != b"tIME"]
    texts = () if carries.text else m.text
    density = None if carries.density or _states_resolution(m.exif) else m.density
    modified = None if carries.chunks else next((content for kind, content in m.chunks if kind == b"tIME"), None)
    names = (["texts"] if texts else []) + (["density"] if density else []) + (["PNG chunk tIME"] if modified else [])
    if not names:
        return base, lost
    extended = _extended(base, texts, density, modified) if carries.xmp else None
    if extended is None or not _fits(sample, codec, extended):
        return base, [*lost, *names]
    return extended, lost


def _fits(sample: ImageSample, codec: Codec, xmp: bytes) -> bool:
    padded = replace(sample.metadata, xmp=xmp + bytes(MAX_BYTES + 512))
    return codec.refusal(sample.with_metadata(padded)) is None or codec.refusal(sample) is not None


def _without_parts(xmp: bytes) -> bytes | None:
    """The packet without what describes other parts of the file that it lay in: they are not in the new one.

    None if nothing else was in it.
    """
    found = packet.read(xmp, _is_part)
    if not any(_is_part(e.name) or any(_is_part(a.name) for a in e.attributes) for e in found.elements):
        return xmp
    cut = packet.without(found, _is_part)
    return None if packet.read(cut).is_empty else cut


def _is_part(name: Name) -> bool:
    space, local = name
    return (
        space.startswith(_FILE_PARTS) or (space == _CAMERA and local.startswith(_FILE_MARKS)) or name == (_NOTE, "HasExtendedXMP")
    )


def _states_resolution(exif: bytes | None) -> bool:
    block = None if exif is None else ifd.block(exif)
    directory = None if block is None else block.directory(block.first)
    return directory is not None and _EXIF_RESOLUTION in directory.entries


def _extended(xmp: bytes | None, texts: tuple[Text, ...], density: PixelDensity | None, modified: bytes | None) -> bytes | None:
    """The packet with these in it; None if a text holds what XML cannot."""
    found = None if xmp is None else packet.read(xmp, lambda name: name in _LOOKED_AT)
    taken = set() if found is None else {e.name for e in found.elements} | {a.name for e in found.elements for a in e.attributes}
    if any(not _NOT_IN_XML.isdisjoint(t.text + t.keyword + t.language + t.translated) for t in texts):
        return None
    inside = "".join(_texts(texts, taken))
    simple = " ".join([*_density(density, taken), *_time(modified, taken)])
    about = quoteattr("" if found is None else found.about)
    used = {space: prefix for space, prefix in _PREFIXES.items() if f"{prefix}:" in inside + simple}
    spaces = "".join(f' xmlns:{prefix}="{space}"' for space, prefix in used.items())
    block = f'<rdf:Description xmlns:rdf="{RDF}" rdf:about={about}{spaces} {simple}>{inside}</rdf:Description>'.encode()
    return packet.fresh(block) if found is None else packet.with_block(found, block)


def _texts(texts: tuple[Text, ...], taken: set[Name]) -> Iterator[str]:
    others: list[Text] = []
    for text in texts:
        name, kind = _PROPERTIES.get(text.keyword, (("", ""), ""))
        if not name[1] or name in taken or text.translated or (text.language and kind != "Alt"):
            others.append(text)
            continue
        taken.add(name)
        tag, value = f"{_PREFIXES[name[0]]}:{name[1]}", escape(text.text)
        language = f" xml:lang={quoteattr(text.language or 'x-default')}" if kind == "Alt" else ""
        inside = f"<rdf:{kind}><rdf:li{language}>{value}</rdf:li></rdf:{kind}>" if kind else value
        yield f"<{tag}>{inside}</{tag}>"
    if others:
        inside = "".join(f'<rdf:li rdf:parseType="Resource">{"".join(_fields(text))}</rdf:li>' for text in others)
        yield f"<ct:Texts><rdf:Bag>{inside}</rdf:Bag></ct:Texts>"


def _fields(text: Text) -> Iterator[str]:
    fields = {"Keyword": text.keyword, "Value": text.text, "Language": text.language, "TranslatedKeyword": text.translated}
    for name, value in fields.items():
        if value or name in ("Keyword", "Value"):
            yield f"<ct:{name}>{escape(value)}</ct:{name}>"


def _density(density: PixelDensity | None, taken: set[Name]) -> Iterator[str]:
    if density is None or _RESOLUTION in taken:
        return
    # XMP has inches and centimetres only (ISO 16684-1 refers to TIFF 6.0).
    scale, unit = {"inch": (Fraction(1), 2), "cm": (Fraction(1), 3), "m": (Fraction(1, 100), 3), "": (Fraction(1), 1)}[
        density.unit
    ]
    for name, value in (("XResolution", density.x), ("YResolution", density.y)):
        rational = Fraction(value) * scale
        yield f'tiff:{name}="{rational.numerator}/{rational.denominator}"'
    yield f'tiff:ResolutionUnit="{unit}"'


def _time(modified: bytes | None, taken: set[Name]) -> Iterator[str]:
    """The time in a PNG's tIME (11.3.4.4), which is in UTC."""
    if modified is not None and len(modified) == 7 and _MODIFIED not in taken:
        year, (month, day, hour, minute, second) = int.from_bytes(modified[:2], "big"), modified[2:]
        yield f'xmp:ModifyDate="{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"'
