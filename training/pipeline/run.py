"""Running a plan: each step whose inputs have changed, until one fails."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from training.pipeline.journal import StepJournal
from training.pipeline.step import Step

Tell = Callable[[str], None]


class StepFailedError(RuntimeError):
    """A command of a step ended with an error; `code` is its exit status."""

    def __init__(self, step: Step, command: Sequence[str], code: int) -> None:
        super().__init__(f"{step.name} failed ({code}): python {shlex.join(command)}; the same call goes on from this step")
        self.code = code


def run(steps: Sequence[Step], file: Path, *, again: Collection[str] = (), tell: Tell = print) -> None:
    """Run what is not done, and keep the journal in `file`.

    `again`: names of steps to run although nothing has changed. Raises StepFailedError.
    """
    journal = StepJournal.read(file)
    for step in steps:
        why = "asked for" if step.name in again else journal.reason(step)
        if why is None:
            done = journal.steps[step.name]
            tell(f"{step.name}: unchanged since {done.finished:%Y-%m-%d %H:%M} UTC ({done.seconds:.0f} s)")
            continue
        tell(f"{step.name}: {why}; {step.duration or 'no estimate'}")
        fingerprint, began = step.fingerprint(), time.monotonic()
        for command in step.commands:
            tell(f"  python {shlex.join(command)}")
            code = subprocess.run([sys.executable, *command], check=False).returncode
            if code:
                raise StepFailedError(step, command, code)
        journal.add(file, step, fingerprint, time.monotonic() - began)


def described(steps: Sequence[Step], file: Path) -> list[str]:
    """What a run would do, line by line: step, why, duration, commands, what it needs and writes."""
    journal, lines = StepJournal.read(file), []
    for step in steps:
        lines.append(f"{step.name}: {journal.reason(step) or 'done'}; {step.duration}")
        lines += [f"  python {shlex.join(command)}" for command in step.commands]
        lines += [f"  needs {path}{'' if path.exists() else ' (missing)'}" for path in step.inputs]
        lines += [f"  writes {path}" for path in step.outputs]
    return lines
