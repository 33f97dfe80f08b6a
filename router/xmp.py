"""Decision records inside XMP packets (ISO 16684-1), merged with what the source carried; parsed with defusedxml."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from router.errors import StreamError
from router.reasons import ReasonCode

NAMESPACE = "https://codec-router.org/ns/record/1.0/"
"""XML namespace of our one property, `cr:Record`: the record's JSON as text."""

_X = "adobe:ns:meta/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PROPERTY = f"{{{NAMESPACE}}}Record"
_DESCRIPTION = f"{{{_RDF}}}Description"
_MAX_PACKET = 16 << 20
_RDF_END = re.compile(rb"</(?:[\w.-]+:)?RDF\s*>")
_BLOCK = re.compile(
    rb"<rdf:Description xmlns:rdf=\"%s\" rdf:about=(?:\"[^\"<]*\"|'[^'<]*') xmlns:cr=\"%s\">"
    rb"<cr:Record>[^<]*</cr:Record></rdf:Description>" % (re.escape(_RDF.encode()), re.escape(NAMESPACE.encode()))
)
"""What `_splice` writes, to take it out again."""

for _prefix, _uri in (("x", _X), ("rdf", _RDF), ("cr", NAMESPACE)):
    ET.register_namespace(_prefix, _uri)  # once: the table is the whole process's, not safe to change from threads


def merge_record(packet: bytes | None, record: bytes) -> bytes:
    """An XMP packet with `record` (JSON, UTF-8) in it and everything else of `packet` kept.

    The record is spliced into the text of a UTF-8 packet, so that prefixes, padding and everything else stay byte for byte; other
    encodings and odd shapes are serialised anew.

    Raises StreamError (DAMAGED_STREAM) if `packet` is not XMP: the caller decides whether to go on without it.
    """
    if packet is not None and (spliced := _splice(packet, record)) is not None:
        return spliced
    root = ET.Element(f"{{{_X}}}xmpmeta") if packet is None else _parse(packet)
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        rdf = ET.SubElement(root, f"{{{_RDF}}}RDF")
    _remove_record(rdf)
    description = ET.SubElement(rdf, _DESCRIPTION, {f"{{{_RDF}}}about": _about(rdf)})
    ET.SubElement(description, _PROPERTY).text = record.decode("utf-8")
    return _serialise(root)


def extract_record(packet: bytes) -> bytes | None:
    """The record's JSON in an XMP packet, None if there is none. Raises StreamError if the packet is not XML."""
    for description in _parse(packet).iter(_DESCRIPTION):
        element = description.find(_PROPERTY)
        text = description.get(_PROPERTY) if element is None else element.text
        if text:
            return text.encode("utf-8")
    return None


def without_record(packet: bytes) -> bytes | None:
    """The packet with our record taken out; None if nothing else was in it. Raises StreamError."""
    cut = _BLOCK.sub(b"", packet)
    if cut != packet and extract_record(cut) is None:
        return cut if any(len(rdf) for rdf in _parse(cut).iter(f"{{{_RDF}}}RDF")) else None
    root = _parse(packet)
    for rdf in root.iter(f"{{{_RDF}}}RDF"):
        _remove_record(rdf)
        if len(rdf):
            return _serialise(root)
    return None


def _splice(packet: bytes, record: bytes) -> bytes | None:
    """The packet's own text with the record before its last `</rdf:RDF>`; None where that does not give the record back."""
    packet = _BLOCK.sub(b"", packet)
    ends = list(_RDF_END.finditer(packet))
    rdf = next(_parse(packet).iter(f"{{{_RDF}}}RDF"), None)
    if not ends or rdf is None:
        return None
    block = (
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about={quoteattr(_about(rdf))} xmlns:cr="{NAMESPACE}">'
        f"<cr:Record>{escape(record.decode('utf-8'))}</cr:Record></rdf:Description>"
    )
    at = ends[-1].start()
    spliced = packet[:at] + block.encode("utf-8") + packet[at:]
    try:
        return spliced if extract_record(spliced) == record else None
    except StreamError:  # another encoding, or a tag inside a comment
        return None


def _remove_record(rdf: ET.Element) -> None:
    for description in list(rdf.findall(_DESCRIPTION)):
        had = description.attrib.pop(_PROPERTY, None) is not None
        for element in description.findall(_PROPERTY):
            description.remove(element)
            had = True
        empty = not len(description) and all(k == f"{{{_RDF}}}about" for k in description.attrib)
        if had and empty:
            rdf.remove(description)


def _about(rdf: ET.Element) -> str:
    # All descriptions of one packet must name the same resource (ISO 16684-1, 7.4).
    first = rdf.find(_DESCRIPTION)
    return "" if first is None else first.get(f"{{{_RDF}}}about", "")


def _parse(packet: bytes) -> ET.Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if len(packet) > _MAX_PACKET:
        raise StreamError("XMP packet larger than 16 MiB", code=ReasonCode.DAMAGED_STREAM)
    try:
        wide = packet.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16: a zero byte is half a character
        root: ET.Element = fromstring(packet if wide else packet.strip(b"\x00 \t\r\n"))
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise StreamError(f"XMP packet cannot be parsed: {error}", code=ReasonCode.DAMAGED_STREAM) from error
    return root


def _serialise(root: ET.Element) -> bytes:
    try:
        packet: bytes = ET.tostring(root, encoding="utf-8")
    except RecursionError as error:
        raise StreamError("XMP packet is nested too deeply", code=ReasonCode.DAMAGED_STREAM) from error
    return packet
