"""The checked syntax tree of a condition: `CheckedExpr` of cel/expr/checked.proto, read from (and written to) its protobuf form.

The binding gives trees as bytes only, and no package has the classes of that schema; the wire format itself is small.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["const", "ident", "select", "call", "list", "struct", "comprehension"]

_EXPR_ID = 2
_CALL = 6
_KINDS: dict[int, Kind] = {
    3: "const",
    4: "ident",
    5: "select",
    6: "call",
    7: "list",
    8: "struct",
    9: "comprehension",
}
_NAMES = {"ident": 1, "select": 2, "call": 2}
_CHILDREN: dict[Kind, tuple[int, ...]] = {
    "const": (),
    "ident": (),
    "select": (1,),
    "call": (1, 3),
    "list": (1,),
    "struct": (),
    "comprehension": (2, 4, 5, 6, 7),
}
_ENTRIES = 2
_ENTRY_CHILDREN = (3, 4)
_BOOL, _INT64, _UINT64, _DOUBLE, _STRING, _BYTES = 2, 3, 4, 5, 6, 7
_SOURCE_INFO, _POSITIONS = 5, 4
_LENGTH_DELIMITED = 2

_Field = tuple[int, int, bytes | int]
"""(number, wire type, payload): an int for varints, bytes for the rest."""


@dataclass(frozen=True)
class Node:
    """One expression.

    Attributes:
        id: of this tree, unique.
        name: of an identifier, field or function; "" for the others.
        value: of a constant: a bool, a number, a text or bytes; None for null.
        children: operands in the order of evaluation; of a comprehension the range, the accumulator's first value, the loop's
            condition, its step, and the result.
        variables: of a comprehension: the loop's variable and its accumulator.
        overloads: what a call may resolve to, as the type checker names it.
    """

    id: int
    kind: Kind
    name: str = ""
    value: bool | int | float | str | bytes | None = None
    children: tuple[Node, ...] = ()
    variables: tuple[str, str] = ("", "")
    overloads: tuple[str, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This expression and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


class Checked:
    """A checked expression. Raises ValueError for bytes that are none.

    Attributes:
        root: the whole condition.
        names: the declared variables that it refers to. From what the type checker resolved: names in text literals and variables
            of loops do not count.
    """

    def __init__(self, serialized: bytes) -> None:
        self._any = _fields(serialized)
        self._checked = _fields(_payload(self._any, 2))
        self._variables: dict[int, str] = {}
        self._overloads: dict[int, tuple[str, ...]] = {}
        for number, _, entry in self._checked:
            if number == 2 and isinstance(entry, bytes):
                self._read_reference(entry)
        self.names = frozenset(self._variables.values())
        self.root = self._node(_payload(self._checked, 4))

    def wrapped(self, function: str, ids: frozenset[int]) -> bytes:
        """The same expression with calls of `function` (of one argument, named as its overload) around the nodes of `ids`."""
        fresh = max(node.id for node in self.root.walk())
        references: list[_Field] = []

        def around(id_: int, expression: bytes) -> bytes:
            nonlocal fresh
            if id_ not in ids:
                return expression
            fresh += 1
            reference = _message([(3, _LENGTH_DELIMITED, function.encode())])
            references.append((2, _LENGTH_DELIMITED, _message([(1, 0, fresh), (2, _LENGTH_DELIMITED, reference)])))
            call = _message([(2, _LENGTH_DELIMITED, function.encode()), (3, _LENGTH_DELIMITED, expression)])
            return _message([(_EXPR_ID, 0, fresh), (_CALL, _LENGTH_DELIMITED, call)])

        expression = _rebuilt(_payload(self._checked, 4), around)
        kept = [field for field in self._checked if field[0] != 4]
        content = _message([*kept, *references, (4, _LENGTH_DELIMITED, expression)])
        return _message([(n, w, content if n == 2 else p) for n, w, p in self._any])

    @cached_property
    def positions(self) -> dict[int, int]:
        """Where in the condition's text each node's operator or name stands, by its id."""
        return dict(self._positions())

    def _positions(self) -> Iterator[tuple[int, int]]:
        for number, _, info in self._checked:
            for at, _, entry in _fields(info) if number == _SOURCE_INFO and isinstance(info, bytes) else ():
                if at == _POSITIONS and isinstance(entry, bytes):
                    pair = {n: p for n, _, p in _fields(entry) if isinstance(p, int)}
                    yield pair.get(1, 0), pair.get(2, 0)

    def _read_reference(self, entry: bytes) -> None:
        id_, name, overloads = 0, "", []
        for number, _, payload in _fields(entry):
            if number == 1 and isinstance(payload, int):
                id_ = payload
            elif number == 2 and isinstance(payload, bytes):
                for part, _, text in _fields(payload):
                    if part == 1:
                        name = _text(text)
                    elif part == 3:
                        overloads.append(_text(text))
        if overloads:  # a function; what has none is a variable
            self._overloads[id_] = tuple(overloads)
        else:
            self._variables[id_] = name.removeprefix(".")

    def _node(self, expression: bytes) -> Node:
        id_ = 0
        for number, _, payload in _fields(expression):
            if number == _EXPR_ID and isinstance(payload, int):
                id_ = payload
            elif number in _KINDS and isinstance(payload, bytes):
                return self._filled(id_, _KINDS[number], _fields(payload))
        raise ValueError("an expression of a kind that is not known")

    def _filled(self, id_: int, kind: Kind, fields: list[_Field]) -> Node:
        if kind == "const":
            return Node(id_, kind, value=_constant(fields))
        if (
            kind in ("ident", "select") and id_ in self._variables
        ):  # `a.b` of a declared `a.b` is one variable, however it is written
            return Node(id_, "ident", self._variables[id_])
        name = next((_text(p) for n, _, p in fields if n == _NAMES.get(kind)), "")
        variables = ("", "")
        if kind == "comprehension":
            variables = (_text(_payload(fields, 1)), _text(_payload(fields, 3)))
            children = tuple(self._node(_payload(fields, number)) for number in _CHILDREN[kind])
        elif kind == "struct":
            entries = [_fields(p) for n, _, p in fields if n == _ENTRIES and isinstance(p, bytes)]
            children = tuple(self._node(p) for e in entries for n, _, p in e if n in _ENTRY_CHILDREN and isinstance(p, bytes))
        else:
            children = tuple(self._node(p) for n, _, p in fields if n in _CHILDREN[kind] and isinstance(p, bytes))
        return Node(id_, kind, name, None, children, variables, self._overloads.get(id_, ()))


def _rebuilt(expression: bytes, around: Callable[[int, bytes], bytes]) -> bytes:
    id_, fields = 0, _fields(expression)
    for index, (number, wire, payload) in enumerate(fields):
        if number == _EXPR_ID and isinstance(payload, int):
            id_ = payload
        elif number in _KINDS and isinstance(payload, bytes):
            fields[index] = (number, wire, _rebuilt_operands(_KINDS[number], payload, around))
    return around(id_, _message(fields))


def _rebuilt_operands(kind: Kind, message: bytes, around: Callable[[int, bytes], bytes]) -> bytes:
    fields = _fields(message)
    for index, (number, wire, payload) in enumerate(fields):
        if not isinstance(payload, bytes):
            continue
        if number in _CHILDREN[kind]:
            fields[index] = (number, wire, _rebuilt(payload, around))
        elif kind == "struct" and number == _ENTRIES:
            entry = [
                (n, w, _rebuilt(p, around) if n in _ENTRY_CHILDREN and isinstance(p, bytes) else p)
                for n, w, p in _fields(payload)
            ]
            fields[index] = (number, wire, _message(entry))
    return _message(fields)


def _constant(fields: list[_Field]) -> bool | int | float | str | bytes | None:
    for number, _, payload in fields:
        if number == _BOOL:
            return bool(payload)
        if number in (_INT64, _UINT64) and isinstance(payload, int):
            return payload - (1 << 64) if number == _INT64 and payload >> 63 else payload
        if number == _DOUBLE and isinstance(payload, bytes):
            value: float = struct.unpack("<d", payload)[0]
            return value
        if number == _STRING and isinstance(payload, bytes):
            return payload.decode()
        if number == _BYTES and isinstance(payload, bytes):
            return payload
    return None


def _payload(fields: list[_Field], number: int) -> bytes:
    for found, _, payload in fields:
        if found == number and isinstance(payload, bytes):
            return payload
    raise ValueError(f"field {number} is missing")


def _text(payload: bytes | int) -> str:
    return payload.decode() if isinstance(payload, bytes) else ""


def _fields(message: bytes) -> list[_Field]:
    found: list[_Field] = []
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == 0:
            value, position = _varint(message, position)
            found.append((tag >> 3, wire, value))
            continue
        length = 8 if wire == 1 else 4
        if wire == _LENGTH_DELIMITED:
            length, position = _varint(message, position)
        found.append((tag >> 3, wire, message[position : position + length]))
        position += length
    return found


def _message(fields: list[_Field]) -> bytes:
    parts = []
    for number, wire, payload in fields:
        parts.append(_as_varint(number << 3 | wire))
        if isinstance(payload, int):
            parts.append(_as_varint(payload))
        else:
            parts.append(_as_varint(len(payload)) + payload if wire == _LENGTH_DELIMITED else payload)
    return b"".join(parts)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
