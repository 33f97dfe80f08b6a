"""What is wrong with a condition, in words for people: the CEL library's messages with a position and a way out.

Operators of other languages (`and`, `=`, `not in`, `True`) are found first, by the condition's words; with them put right, the
library is asked again, so that unknown inputs and wrong types show in the same answer.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from router.codecs.options import shortened_text
from router.policy.inputs import GROUPS, INPUTS
from router.policy.problems import ProblemCode

NOT_NULL = "Nothing is null: an input that may be unknown has a bool beside it that tells, such as ood.available"
MAX_MISTAKES = 20
"""Of one condition."""

FUNCTIONS = (
    "all", "contains", "double", "dyn", "endsWith", "exists", "exists_one", "filter", "has", "int", "map", "matches", "size",
    "startsWith", "string", "type", "uint", "bool",
)  # fmt: skip

_OTHERS = {"len": "size", "length": "size", "count": "size", "includes": "contains", "any": "exists", "float": "double",
           "str": "string", "match": "matches", "starts_with": "startsWith", "ends_with": "endsWith"}  # fmt: skip


class CelMistake(NamedTuple):
    """One mistake. `line` and `column` of the condition, from 1; None where they are not known."""

    code: ProblemCode
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


_TOKENS = re.compile(
    r"""(?P<gap>(?:\s|//[^\n]*)+)
      | (?P<text>[bBrR]{0,2}(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<quoted>[\u201c\u201d\u201e][^\u201c\u201d\u201e\n"]*[\u201c\u201d]
                 | [\u2018\u2019\u201a][^\u2018\u2019\u201a\n']*[\u2018\u2019])
      | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
      | (?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
      | (?P<sign>===|!==|==|!=|<=|>=|=>|=<|<>|&&|\|\||\*\*|[\s\S])""",
    re.VERBOSE,
)
_SIGNS = {"=": "==", "===": "==", "!==": "!=", "=>": ">=", "=<": "<=", "<>": "!=", "&": "&&", "|": "||"}
_WORDS = {"and": "&&", "or": "||", "not": "!", "is": "=="}
_LITERALS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
_NULLS = ("None", "NULL", "Null", "nil", "undefined", "NaN", "nan")


def foreign(text: str) -> tuple[list[CelMistake], str, list[int]]:
    """(mistakes, the condition with them put right, for each of its characters the offset in `text` that it stands for).

    Only for a condition that does not compile: a variable of a loop may be called `is`.
    """
    tokens = [_Token(found.lastgroup or "", found.group(), found.start()) for found in _TOKENS.finditer(text)]
    edits: dict[int, tuple[_Token, str]] = {}
    mistakes: list[CelMistake] = []
    solid = [token for token in tokens if token.kind != "gap"]
    for index, token in enumerate(solid):
        if token.start in edits:
            continue
        before = solid[index - 1] if index else None
        after = solid[index + 1 : index + 5]
        if before is not None and before.text == ".":
            continue
        for at, (replaced, by) in enumerate(_edits(token, after, solid, index)):
            edits[replaced.start] = (replaced, by)
            if at == 0:
                mistakes.append(_at(text, token.start, *_words_for(token, after, by)))
    right, origin = [], []
    for token in tokens:
        _, new = edits.get(token.start, (token, token.text))
        right.append(new)
        origin += [min(token.start + offset, max(token.end - 1, token.start)) for offset in range(len(new))]
    return mistakes, "".join(right), origin


def _edits(token: _Token, after: list[_Token], solid: list[_Token], index: int) -> Iterator[tuple[_Token, str]]:
    """What to write in place of a token, and of some behind it; nothing where it is right."""
    following = after[0].text if after else ""
    word = token.text.lower()
    if token.kind == "quoted":
        yield token, f'"{token.text[1:-1]}"'
    elif token.kind == "sign" and token.text in _SIGNS:
        yield token, _SIGNS[token.text]
    elif token.kind != "name" or (following == "(" and word not in (*_WORDS, "in")):
        return
    elif word == "not" and following == "in":
        yield token, ""
    elif word == "is" and following.lower() == "not":
        yield token, "!="
        yield after[0], ""
    elif word in _WORDS:
        yield token, _WORDS[word]
    elif token.text in _LITERALS:
        yield token, _LITERALS[token.text]
    elif token.text in _NULLS:
        yield token, "null"
    elif word == "between" and len(after) > 2 and after[1].text.lower() in ("and", "&&"):
        yield token, ">="
        yield after[1], ""
        yield after[2], ""
    elif token.text == "in" and following == "(":
        closing = _closing(solid, index + 1)
        if closing is not None and any(other.text == "," for other in solid[index + 2 : closing]):
            yield token, "in"
            yield solid[index + 1], "["
            yield solid[closing], "]"


def _closing(tokens: list[_Token], opening: int) -> int | None:
    depth = 0
    for index in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[index].text, 0)
        if depth == 0:
            return index
    return None


def _words_for(token: _Token, after: list[_Token], by: str) -> tuple[ProblemCode, str, str]:
    written = token.text
    following = after[0].text if after else ""
    word = written.lower()
    if token.kind == "quoted":
        return ProblemCode.CEL_SYNTAX, "Syntax error: typographic quotes", f"Write straight ones: {shortened_text(by, 80)}"
    if word == "not" and following == "in":
        return ProblemCode.CEL_SYNTAX, "Syntax error: `not in` is no operator of CEL", "Write !(x in list)"
    if word == "is" and by == "!=":
        return ProblemCode.CEL_SYNTAX, "Syntax error: `is not` is no operator of CEL", "Write !="
    if word == "between":
        return ProblemCode.CEL_SYNTAX, "Syntax error: `between` is no operator of CEL", "Write x >= 1 && x <= 9"
    if written == "in":
        return ProblemCode.CEL_SYNTAX, "Syntax error: a list in round brackets", "Write square ones: x in [1, 2]"
    if written in _NULLS:
        return ProblemCode.UNKNOWN_INPUT, f"unknown input {written!r}", NOT_NULL
    if written in _LITERALS:
        return ProblemCode.UNKNOWN_INPUT, f"unknown input {written!r}", f"Write {by}"
    return ProblemCode.CEL_SYNTAX, f"Syntax error: `{written}` is no operator of CEL", f"Write {by}"


_ERROR = re.compile(r"^ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'$")
_UNEXPECTED = re.compile(r"(?:mismatched|extraneous|no viable alternative at) input '(.*?)'(?: expecting .*)?$", re.DOTALL)
_UNREADABLE = re.compile(r"token recognition error at: '(.*)'$", re.DOTALL)


def explained(message: str, text: str, names: Collection[str]) -> list[CelMistake]:
    """The library's message in our words, a mistake for each of its errors that is not a consequence of another.

    `text`: the condition it is about; `names`: the declared inputs.
    """
    found = _ERROR.findall(message.partition("INVALID_ARGUMENT: ")[2] or message)
    if not found:
        return [CelMistake(ProblemCode.CEL_SYNTAX, message.removesuffix("]").rpartition(" [")[0] or message)]
    mistakes: list[CelMistake] = []
    for row, column, problem in found[: 4 * MAX_MISTAKES]:
        offset = _offset(text, int(row), int(column))
        syntax = problem.startswith(("Syntax error", "reserved identifier"))
        if syntax or int(row) < 1:
            if not mistakes:  # what comes after the first one is what the parser made of it
                mistakes.append(_at(text, offset, ProblemCode.CEL_SYNTAX, *_syntax(problem, text, offset)))
        elif undeclared := _UNDECLARED.match(problem):
            mistakes += _undeclared(undeclared.group(1), text, offset, names)
        elif overload := _OVERLOAD.match(problem):
            mistakes.append(
                _at(text, offset, ProblemCode.CEL_TYPE, *_overload(overload.group(1), overload.group(2), text, offset))
            )
        else:
            mistakes.append(_at(text, offset, ProblemCode.CEL_TYPE, problem))
    return list(dict.fromkeys(mistakes))[:MAX_MISTAKES]


def not_bool(kind: str, text: str) -> CelMistake:
    """A condition whose value is no bool."""
    name = text.strip()
    known = INPUTS.get(name)
    example = {"int": f"{name} > 0", "double": f"{name} > 0.5", "string": f'{name} == "..."'}.get(known.type if known else "", "")
    hint = f"Compare it with something: {example}" if example else "Compare it with something: ==, !=, <, <=, >, >=, in"
    return CelMistake(ProblemCode.CEL_TYPE, f"a condition must be bool, this is {kind}", hint, 1, 1)


def moved(mistakes: list[CelMistake], right: str, text: str, origin: list[int]) -> list[CelMistake]:
    """Mistakes in a corrected condition with their positions in the one that was written."""
    found = []
    for mistake in mistakes:
        if mistake.line is None or mistake.column is None:
            found.append(mistake)
            continue
        offset = _offset(right, mistake.line, mistake.column)
        offset = origin[offset] if offset < len(origin) else len(text)
        found.append(_at(text, offset, mistake.code, mistake.message, mistake.hint))
    return found


def offset_of(mistake: CelMistake, text: str) -> int:
    """The character of the condition that the mistake is about; 0 where that is not known."""
    return 0 if mistake.line is None or mistake.column is None else _offset(text, mistake.line, mistake.column)


def _offset(text: str, row: int, column: int) -> int:
    lines = text.split("\n")
    if row < 1 or row > len(lines):
        return len(text)
    return min(sum(len(line) + 1 for line in lines[: row - 1]) + max(column, 1) - 1, len(text))


def _at(text: str, offset: int, code: ProblemCode, message: str, hint: str = "") -> CelMistake:
    before = text[:offset]
    return CelMistake(code, message, hint, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _syntax(problem: str, text: str, offset: int) -> tuple[str, str]:
    rest = text[offset:]
    before = text[:offset].rstrip()
    found = _UNEXPECTED.search(problem) or _UNREADABLE.search(problem)
    if "reserved identifier" in problem:
        word = problem.rpartition(" ")[2]
        hint = "A choice is written condition ? a : b" if word in ("if", "else") else "CEL keeps this word for itself"
        return f"Syntax error: `{word}` cannot be used as a name", hint
    if "<EOF>' " in problem or problem.endswith("<EOF>'"):
        return "Syntax error: something is missing at the end", _missing(problem, text)
    if not found:
        return shortened_text(problem, 200), ""
    token = re.match(r"\s*([A-Za-z_]\w*|\d[\w.]*|\S)", rest)
    word = token.group(1) if token else shortened_text(found.group(1), 40)
    number = re.search(r"(?<![\w.])[\d.]+$", before)
    if word in ("'", '"'):
        return "Syntax error: a quote is not closed", f"Text ends with the quote it begins with: {word}jpeg{word}"
    if word == "," and number and rest[1:2].isdigit():
        return "Syntax error: unexpected `,`", "Numbers have a point for fractions (0.5), and nothing between thousands (1000)"
    if number and offset == len(before) and (word[0].isalpha() or word[0] == "_"):
        plain = "Numbers have no unit and no `_`; `codec-router policies inputs` lists each input's unit"
        return f"Syntax error: unexpected `{word}` behind {number.group()}", plain
    hint = ""
    if word.lower() in ("like", "contains", "matches", "startswith", "endswith"):
        hint = 'Parts of text: text.contains("..."), text.startsWith("..."), text.matches("...")'
    elif word == ")":
        hint = "There are more closing brackets than opening ones"
    elif word == "*" and before.endswith("*"):
        hint = "There is no power; write x * x"
    elif word.lower() == "between":
        hint = "Write x >= 1 && x <= 9"
    elif word.lower() in ("then", "else"):
        hint = "A choice is written condition ? a : b"
    elif re.match(r"[A-Za-z_]", word) and re.search(r"[\w)\]'\"]$", before):
        hint = "Something is missing before it: && (and), || (or), or a comparison"
    return f"Syntax error: unexpected `{shortened_text(word, 40)}`", hint


def _missing(problem: str, text: str) -> str:
    if "missing ')'" in problem or text.count("(") > text.count(")"):
        return "A round bracket is not closed"
    if text.count("[") > text.count("]"):
        return "A square bracket is not closed"
    if "expecting ':'" in problem:
        return "A choice is written condition ? a : b"
    last = re.search(r"(&&|\|\||[-+*/%<>=!]=?|\bin)\s*$", text)
    return f"`{last.group(1)}` has nothing behind it" if last else ""


def _undeclared(name: str, text: str, offset: int, names: Collection[str]) -> Iterator[CelMistake]:
    start = offset - len(name.rpartition(".")[0])
    if text.startswith(name, start):
        offset = start
    elif text[offset : offset + 1] == "(" and text[:offset].endswith(name):
        offset -= len(name)
        method = re.search(r"([A-Za-z_]\w*)\s*\.\s*$", text[:offset])
        whole = f"{method.group(1)}.{name}" if method else ""
        if whole in names:
            message, hint = f"{whole} is an input, not a function", f"Write it without brackets: {whole}"
            yield _at(text, offset - len(whole) + len(name), ProblemCode.UNKNOWN_FUNCTION, message, hint)
        else:
            yield _at(text, offset, ProblemCode.UNKNOWN_FUNCTION, f"unknown function {name!r}", _function_hint(name))
        return
    called = re.match(r"\.([A-Za-z_]\w*)\s*\(", text[offset + len(name) :])
    if called and f"{name}.{called.group(1)}" in names:
        return  # told as a function
    yield _at(text, offset, ProblemCode.UNKNOWN_INPUT, f"unknown input {name!r}", _input_hint(name, text, offset, names))


def _function_hint(name: str) -> str:
    known = _OTHERS.get(name.lower())
    lower = {function.lower(): function for function in FUNCTIONS}
    close = (
        [known] if known else [lower[found] for found in difflib.get_close_matches(name.lower()[:64], lower, n=1, cutoff=0.75)]
    )
    return f"Did you mean {close[0]}?" if close else f"There are {', '.join(FUNCTIONS[:-1])} and {FUNCTIONS[-1]}"


def _input_hint(name: str, text: str, offset: int, names: Collection[str]) -> str:
    group, _, key = name[:128].partition(".")
    own = {declared.partition(".")[2]: declared for declared in sorted(names) if declared.startswith(f"{group}.")}
    if group in GROUPS and not key:
        joined = re.match(r"[-:/]([a-z_]+)", text[offset + len(name) :])
        if joined and joined.group(1) in own:
            return f"Did you mean {own[joined.group(1)]}?"
        return f"{group} is a group of inputs: {listed(list(own.values())[:4], 'and')} ..." if own else _DECLARE
    if own and (close := difflib.get_close_matches(key, own, n=3)):
        return f"Did you mean {listed([own[match] for match in close[:1]])}?"
    compared = re.search(r"([a-z]+\.[a-z_]+)\s*(?:==|!=|in\s*\[[^\]]*)\s*$", text[:offset])
    if not key and compared and (other := INPUTS.get(compared.group(1))) and other.type == "string":
        return f'Text is written in quotes: "{name[:64]}"'
    last = name[:128].rpartition(".")[2]
    same = [declared for declared in sorted(names) if declared.partition(".")[2] == last]
    if same:
        return f"Did you mean {listed(same[:3])}?"
    if group == "context":
        return _DECLARE
    keys: dict[str, list[str]] = {}
    for declared in sorted(names):
        keys.setdefault(declared.partition(".")[2], []).append(declared)
    close = [] if own else difflib.get_close_matches(name[:128], sorted(names), n=1, cutoff=0.7)
    close = close or [declared for match in difflib.get_close_matches(last, keys, n=2, cutoff=0.75) for declared in keys[match]]
    if close:
        return f"Did you mean {listed(close[:3])}?"
    if own and group in GROUPS:
        return f"{group} has {listed([declared.partition('.')[2] for declared in own.values()], 'and')}"
    return f"Inputs are written group.name; groups are {listed(list(GROUPS), 'and')}. `codec-router policies inputs` lists them"


_DECLARE = "Declare the key under `context:` first"


def listed(names: list[str], last: str = "or") -> str:
    """`a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


_PLACEHOLDERS = {"@in": "in", "_[_]": "[ ]", "_?_:_": "? :"}


def _overload(function: str, types: str, text: str, offset: int) -> tuple[str, str]:
    sign = _PLACEHOLDERS.get(function, function.strip("_"))
    kinds = [kind.strip() for kind in types.split(",")]
    message = f"no matching overload for `{sign}` on ({types})"
    after = text[offset + len(sign) :].lstrip() if text.startswith(sign, offset) else ""
    before = text[:offset].rstrip()
    ahead = re.match(r"-?\d[\d.eE]*", after)
    behind = re.search(r"(?<![\w.])-?\d[\d.]*$", before)
    return message, _type_hint(sign, kinds, ahead.group() if ahead else "", behind.group() if behind else "")


def _type_hint(sign: str, kinds: list[str], ahead: str, behind: str) -> str:
    pair = set(kinds)
    if "null_type" in pair or "null" in pair:
        return NOT_NULL
    number: Callable[[str], bool] = lambda kind: kind in ("int", "double", "uint")  # noqa: E731
    if len(kinds) == 2 and pair == {"int", "double"}:
        whole = ahead if kinds[1] == "int" else behind
        if whole.lstrip("-").isdigit():
            return f"Doubles are written with a point: {whole}.0"
        fraction = ahead if kinds[1] == "double" else behind
        if fraction.endswith(".0"):
            return f"The other side is an int: write {fraction.removesuffix('.0')}"
        return "Make them alike: double(x) turns an int into a double"
    if sign in ("<", "<=", ">", ">=") and kinds[0] == "bool" and number(kinds[-1]):
        return "Comparisons do not chain: write 1 < x && x < 5"
    if sign == "in" and kinds == ["string", "string"]:
        return 'Write a list, x in ["jpeg", "png"]; for a part of a text text.contains("...")'
    if sign == "in":
        return "`in` takes a value and a list of values of its type: x in [1, 2]"
    if sign in ("&&", "||", "!", "? :"):
        return f"`{sign}` takes conditions: compare the value with something, as in image.width > 1000"
    if "string" in pair and any(map(number, pair)):
        return "A number and a text: numbers are written without quotes"
    if pair == {"bool", "string"} or (sign in ("==", "!=") and "bool" in pair and any(map(number, pair))):
        return "A bool is compared with true or false, without quotes, or stands alone: image.hdr, !image.hdr"
    return "Both sides must be of one type; `codec-router policies inputs` lists the types"
