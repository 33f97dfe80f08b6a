"""Run a module of this project in a fresh process: with its own environment, its own peak of memory, nothing warmed up.

The parent sends one JSON object, the child answers with one. No torch here: a child may want to see memory before it loads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def call(module: str, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `serve` of that module answers. Raises RuntimeError with the end of its errors if it fails."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path} | dict(environment or {}),
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed with {done.returncode}: {done.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def serve(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """In the child: read the job, do it, answer."""
    print(json.dumps(work(json.load(sys.stdin))))


def threads_environment(threads: int) -> dict[str, str]:
    """What has the libraries start that many threads."""
    return dict.fromkeys(_THREADS, str(threads))


def pin(threads: int) -> int:
    """In the child, first of all: use that many processors; tiles are coded on as many as there are. Returns how many it has."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    return len(os.sched_getaffinity(0))
