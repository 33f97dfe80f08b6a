"""What a measured value depends on beside image and setting: our own code, libraries, weights and tools, as short hashes.

Code counts by what it does. Source files are parsed, docstrings and other bare strings are taken out, and what Python prints of
the rest is hashed: a changed comment, docstring or line break invalidates nothing, any other change does, and nobody has to
raise a number. Between versions of Python the printed form may differ, so that points are measured again.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import router
from router.artefacts import GUARDS
from router.codecs.base import Codec

_ROOT = Path(router.__file__).parent
_CODEC_CODE = ("router.codecs.", "router.containers.ncr", "router.process.kernels")
"""Modules of ours that the bytes of a file depend on, where a codec imports them."""
_SCORING_CODE = (
    "quality/metrics.py",
    "quality/msssim.py",
    "quality/ssimulacra2.py",
    "quality/tiles.py",
    "evaluation/measure/scoring.py",
    "evaluation/measure/ms_ssim_tiles.py",
)


def code(*paths: Path) -> str:
    """The fingerprint of Python files, and of all Python files below folders. Raises SyntaxError, OSError."""
    files = sorted(file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path]))
    return _digest([[file.name, _behaviour(file)] for file in files])


def of_codec(codec: Codec) -> str:
    """The fingerprint of what a codec's files depend on.

    It covers configuration, weights, libraries, and the codec's code with all that it imports of ours.
    """
    libraries = {name: found for name, found in codec.libraries().items() if name not in ("codec-router", "model")}
    return _digest(codec.get_config(), codec.version(), libraries, _codec_code(type(codec).__module__))


@cache
def of_metrics() -> str:
    """The fingerprint of what the metrics depend on."""
    files = [_ROOT / name for name in _SCORING_CODE]
    return _digest(code(*files), packages("numpy", "opencv-python-headless"))


@cache
def of_guard() -> str:
    """The fingerprint of what the guard's verdict depends on: its code and all calibrations."""
    calibrations = {str(file.relative_to(GUARDS)): of_file(file) for file in sorted(GUARDS.rglob("*.json"))}
    return _digest(code(_ROOT / "quality" / "guard", _ROOT / "evaluation" / "measure" / "guarded.py"), calibrations)


def of_file(file: Path) -> str:
    """The fingerprint of a file's contents, whatever they are."""
    return of_bytes(file.read_bytes())


def of_bytes(data: bytes) -> str:
    """The fingerprint of these bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def packages(*names: str) -> dict[str, str]:
    """Installed versions by package."""
    return {name: _installed(name) for name in names}


def run_facts() -> dict[str, str]:
    """Versions of what a report was made with, by package."""
    names = ("codec-router", "numpy", "pillow", "pillow-jxl-plugin", "opencv-python-headless", "torch", "constriction", "scipy")
    return packages(*names, "pandas", "pyarrow")


@cache
def _codec_code(module: str) -> str:
    """The fingerprint of a module and, over any number of steps, of what it imports among `_CODEC_CODE`."""
    files: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        spec = find_spec(name)
        if name in files or spec is None or spec.origin is None:
            continue
        files[name] = Path(spec.origin)
        waiting += [n for n in _imported(ast.parse(files[name].read_bytes())) if n.startswith(_CODEC_CODE)]
    return _digest([[name, _behaviour(file)] for name, file in sorted(files.items())])


def _imported(tree: ast.AST) -> Iterable[str]:
    """Modules that are imported anywhere in a file; of `from a import b` both `a` and, if it is a module, `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            folder = _ROOT.parent.joinpath(*node.module.split("."))
            yield from (f"{node.module}.{alias.name}" for alias in node.names if (folder / f"{alias.name}.py").exists())


@cache
def _behaviour(file: Path) -> str:
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not _is_bare_string(s)] or [ast.Pass()]  # type: ignore[attr-defined]
    return _digest(ast.unparse(tree))


def _is_bare_string(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
    )


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
