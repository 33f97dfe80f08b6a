"""Where in a policy's file something stands: of every field its name and value, and of a text in it every character."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from router.policy.problems import FieldPath, Place

_ESCAPE = re.compile(r"\\(?:\r?\n\s*|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_BLANK_ESCAPES = ("\\n", "\\t", "\\r", "\\ ", "\\_", "\\N", "\\L", "\\P", "\\v", "\\f", "\\e", "\\0", "\\a", "\\b")


class SourceSpan(NamedTuple):
    """A value as it is written: from `start` to `end` in the file's characters. `style`: YAML's, "" for plain and no text."""

    start: int
    end: int
    style: str = ""


@dataclass(frozen=True)
class Places:
    """Where everything in a file stands; empty for a policy that is not from a file.

    Attributes:
        text: the file's.
        names: where the name of every field begins, by path; of list entries, where the entry does.
        values: every value.
    """

    text: str = ""
    names: dict[FieldPath, int] = field(default_factory=dict)
    values: dict[FieldPath, SourceSpan] = field(default_factory=dict)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer(r"\r\n|\n|\r", self.text))]

    def at(self, index: int) -> Place:
        """Line and column of one character."""
        line = bisect_right(self._line_starts, index)
        return Place(line, index - self._line_starts[line - 1] + 1)

    def of_name(self, path: FieldPath) -> Place | None:
        """Where the field's name stands, or that of the closest field around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.names:
                return self.at(self.names[path[:length]])
        return None

    def of_value(self, path: FieldPath) -> Place | None:
        """Where the field's value begins; if it has none, where the name of the closest field around it stands."""
        span = self.values.get(path)
        if span is None or span.start == span.end:  # `name:` and nothing
            return self.of_name(path)
        return self.at(span.start)

    def in_value(self, path: FieldPath, value: str, offset: int) -> Place | None:
        """Where the character `offset` of a text stands that YAML has read as `value`; its length is just behind the last one.

        YAML folds lines and takes indentation away, but leaves what is not blank: so that is counted.
        """
        span = self.values.get(path)
        if span is None:
            return self.of_name(path)
        offset = min(offset, len(value.rstrip()))
        wanted = sum(not character.isspace() for character in value[:offset])
        written = self._written(span)
        if offset < len(value) and not value[offset].isspace() and wanted < len(written):
            return self.at(written[wanted][0])
        if 0 < wanted <= len(written):  # blank, or the end: as far behind the last character as in the value
            gap = offset - len(value[:offset].rstrip())
            return self.at(min(written[wanted - 1][1] + gap, len(self.text)))
        return self.of_value(path)

    def _written(self, span: SourceSpan) -> list[tuple[int, int]]:
        """(start, end) of every character that is not blank, as it is written."""
        start, end = span.start, span.end
        if span.style in ("|", ">"):
            start = next((i + 1 for i in range(start, end) if self.text[i] in "\r\n"), end)  # behind the header
        elif span.style:
            start, end = start + 1, end - 1
        found = []
        while start < end:
            width, blank = 1, self.text[start].isspace()
            if span.style == "'" and self.text[start] == "'":
                width = 2
            elif span.style == '"' and (escape := _ESCAPE.match(self.text, start, end)):
                width = len(escape.group())
                blank = width > 1 and (escape.group()[1] in "\r\n" or escape.group() in _BLANK_ESCAPES)
            if not blank:
                found.append((start, start + width))
            start += width
        return found
