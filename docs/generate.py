"""Tables and pages of the documentation that the code writes.

python docs/generate.py                      puts the tables into the pages of docs/
python docs/generate.py --gather FOLDER      what the site is built from: docs/, the reference of the commands, and
                                             the pages that lie at the top of the repository
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import typer.main

from router import errors
from router.cli.main import app
from router.http_status import BY_CLASS, BY_CODE, NOT_ACCEPTABLE, http_status
from router.policy.inputs import markdown_table
from router.reasons import SECTIONS, ReasonCode

DOCS = Path(__file__).parent
ELSEWHERE = {
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
    "training/README.md": "training.md",
    "training/RUNS.md": "runs.md",
}
"""Files outside docs/, and the pages that they become."""


def reasons() -> str:
    """Every reason code with its meaning and way out, by section."""
    first = {code: name for name, code in SECTIONS.items()}
    lines = []
    for code in ReasonCode:
        if code in first:
            lines += ["", f"## {first[code]}", "", "| code | meaning | way out |", "|---|---|---|"]
        lines.append(f"| `{code}` | {_cell(code.meaning)} | {_cell(code.way_out)} |")
    return "\n".join(lines).strip()


def exceptions() -> str:
    """The tree of errors: class, built-in exception, exit code, meaning."""
    lines = ["| exception | also | exit code | meaning |", "|---|---|---|---|"]
    for kind, depth in _tree(errors.RouterError, 0):
        own = (base.__name__ for base in kind.__bases__ if not issubclass(base, errors.RouterError) and base is not Exception)
        meaning = (kind.__doc__ or "").strip().split("\n")[0]
        indent = "&emsp;" * depth
        lines.append(
            f"| {indent}`{kind.__name__}` | {', '.join(f'`{name}`' for name in own)} | {kind.exit_code} | {_cell(meaning)} |"
        )
    return "\n".join(lines)


def statuses() -> str:
    """Which status an error is answered with."""
    lines = ["| status | | answered to |", "|---|---|---|"]
    known = {NOT_ACCEPTABLE, http_status(Exception()), *BY_CODE.values(), *(status for _, status in BY_CLASS)}
    whose: dict[int, list[str]] = {status: [] for status in sorted(known)}
    for code, status in BY_CODE.items():
        whose[status].append(f"`{code}`")
    for kind, status in BY_CLASS:
        whose[status].append(f"`{kind.__name__}`")
    whose[NOT_ACCEPTABLE].append("`NoLaneError` that names codecs in `receiver_refuses`")
    whose[http_status(Exception())].append("every other exception")
    lines += [f"| {status} | {HTTPStatus(status).phrase} | {', '.join(names)} |" for status, names in whose.items()]
    return "\n".join(lines)


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "reference/policy-inputs.md": {"inputs": markdown_table},
    "reference/reasons.md": {"reasons": reasons},
    "reference/errors.md": {"exceptions": exceptions, "statuses": statuses},
}
"""By page: the table between the marks of a name."""


def page_with_tables(page: str) -> str:
    """The text of a page of docs/ with its tables as the code has them now."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, table in TABLES[page].items():
        begin, end = (f"<!-- {name}:{which} -->" for which in ("begin", "end"))
        before, rest = text.split(f"{begin}\n")
        text = f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"
    return text


def commands() -> str:
    """Every command with its arguments and options, as `--help` says them."""
    lines = ["# Commands", "", "What `--help` says of each command; [command line](../guide/command-line.md) is a way in."]
    for name, command in _commands("codec-router", typer.main.get_command(app)):
        context = command.make_context(name, [], resilient_parsing=True)
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [
            "",
            f"## {name.removeprefix('codec-router ')}",
            "",
            f"```\n{name} {usage}\n```",
            "",
            _paragraphs(command.help or ""),
            "",
        ]
        shown.sort(key=lambda parameter: parameter.param_type_name != "argument")
        rows = [row for parameter in shown if (row := _parameter(parameter, context)) is not None]
        if rows:
            lines += ["| argument or option | | |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
    else:
        for child, found in children.items():
            yield from _commands(f"{name} {child}", found)


def _parameter(parameter: Any, context: Any) -> str | None:
    text = _cell(getattr(parameter, "help", None) or "")
    if parameter.param_type_name == "argument":
        return f"| `{parameter.name}` | | {text} |"
    if parameter.get_help_record(context) is None:
        return None
    default = parameter.default
    known = not (default is None or default is False or callable(default) or default in ((), []))
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names} | {f'`{default}`' if known else ''} | {text} |"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))


def _tree(kind: type[errors.RouterError], depth: int) -> Iterator[tuple[type[errors.RouterError], int]]:
    yield kind, depth
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def gather(target: Path) -> None:
    """Everything that the site is built from into the folder `target`, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(DOCS, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (target / "reference" / "commands.md").write_text(commands(), encoding="utf-8")
    for source, page in ELSEWHERE.items():
        text = (DOCS.parent / source).read_text(encoding="utf-8")
        (target / page).write_text(text.replace("](docs/", "]("), encoding="utf-8")
    for path in target.rglob("*.md"):
        path.write_text(_linked(path.read_text(encoding="utf-8"), path.relative_to(target)), encoding="utf-8")


def _linked(text: str, page: Path) -> str:
    """Links to files outside docs/ go to their pages."""
    up = "../" * (len(page.parts) - 1)
    for source, target in ELSEWHERE.items():
        text = re.sub(rf"\]\((?:\.\./)*{re.escape(source)}", f"]({up}{target}", text)
    return re.sub(r"\]\((?:\.\./)*README\.md(?:#[\w-]+)?\)", f"]({up}index.md)", text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Put the tables into the pages, or gather what the site is built from."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--gather", type=Path, metavar="FOLDER", help="gather there what the site is built from, and change no page")
    target = ap.parse_args(arguments).gather
    if target is not None:
        gather(target)
        return
    for page in TABLES:
        text = page_with_tables(page)
        (DOCS / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
