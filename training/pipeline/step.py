"""A step of the pipeline: what it runs, what it reads and what it writes; and the fingerprint of all that decides its results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router.evaluation.measure import fingerprint


@dataclass(frozen=True)
class Step:
    """Commands that make outputs from inputs.

    Attributes:
        name: e.g. "guard".
        commands: arguments of `python`, one command after the other.
        inputs: files and folders that are read; what is not there counts as such.
        outputs: files and folders that are written.
        settings: what the commands take from the configuration beside their arguments.
        code: Python files and folders of ours whose behaviour decides the results; comments do not count.
        duration: what to expect, in words.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    code: tuple[Path, ...] = ()
    duration: str = ""

    def fingerprint(self) -> str:
        """Of commands, settings, code and the contents of the inputs."""
        parts = {
            "commands": [without_machine(command) for command in self.commands],
            "settings": self.settings,
            "code": fingerprint.code(*self.code),
            "inputs": [contents(path) for path in self.inputs],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def produced(self) -> str | None:
        """Of the contents of the outputs; None if one is missing."""
        found = [contents(path) for path in self.outputs]
        return None if None in found else hashlib.sha256(json.dumps(found).encode()).hexdigest()


MACHINE = frozenset({"--threads", "--jobs", "--data", "--cache", "--out", "--weights", "--config"})
"""Options that decide how long a command takes, and where things lie: their contents count as inputs and outputs."""


def without_machine(command: tuple[str, ...]) -> list[str]:
    """A command without the options of MACHINE and their values."""
    kept, skip = [], False
    for argument in command:
        if not skip and argument not in MACHINE:
            kept.append(argument)
        skip = not skip and argument in MACHINE
    return kept


def contents(path: Path) -> str | None:
    """SHA-256 of a file, or over the names and hashes of all files below a folder; None if it is not there."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.is_dir():
        return None
    lines = [f"{file.relative_to(path).as_posix()}  {contents(file)}\n" for file in _files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (f for f in sorted(folder.rglob("*")) if f.is_file() and "__pycache__" not in f.parts)
