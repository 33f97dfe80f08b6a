"""XMP packets (ISO 16684-1) as text: where their properties lie, so that single ones are changed and all else stays as it was.

A packet is read by expat in one pass, whatever is in it: no tree is built, and depth, size and counts are bounded. Document type
declarations are refused, and with them all entities.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from router.errors import StreamError
from router.reasons import ReasonCode

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
MAX_BYTES = 16 << 20
MAX_DEPTH = 100
_MAX_PREFIXES = 1000
_MAX_KEPT = 100_000

Name = tuple[str, str]
"""Namespace and local name."""

_SEPARATOR = "\x01"  # no XML document can hold it
_DESCRIPTION, _RDF_NAME = (RDF, "Description"), (RDF, "RDF")
_ABOUT = {(RDF, "about"), ("", "about")}
_TAG = re.compile(rb"""(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DECLARATION = re.compile(r"""<\?xml\s[^>]*?\?>""")
_ENCODING = re.compile(r"""encoding\s*=\s*["']([A-Za-z0-9._-]*)["']""")
_UNICODE = {"utf-8", "utf8"}
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)


@dataclass(slots=True)
class Attribute:
    """`text[start:stop]` is all of it, the space before it included; `text[inside:inside_stop]` the value as it is written."""

    name: Name
    value: str
    start: int
    stop: int
    inside: int
    inside_stop: int


@dataclass(slots=True)
class Element:
    """`text[start:stop]` is all of it, `text[body:close]` what is between its tags.

    Attributes:
        path: names of the elements around it, the root first.
        children: how many elements are directly inside.
        empty: written as one tag, `<a/>`.
    """

    name: Name
    path: tuple[Name, ...]
    start: int
    body: int
    attributes: list[Attribute]
    close: int = 0
    stop: int = 0
    children: int = 0
    empty: bool = False
    parent: Element | None = None
    pieces: list[str] = field(default_factory=list)

    @property
    def value(self) -> str:
        """Its own text; that of elements inside is not in it. Not kept for frames."""
        return "".join(self.pieces)

    @property
    def frames(self) -> bool:
        """Whether this is an `rdf:RDF` at the top, or an `rdf:Description` directly inside one."""
        path = self.path[:-1] if self.name == _DESCRIPTION else self.path
        right = (self.name == _RDF_NAME) or (self.name == _DESCRIPTION and self.path[-1:] == (_RDF_NAME,))
        return right and (not path or (len(path) == 1 and path[0] != _RDF_NAME))

    @property
    def is_property(self) -> bool:
        """Whether it stands where a property of the resource stands: directly in such a description."""
        return self.parent is not None and self.parent.name == _DESCRIPTION and self.parent.frames

    def attribute(self, name: Name) -> Attribute | None:
        """The attribute of that name."""
        return next((a for a in self.attributes if a.name == name), None)


@dataclass(frozen=True)
class Packet:
    """A packet in UTF-8, and those of its elements that were asked for, in the order of their start tags; frames always."""

    text: bytes
    root: Name
    elements: tuple[Element, ...]

    @property
    def rdf(self) -> Element | None:
        """The RDF element that counts: the first."""
        return next((e for e in self.elements if e.name == _RDF_NAME and e.frames), None)

    @property
    def descriptions(self) -> tuple[Element, ...]:
        """Those that describe the resource."""
        return tuple(e for e in self.elements if e.name == _DESCRIPTION and e.frames)

    @property
    def about(self) -> str:
        """What the packet says it describes; all descriptions of one packet must name the same resource (7.4)."""
        for description in self.descriptions:
            for attribute in description.attributes:
                if attribute.name in _ABOUT:
                    return attribute.value
        return ""

    @property
    def is_empty(self) -> bool:
        """Whether no property is in it."""
        inside = sum(e.children for e in self.elements if e.name == _RDF_NAME and e.frames)
        return inside == len(self.descriptions) and not any(
            d.children or any(a.name not in _ABOUT for a in d.attributes) for d in self.descriptions
        )


@dataclass
class _Reading:
    """The state of one pass."""

    text: bytes
    wanted: Callable[[Name], bool]
    kept: list[Element] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    open: list[Element | None] = field(default_factory=list)
    prefixes: dict[str, list[str]] = field(default_factory=dict)
    declared: int = 0
    root: Name = ("", "")


def read(packet: bytes, wanted: Callable[[Name], bool] = lambda name: False) -> Packet:
    """The packet, with every element that is `wanted` by its own name or that of an attribute.

    Raises StreamError (DAMAGED_STREAM) for what is not XMP, or cannot be handled; the message is in our own words and short.
    """
    text = _in_utf8(packet)
    reading = _Reading(text, wanted)
    _parse(reading)
    found = Packet(text, reading.root, tuple(reading.kept))
    if found.rdf is None and found.root != (META, "xmpmeta"):
        raise _damaged("it is not XMP")
    return found


def edited(text: bytes, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    """`text` with each (start, stop) replaced; of edits inside another one only the outer one counts."""
    pieces: list[bytes] = []
    position = 0
    for start, stop, new in sorted(edits, key=lambda e: (e[0], -e[1])):
        if start < position:
            continue
        pieces += [text[position:start], new]
        position = stop
    return b"".join([*pieces, text[position:]])


def without(packet: Packet, unwanted: Callable[[Name], bool]) -> bytes:
    """The text without elements and attributes of these names, at any depth. `packet` was read with them wanted.

    A description that holds nothing else goes as a whole.
    """
    cuts: list[tuple[int, int, bytes]] = []
    cut_children: dict[int, int] = {}
    for element in packet.elements:
        if unwanted(element.name):
            cuts.append((element.start, element.stop, b""))
            if element.parent is not None:
                cut_children[id(element.parent)] = cut_children.get(id(element.parent), 0) + 1
        cuts += [(a.start, a.stop, b"") for a in element.attributes if unwanted(a.name)]
    for element in packet.descriptions:
        rest = [a for a in element.attributes if a.name not in _ABOUT]
        gone = cut_children.get(id(element), 0)
        if gone == element.children and all(unwanted(a.name) for a in rest) and (gone or rest):
            cuts.append((element.start, element.stop, b""))
    return edited(packet.text, cuts)


def with_values(packet: Packet, values: dict[Name, str]) -> bytes:
    """The text with these simple properties of the resource set where they are; those that are no simple values go.

    Nothing is added. `packet` was read with them wanted.
    """
    edits: list[tuple[int, int, bytes]] = []
    for element in packet.elements:
        if element.name in values and element.is_property:
            simple = not element.children and not element.attributes and not element.empty
            new = escape(values[element.name]).encode()
            edits.append((element.body, element.close, new) if simple else (element.start, element.stop, b""))
        elif element.name == _DESCRIPTION and element.frames:
            for a in element.attributes:
                if a.name in values:
                    edits.append((a.inside, a.inside_stop, escape(values[a.name], {'"': "&quot;", "'": "&apos;"}).encode()))
    return edited(packet.text, edits)


def values_of(packet: Packet, name: Name) -> list[str]:
    """The values of a simple property of the resource, in order. `packet` was read with it wanted."""
    found: list[str] = []
    for element in packet.elements:
        if element.name == name and element.is_property:
            found.append(element.value)
        elif element.name == _DESCRIPTION and element.frames and (a := element.attribute(name)) is not None:
            found.append(a.value)
    return found


def with_block(packet: Packet, block: bytes) -> bytes:
    """The text with `block` (whole descriptions, their namespaces declared) at the end of its RDF.

    A packet without RDF, which holds nothing, is replaced.
    """
    rdf = packet.rdf
    if rdf is None:
        return fresh(block)
    if not rdf.empty:
        return edited(packet.text, [(rdf.close, rdf.close, block)])
    tag = packet.text[rdf.start : rdf.body]
    name = re.match(rb"<([^\s/>]+)", tag)
    assert name is not None  # expat has read it
    return edited(packet.text, [(rdf.start, rdf.stop, tag[:-2] + b">" + block + b"</" + name[1] + b">")])


def fresh(block: bytes) -> bytes:
    """A packet that holds `block` only."""
    return b'<x:xmpmeta xmlns:x="%s"><rdf:RDF xmlns:rdf="%s">' % (META.encode(), RDF.encode()) + block + b"</rdf:RDF></x:xmpmeta>"


def _parse(reading: _Reading) -> None:
    from pyexpat import ExpatError, ParserCreate

    parser = ParserCreate("UTF-8", _SEPARATOR)
    parser.ordered_attributes = True
    parser.buffer_text = True

    def start(tag: str, attributes: list[str]) -> None:
        _open(reading, _name(tag), attributes, parser.CurrentByteIndex)

    def end(tag: str) -> None:
        reading.names.pop()
        element = reading.open.pop()
        if element is not None:
            at = parser.CurrentByteIndex
            element.empty = reading.text[element.body - 2 : element.body] == b"/>"
            element.close = element.body if element.empty else at
            element.stop = element.body if element.empty else reading.text.index(b">", at) + 1

    def text(data: str) -> None:
        if reading.open and (element := reading.open[-1]) is not None and not element.frames:
            element.pieces.append(data)

    def declare(prefix: str | None, uri: str | None) -> None:
        reading.declared += 1
        if reading.declared > _MAX_PREFIXES:
            raise _damaged(f"it declares more than {_MAX_PREFIXES} prefixes at once")
        reading.prefixes.setdefault(prefix or "", []).append(uri or "")

    def forget(prefix: str | None) -> None:
        reading.declared -= 1
        reading.prefixes[prefix or ""].pop()

    def refuse(*_: object) -> None:
        raise _damaged("it has a document type declaration")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartNamespaceDeclHandler, parser.EndNamespaceDeclHandler = declare, forget
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(reading.text, True)
    except ExpatError as error:
        raise _damaged("it is not well-formed") from error


def _open(reading: _Reading, name: Name, attributes: list[str], at: int) -> None:
    parent = reading.open[-1] if reading.open else None
    if parent is not None:
        parent.children += 1
    if not reading.names:
        reading.root = name
    if len(reading.names) >= MAX_DEPTH:
        raise _damaged(f"it is nested more than {MAX_DEPTH} deep")
    element: Element | None = None
    framing = name in (_RDF_NAME, _DESCRIPTION) and len(reading.names) <= 2
    if framing or reading.wanted(name) or any(reading.wanted(_name(a)) for a in attributes[::2]):
        if len(reading.kept) >= _MAX_KEPT:
            raise _damaged(f"it has more than {_MAX_KEPT} of the properties that are looked at")
        tag = _TAG.match(reading.text, at)
        assert tag is not None  # expat has read it
        places = _attributes(reading, at, tag.end(), dict(zip(map(_name, attributes[::2]), attributes[1::2], strict=True)))
        element = Element(name, tuple(reading.names), at, tag.end(), places, parent=parent)
        reading.kept.append(element)
    reading.names.append(name)
    reading.open.append(element)


def _attributes(reading: _Reading, start: int, stop: int, values: dict[Name, str]) -> list[Attribute]:
    found: list[Attribute] = []
    for match in _ATTRIBUTE.finditer(reading.text, start, stop):
        prefix, colon, local = match[1].decode().rpartition(":")
        if prefix == "xmlns" or (not colon and local == "xmlns"):
            continue
        uri = "" if not colon else "http://www.w3.org/XML/1998/namespace" if prefix == "xml" else reading.prefixes[prefix][-1]
        group = 2 if match[2] is not None else 3
        name = (uri, local)
        found.append(Attribute(name, values[name], match.start(), match.end(), match.start(group), match.end(group)))
    return found


def _name(tag: str) -> Name:
    uri, _, local = tag.rpartition(_SEPARATOR)
    return uri, local


def _in_utf8(packet: bytes) -> bytes:
    """The packet in UTF-8, without a byte order mark, padding around it, or a declaration that says something else."""
    if len(packet) > MAX_BYTES:
        raise _damaged(f"it is larger than {MAX_BYTES >> 20} MiB")
    encoding = next((name for mark, name in _BOMS if packet.startswith(mark)), "")
    if encoding in ("", "utf-8"):
        packet = packet.removeprefix(b"\xef\xbb\xbf").strip(b"\x00 \t\r\n")
    head = packet[:256].decode("latin-1") if encoding in ("", "utf-8") else ""
    stated = _ENCODING.search(declaration[0]) if (declaration := _DECLARATION.match(head)) else None
    if not encoding:
        encoding = (stated[1] if stated else "utf-8").lower()
    if encoding in _UNICODE:
        return packet
    try:
        # Of all others that a declaration may state, only these two are safe to decode and still in use.
        known = encoding.startswith(("utf-16-", "utf-32-")) or encoding in ("utf-16", "utf-32", "iso-8859-1", "us-ascii")
        if not known:
            raise _damaged("it is in an encoding other than Unicode")
        text = packet.decode(encoding).removeprefix("\ufeff").strip("\x00 \t\r\n")
        return _DECLARATION.sub("", text, count=1).strip().encode("utf-8") if text.startswith("<?xml") else text.encode("utf-8")
    except UnicodeError as error:
        raise _damaged("it is not in the encoding that it states") from error


def _damaged(what: str) -> StreamError:
    return StreamError(f"XMP packet: {what}", code=ReasonCode.DAMAGED_STREAM)
