"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from PIL import features

from router.codecs.neural.network import computes_in_bf16

_PACKAGES = ("torch", "numpy", "constriction", "pillow", "compressai")


def facts() -> dict[str, Any]:
    """Processor, instruction sets and versions, as this process has them."""
    has = torch.cpu.get_capabilities()
    return {
        "processor": has.get("cpu_name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory": _memory(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "instructions": sorted(
            name for name, value in has.items() if value is True and name.startswith(("avx", "amx", "fma", "sve"))
        ),
        "bf16_analysis": computes_in_bf16(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES} | {"libavif": str(features.version("avif"))},
    }


def _memory() -> int | None:
    """Bytes."""
    file = Path("/proc/meminfo")
    return int(file.read_text().split()[1]) * 1024 if file.exists() else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
