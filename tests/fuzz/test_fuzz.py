"""A short run of every fuzz target; the long ones are `python -m training.fuzz`."""

from __future__ import annotations

import time

import pytest

from router.errors import UsageError
from router.reasons import ReasonCode
from training.fuzz import runner, target
from training.fuzz.mutation import inputs
from training.fuzz.target import FuzzTarget


@pytest.mark.parametrize("name", target.names())
def test_nothing_is_found(name: str) -> None:
    some = target.load(name)
    found = runner.run(some, seed=1, most=max(len(some.seeds), {"flow": 10}.get(name, 100)))
    assert found.inputs >= len(some.seeds)
    assert not found.failures


def test_the_same_seed_gives_the_same_inputs() -> None:
    some = target.load("accept")
    first, second = inputs(some, 3), inputs(some, 3)
    assert [next(first) for _ in range(50)] == [next(second) for _ in range(50)]


def _hangs(data: bytes) -> None:
    while True:
        try:
            time.sleep(0)
        except Exception:  # a parser that catches too much
            continue


def _untyped(data: bytes) -> None:
    if len(data) > 3:
        raise UsageError("no target lets this out", code=ReasonCode.BAD_ARGUMENT)
    if data:
        raise KeyError(data)


@pytest.mark.slow
def test_hangs_and_untyped_errors_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "HANG_SECONDS", 0.2)
    assert [key.split()[0] for key in runner.run(FuzzTarget(_hangs, (b"a",)), most=1).failures] == ["HangError"]
    found = runner.run(FuzzTarget(_untyped, (b"abc",)), most=300).failures
    assert {key.split()[0] for key in found} == {"KeyError", "UsageError"}
    assert min(len(data) for data, _ in found.values()) == 1
