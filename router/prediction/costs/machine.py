"""What a measurement depends on: this machine, and the versions of what was measured."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path

from router.codecs import registry
from router.codecs.versions import package
from router.prediction.costs.model import CODEC, Machine


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
    if kind != CODEC:  # our own code in OpenCV and numpy
        return {name: package(name) for name in ("codec-router", "opencv-python-headless", "numpy")}
    try:
        return dict(registry.get(name).libraries())
    except Exception:  # a codec of somebody else's may fail in any way
        return {}


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
