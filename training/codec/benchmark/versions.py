"""What a measured value depends on beside image and setting, as short fingerprints: libraries, tools and our own code.

Comments and formatting do not count: the syntax tree is hashed, not the text.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import features

import router

_ROOT = Path(router.__file__).parent


@cache
def libraries() -> dict[str, str]:
    """Versions of the libraries that make the streams and the scores."""
    names = ("numpy", "pillow", "pillow-jxl-plugin", "opencv-python-headless", "torch", "constriction")
    found = {name: version(name) for name in names}
    return found | {f"pillow {name}": str(features.version(name)) for name in ("avif", "webp", "libjpeg_turbo")}


def classical() -> str:
    """For codecs beside the neural one."""
    return _digest(_sources(_ROOT.glob("codecs/*.py")), _only("numpy", "pillow"))


def neural(model_sha256: str) -> str:
    """For one neural model."""
    code = _sources([*_ROOT.glob("codecs/neural/*.py"), _ROOT / "container.py"])
    return _digest(model_sha256, code, _only("numpy", "torch", "constriction"))


def metrics() -> str:
    """For the metrics of `router/quality`."""
    files = (_ROOT / "quality" / name for name in ("metrics.py", "msssim.py", "ssimulacra2.py"))
    return _digest(_sources(files), _only("numpy", "opencv"))


def tool(binary: Path) -> str:
    """For an external program: the hash of its file."""
    return hashlib.sha256(binary.read_bytes()).hexdigest()[:16]


def _only(*prefixes: str) -> dict[str, str]:
    return {name: value for name, value in libraries().items() if name.startswith(prefixes)}


def _sources(files: Iterable[Path]) -> dict[str, str]:
    return {file.name: hashlib.sha256(ast.dump(ast.parse(file.read_bytes())).encode()).hexdigest() for file in sorted(files)}


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
