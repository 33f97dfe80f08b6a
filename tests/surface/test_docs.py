"""What README.md and docs/ show is what there is: Python examples run, commands and options exist, names resolve."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main
from PIL import Image
from sample_set import Samples

import router
from router.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\n$")
"""Before a block that needs what is not here: a server, somebody's data."""
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks of these languages that are not marked."""
    text = page.read_text(encoding="utf-8")
    return [found[2] for found in FENCED.finditer(text) if found[1] in languages and not NOT_RUN.search(text[: found.start()])]


README = ROOT / "README.md"
WITH_PYTHON = [page for page in PAGES if page != README and _blocks(page, "python")]


@pytest.fixture
def desk(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the examples name."""
    with Image.open(samples["photo_cat"]) as cat:
        small = cat.convert("RGB").crop((0, 0, 192, 128))
    for name in ("cat.png", "image.png", "scan.tif"):
        small.save(tmp_path / name)
    (tmp_path / "photos").mkdir()
    shutil.copy(samples["portrait_hopper"], tmp_path / "photos" / "hopper.jpg")
    (policy,) = [block for block in _blocks(ROOT / "docs" / "guide" / "policies.md", "yaml") if "name: shop" in block][:1]
    (tmp_path / "shop.yaml").write_text(policy, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_python_examples_run(page: Path, desk: Path) -> None:
    request = SimpleNamespace(body=(desk / "cat.png").read_bytes(), headers={"Accept": "image/avif,image/webp,image/*"})
    names: dict[str, Any] = {"__name__": "example", "request": request}
    for number, block in enumerate(_blocks(page, "python")):
        exec(compile(block, f"{page.name}, example {number + 1}", "exec"), names)


def test_the_readme_runs_twice(desk: Path) -> None:
    """As it is, in one file: nobody copies the lines one by one, and an output is there already the second time."""
    script = "\n".join(_blocks(README, "python"))
    for _ in range(2):
        exec(compile(script, "README.md", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_whole(page: Path) -> None:
    """No mark of a merge, no fence that does not end, no table without its head."""
    lines, fenced = page.read_text(encoding="utf-8").splitlines(), False
    for number, line in enumerate(lines, 1):
        assert not re.match("(<{7}|={7}$|>{7})", line), number
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and line.startswith("| ") and not lines[number - 2].startswith("|"):
            assert re.fullmatch(r"\|[-: |]+\|", lines[number]), number
        elif not fenced and re.fullmatch(r"\|[-: |]+\|", line):
            assert lines[number - 2].startswith("|"), number
    assert not fenced


def test_few_examples_are_not_run() -> None:
    marked = [found for page in PAGES for found in re.findall(r"<!-- not run: (.+?) -->", page.read_text(encoding="utf-8"))]
    assert len(marked) <= 3, marked


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the words behind."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and re.fullmatch(r"[a-z-]+", words[0]) and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        assert found is not None, f"no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


def _lines(page: Path) -> list[str]:
    shown = [line for block in _blocks(page, "", "console", "sh", "bash") for line in block.splitlines()]
    inline = re.findall(r"`(codec-router [^`]+)`", page.read_text(encoding="utf-8"))
    return [*(call for line in shown for call in re.split(r"(?=\bcodec-router )", line) if "codec-router " in call), *inline]


@pytest.mark.parametrize("page", [page for page in PAGES if _lines(page)], ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    for line in _lines(page):
        words = re.sub(r"\s#\s.*", "", line).partition("codec-router ")[2].split()
        for alternative in words[1].split("|") if len(words) > 1 and "|" in words[1] else [None]:
            command, rest = _command(words if alternative is None else [words[0], alternative, *words[2:]])
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            named = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(rest))
            assert set(named) <= known | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_of_training_exist(page: Path) -> None:
    for dotted in sorted(set(re.findall(r"python -m (training[.\w]*\w)", page.read_text(encoding="utf-8")))):
        assert importlib.util.find_spec(dotted) is not None, dotted


def _code(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return "\n".join([*_blocks(page, "python"), *re.findall(r"`([^`\n]+)`", FENCED.sub("", text))])


def test_what_the_readme_names_is_there_after_import_router() -> None:
    for dotted in sorted(set(re.findall(r"\brouter(?:\.[A-Za-z_]+)+", _code(ROOT / "README.md")))):
        found: Any = router
        for name in dotted.split(".")[1:]:
            found = getattr(found, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_the_docs_resolve(page: Path) -> None:
    for dotted in sorted(set(re.findall(r"(?<![\w./])router(?:\.[A-Za-z_]+)+(?!\.?[\w/])", _code(page)))):
        if not dotted.endswith(".py"):
            pkgutil.resolve_name(dotted)


def test_generated_tables_are_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [page for page in generate.TABLES if generate.page_with_tables(page) != (ROOT / "docs" / page).read_text("utf-8")]
    assert not stale, f"python docs/generate.py writes {stale}"
    assert all(f"codec-router {name}" in generate.commands() for name in ("compress", "policies check", "models migrate"))


def test_every_reason_says_what_it_means_and_what_to_do() -> None:
    for code in router.ReasonCode:
        assert code.meaning.endswith("."), code
        assert code.way_out, code
        assert router.ReasonCode(code.value) is code


def test_results_stand_between_marks_of_their_page(tmp_path: Path) -> None:
    from training.results.page import put

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a:begin -->\nold\n<!-- a:end -->\nafter\n", encoding="utf-8")
    put(page, "a", "new\n")
    assert page.read_text(encoding="utf-8") == "before\n<!-- a:begin -->\nnew\n<!-- a:end -->\nafter\n"
    for name, text in (("b", "new"), ("a", " ")):
        with pytest.raises(SystemExit):
            put(page, name, text)
