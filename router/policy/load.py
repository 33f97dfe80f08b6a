"""`load()`: a policy by shipped name, from a file, or from a mapping."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.errors import InputError, LimitError, PolicyError, UsageError
from router.files.addresses import Address, parse
from router.files.addresses import read as read_address
from router.files.named import is_file
from router.limits import Limits
from router.policy.compiled import CompiledPolicy, compile_policy, plain_data, validate
from router.policy.schema import Policy
from router.policy.yaml_source import MAX_FILE_BYTES, PolicySource, parse_policy_bytes, read_policy_file
from router.reasons import ReasonCode

__all__ = ["CompiledPolicy", "load", "shipped_names"]

SUFFIXES = (".yaml", ".yml")


def load(policy: str | Path | Mapping[str, Any] | Policy | CompiledPolicy) -> CompiledPolicy:
    """Load, validate and compile a policy.

    Args:
        policy: a shipped name such as "balanced"; a path (a Path, or text that ends in .yaml or .yml, or has a separator), or an
            address (`s3://...`);
            a mapping with a policy file's fields; a Policy. A CompiledPolicy is given back as it is.

    Raises PolicyError: POLICY_NOT_FOUND (the hint lists the shipped names) or POLICY_INVALID (file, line, field, rule).
    """
    if isinstance(policy, CompiledPolicy):
        return policy
    if isinstance(policy, Policy):
        return compile_policy(policy, PolicySource(None))
    if isinstance(policy, Mapping):
        source = PolicySource(plain_data(policy))
    elif isinstance(policy, str | Path):
        source = _read(policy)
    else:
        raise UsageError(
            f"a policy of type {type(policy).__name__}", code=ReasonCode.BAD_ARGUMENT, hint="Pass a name, a path or a mapping"
        )
    return compile_policy(validate(source), source)


def _read(policy: str | Path) -> PolicySource:
    found = parse(policy)
    if not isinstance(found, Address):
        return read_policy_file(_find(policy))
    try:
        raw = read_address(found, Limits(max_file_bytes=MAX_FILE_BYTES))
    except (InputError, LimitError) as error:
        raise PolicyError(
            f"cannot read the policy: {error.message}", code=ReasonCode.POLICY_NOT_FOUND, hint=error.hint, file=str(found)
        ) from error
    return parse_policy_bytes(raw, str(found))


def policy_file(policy: str | Path) -> Path:
    """The file of a policy that `load` would read: a shipped name or a path. Raises PolicyError (POLICY_NOT_FOUND)."""
    return _find(policy)


def shipped_names() -> tuple[str, ...]:
    """Names of the policies that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _shipped_folder().glob("*.yaml")))


def _shipped_folder() -> Path:
    here = Path(__file__).resolve().parent
    packaged = here / "shipped"  # in a wheel; a checkout has them at its root
    return packaged if packaged.is_dir() else here.parents[1] / "policies"


def _find(policy: str | Path) -> Path:
    path = Path(policy)
    if isinstance(policy, Path) or path.suffix.lower() in SUFFIXES or path.name != policy:
        if not is_file(path):
            raise _not_found(f"there is no policy file {policy}", str(policy))
        return path
    names = shipped_names()
    if policy not in names:
        raise _not_found(f"there is no policy named {policy!r}", policy)
    return _shipped_folder() / f"{policy}.yaml"


def _not_found(message: str, policy: str) -> PolicyError:
    names = shipped_names()
    close = difflib.get_close_matches(Path(policy).stem, names, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    return PolicyError(
        message,
        code=ReasonCode.POLICY_NOT_FOUND,
        hint=f"{guess}Shipped are {', '.join(names)}; a file's name ends in .yaml",
        policy=policy,
        shipped=list(names),
    )
