"""The structure of the package: every room imports from the rooms below it only, and no module is in a circle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import router
from router.codecs import registry

ROOT = Path(router.__file__).parent
FLOORS = (
    ("process", "reasons"),
    ("errors",),
    ("extras",),
    ("http_status", "limits", "record"),
    ("containers", "files"),
    ("ncr_info",),
    ("artefacts", "encoded", "images"),
    ("codecs", "folders", "sinks"),
    ("decoding", "detector", "quality", "testing"),
    ("archive", "display", "policy"),
    ("comparison", "prediction"),
    ("inventory", "routing"),
    ("api", "batch", "evaluation"),
    ("migrate", "ncr_writing"),
    ("cli", "imageio", "pillow"),
    ("__main__",),
)
"""Modules and packages directly in `router`, from the ground up; `router` itself takes names from all of them on use."""
HOOKS = ("_repr_html_", "_repr_png_")
"""Functions by which a value shows itself in a notebook: what they import is above it, and loaded when it is shown."""


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("router", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(module: str) -> Iterator[str]:
    """Modules of this package that `module` imports when it runs, at its top or in functions other than HOOKS."""
    waiting: list[ast.AST] = [ast.parse(MODULES[module].read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) and node.name in HOOKS:
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] == "router":
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_its_floor() -> None:
    rooms = {room(module) for module in MODULES if module != "router"}
    assert rooms == {name for floor in FLOORS for name in floor}


@pytest.mark.parametrize("name", [name for floor in FLOORS for name in floor])
def test_a_room_imports_from_below_only(name: str) -> None:
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    upward = {
        (module, other)
        for module in MODULES
        if module != "router" and room(module) == name
        for other in imports(module)
        if other != "router" and room(other) != name and floor_of[room(other)] >= floor_of[name]
    }
    assert not upward


def test_no_module_is_in_a_circle() -> None:
    graph = {
        # A package takes names from its own modules to offer them; that is no way back.
        module: {other for other in imports(module) if other not in (module, "router") and not other.startswith(f"{module}.")}
        for module in MODULES
        if module != "router"
    }
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


FORMATS = ("containers", "images")
"""Here "ncr" names a file format, which is one whatever the codec."""


def test_no_codec_is_told_by_its_id_outside_the_codecs() -> None:
    ids = set(registry.BUILTIN) - {"png", "jpeg", "webp", "avif", "jxl"}  # these are names of source formats too
    found = [
        f"{module}:{node.lineno}"
        for module, path in MODULES.items()
        if module != "router" and room(module) not in ("codecs", *FORMATS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(part, ast.Constant) and part.value in ids for part in (node.left, *node.comparators))
    ]
    assert not found


def test_a_public_class_name_means_one_thing() -> None:
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}
