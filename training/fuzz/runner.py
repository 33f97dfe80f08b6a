"""Runs a target on many inputs and keeps what it should not have done."""

from __future__ import annotations

import hashlib
import resource
import signal
import time
import traceback
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType

from training.fuzz.mutation import inputs
from training.fuzz.target import FuzzTarget

HANG_SECONDS = 5
"""CPU time of one input from which on it counts as a hang."""
MEMORY_MB = 1024
"""Growth of the process from which on an input counts as one that takes memory."""


class HangError(BaseException):
    """An input took HANG_SECONDS of CPU time. No Exception: nothing that is tested may catch it."""


@dataclass
class Findings:
    """What came of a run.

    Attributes:
        inputs: how many were tried.
        failures: by what happened and where: the shortest input that did it, and the last line of its traceback.
        slowest: most CPU seconds of one input.
        grown_mb: how much the process grew, at its peak.
    """

    inputs: int = 0
    failures: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    slowest: float = 0.0
    grown_mb: int = 0

    def add(self, key: str, data: bytes, text: str) -> None:
        """One failure; of several of one kind the shortest input is kept."""
        if key not in self.failures or len(data) < len(self.failures[key][0]):
            self.failures[key] = (data, text)

    def save(self, folder: Path) -> None:
        """Each input in a file of its own, beside what it did."""
        folder.mkdir(parents=True, exist_ok=True)
        for key, (data, text) in self.failures.items():
            name = hashlib.sha256(key.encode()).hexdigest()[:12]
            (folder / name).write_bytes(data)
            (folder / f"{name}.txt").write_text(text, "utf-8", "backslashreplace")


def run(target: FuzzTarget, *, seed: int = 0, most: int | None = None, seconds: float | None = None) -> Findings:
    """Try inputs until `most` are tried or `seconds` are over. Call it in the main thread: hangs are ended by a signal."""
    found, began, before = Findings(), time.monotonic(), _peak()
    previous = signal.signal(signal.SIGVTALRM, _hang)
    try:
        for number, data in zip(count(), inputs(target, seed), strict=False):
            if number == most or (seconds is not None and time.monotonic() - began > seconds):
                break
            _try(target, data, found)
            grown = _peak() - before
            if grown - found.grown_mb > MEMORY_MB:
                found.add("memory", data, f"{grown} MB more than at the start")
            found.grown_mb = grown
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
    return found


def _try(target: FuzzTarget, data: bytes, found: Findings) -> None:
    found.inputs += 1
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    try:
        target.run(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        found.add(f"{type(error).__name__} {where}", data, "".join(traceback.format_exception(error)))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    found.slowest = max(found.slowest, time.process_time() - began)


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError(f"{HANG_SECONDS} s of CPU time")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
