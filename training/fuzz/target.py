"""What is fuzzed: one function of bytes, and what to begin with."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

_NO_TARGETS = ("__main__", "target", "mutation", "runner", "damage", "samples")


@dataclass(frozen=True)
class FuzzTarget:
    """A parser under test.

    Attributes:
        run: takes any bytes. It returns for what is read, and for what is refused with a `RouterError`; anything that it raises
            is a finding.
        seeds: inputs to begin with, at least one.
        words: pieces that random input would hardly contain, put in now and then.
        longest: bytes of an input.
    """

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    longest: int = 16_384


def names() -> tuple[str, ...]:
    """Every target's name: its module's."""
    package = import_module("training.fuzz")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in _NO_TARGETS))


def load(name: str) -> FuzzTarget:
    """The target of that name."""
    found = import_module(f"training.fuzz.{name}").TARGET
    assert isinstance(found, FuzzTarget)
    return found
