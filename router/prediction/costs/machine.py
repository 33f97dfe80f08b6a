"""What a measurement depends on: this machine, and the versions of what was measured."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from router.codecs import registry
from router.errors import RouterError
from router.prediction.costs.model import CODEC, Machine

_OURS = "codec-router"
_PILLOW = {"jpeg": "jpg", "webp": "webp", "webp-lossless": "webp", "avif": "avif", "png": "zlib"}
"""The library inside Pillow that does the work, as `PIL.features` names it."""
_PACKAGES = {
    "jxl": ("pillow-jxl-plugin",),
    "jxl-lossless": ("pillow-jxl-plugin",),
    "jxl-transcode": ("pillow-jxl-plugin",),
    "ncr": (_OURS, "torch", "constriction"),
}


def this_machine() -> Machine:
    """The machine as this process may use it."""
    return Machine(_processor(), platform.machine(), usable_cpus(), os.environ.get("OMP_NUM_THREADS", ""))


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def torch_threads() -> int | None:
    """Threads that torch computes with, None where it is not loaded; it is not loaded to find out."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())


def versions(kind: str, name: str) -> dict[str, str]:
    """What an entry of this kind and name was, or would be, measured with. Raises nothing: what is not known is left out."""
    return dict(_versions(kind, name, _model_sha256() if name == "ncr" else None))


@cache
def _versions(kind: str, name: str, model: str | None) -> dict[str, str]:
    if kind != CODEC:  # our own code in OpenCV and numpy
        return {p: _installed(p) for p in (_OURS, "opencv-python-headless", "numpy")}
    if name in _PILLOW:
        from PIL import features

        return {"pillow": _installed("pillow"), _PILLOW[name]: str(features.version(_PILLOW[name]) or "")}
    if name in _PACKAGES:
        found = {p: _installed(p) for p in _PACKAGES[name]}
        return found if model is None else {**found, "model": model}
    for entry in entry_points(group=registry.GROUP, name=name):
        if entry.dist is not None:
            return {entry.dist.name: entry.dist.version}
    return {}


def _model_sha256() -> str | None:
    """Hash of the weights that a neural encoding would use, from their card; the card alone is read."""
    from router.codecs.neural.weights import find_model

    try:
        return find_model(str(registry.get("ncr").get_config()["model"])).sha256
    except RouterError:
        return None


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def _processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
