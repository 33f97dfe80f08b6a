"""Decision records inside XMP packets (ISO 16684-1), merged with what the source carried.

The record is one property, `cr:Record`, of the packet's resource. Whatever else a packet holds in that namespace, in whatever
form and at whatever depth, came from somebody else: it is never read, and taken out before a record is written.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from router.containers import xmp_packet as packets
from router.containers.xmp_packet import RDF, Name, Packet
from router.errors import StreamError
from router.reasons import ReasonCode

NAMESPACE = "https://codec-router.org/ns/record/1.0/"
"""XML namespace of our one property, `cr:Record`: the record's JSON as text."""

_PROPERTY = (NAMESPACE, "Record")


def merge_record(packet: bytes | None, record: bytes) -> bytes:
    """An XMP packet with `record` (JSON, UTF-8) in it, no other record, and everything else of `packet` kept.

    The record is spliced into the text, so that prefixes, padding and everything else stay byte for byte; packets in other
    encodings than UTF-8 are converted first.

    Raises StreamError (DAMAGED_STREAM) if `packet` is not XMP: the caller decides whether to go on without it.
    """
    base = None if packet is None else _read(_without(packet))
    about = quoteattr("" if base is None else base.about)
    block = (
        f'<rdf:Description xmlns:rdf="{RDF}" rdf:about={about} xmlns:cr="{NAMESPACE}">'
        f"<cr:Record>{escape(record.decode('utf-8'))}</cr:Record></rdf:Description>"
    ).encode()
    merged = packets.fresh(block) if base is None else packets.with_block(base, block)
    if extract_record(merged) != record:
        raise StreamError("XMP packet: the record does not come back from it", code=ReasonCode.DAMAGED_STREAM)
    return merged


def extract_record(packet: bytes) -> bytes | None:
    """The record's JSON in an XMP packet, None if there is none.

    Raises StreamError: DAMAGED_STREAM if the packet is not XMP; DAMAGED_RECORD if there is more than one, for then at most one
    of them is ours, and nobody could tell which.
    """
    found = _read(packet)
    ours = sum(_is_ours(e.name) + sum(_is_ours(a.name) for a in e.attributes) for e in found.elements)
    if ours > 1:
        raise StreamError("the XMP packet holds more than one decision record", code=ReasonCode.DAMAGED_RECORD)
    values = packets.values_of(found, _PROPERTY)
    return values[0].encode("utf-8") if values and values[0] else None


def holds_record(packet: bytes) -> bool:
    """Whether anything in the packet claims to be a record. Raises StreamError if the packet is not XMP."""
    return any(_is_ours(e.name) or any(_is_ours(a.name) for a in e.attributes) for e in _read(packet).elements)


def without_record(packet: bytes) -> bytes | None:
    """The packet with every record taken out; None if nothing else was in it. Raises StreamError."""
    cut = _without(packet)
    return None if _read(cut).is_empty else cut


def problem(packet: bytes) -> str | None:
    """Why this packet cannot go along, in a few words; None if it can."""
    try:
        _read(packet)
    except StreamError as error:
        return error.message
    return None


def _without(packet: bytes) -> bytes:
    found = _read(packet)
    return packets.without(found, _is_ours)


def _read(packet: bytes) -> Packet:
    return packets.read(packet, _is_ours)


def _is_ours(name: Name) -> bool:
    # RDF knows names only with their namespace in front, as one string.
    return f"{name[0]}{name[1]}".startswith(NAMESPACE)
