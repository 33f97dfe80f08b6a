"""The package is typed for those who install it (`make types` checks client/program.py), and signatures agree."""

from __future__ import annotations

import inspect
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

import router
import router.pillow
from router.routing.router import Router

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_module_the_policies_and_that_it_is_typed() -> None:
    held = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert "router/py.typed" in held
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "router").rglob("*.py")} <= held
    assert {f"router/policy/shipped/{path.name}" for path in (ROOT / "policies").glob("*.yaml")} <= held


def test_what_encodes_takes_the_same_arguments() -> None:
    """The signature is written out where people and editors look for it; here is what keeps the copies alike."""

    def parameters(function: object, *without: str) -> dict[str, inspect.Parameter]:
        found = inspect.signature(function).parameters  # type: ignore[arg-type]
        return {name: one for name, one in found.items() if name not in without}

    method = parameters(Router.compress, "self")
    assert parameters(router.compress, "policy", "limits") == method
    assert parameters(router.save, "path", "overwrite") == parameters(router.compress)
    assert router.pillow.save is router.save
    assert parameters(router.decide, "policy", "limits") == parameters(Router.decide, "self")
