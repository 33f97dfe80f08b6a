"""`check()`: all that is to say about a policy, without raising: mistakes, or, of one that loads, what will surprise."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from router.errors import PolicyError
from router.policy.compiled import CompiledPolicy, compile_policy, validate
from router.policy.lint import warnings
from router.policy.load import load, policy_file, shipped_names
from router.policy.mistakes import mistakes
from router.policy.problems import Problem, ProblemCode
from router.policy.yaml_source import PolicySource, read_source


class PolicyFindings(NamedTuple):
    """What was found in one policy file. `policy` is None where it does not load."""

    problems: list[Problem]
    policy: CompiledPolicy | None


def check(policy: str | Path) -> PolicyFindings:
    """Everything that is wrong with a policy's file, or will surprise, in the order of the file.

    `policy`: a shipped name or a path, as `load` takes them. Raises PolicyError (POLICY_NOT_FOUND).
    """
    file = policy_file(policy)
    source, problem = read_source(file)
    if source is None:
        return PolicyFindings([problem] if problem else [], None)
    try:
        compiled = compile_policy(validate(source), source)
    except PolicyError:  # which names the first ones only
        return PolicyFindings(mistakes(source), None)
    return PolicyFindings([*_name(compiled, source), *warnings(compiled, source)], compiled)


def _name(compiled: CompiledPolicy, source: PolicySource) -> list[Problem]:
    if compiled.name not in shipped_names():
        return []
    try:
        same = load(compiled.name).sha256 == compiled.sha256
    except PolicyError:
        same = False
    if same:
        return []
    message = f"records will name the shipped policy {compiled.name}, which this one is not"
    hint = "Give it a name of its own; the hash in the records tells them apart all the same"
    return [Problem(("name",), ProblemCode.SHIPPED_NAME, message, hint, source.places.of_value(("name",)), warning=True)]
