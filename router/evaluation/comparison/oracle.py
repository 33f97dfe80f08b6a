"""The oracle: per image, the fewest bytes among some families that reach the target and pass the guard.

It tries everything, and is charged for that: the seconds of a search in every one of these families. `regret` says which families
the two oracles of a report may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from router.codecs import registry
from router.errors import RouterError
from router.evaluation.comparison.costs import searched
from router.evaluation.comparison.matched import RateDistortion
from router.evaluation.measure.variants import VARIANTS
from router.policy.builtin import codec_name
from router.policy.compiled import CompiledPolicy
from router.policy.decision import Decision

SOURCE = "source"
"""Stands for a family where the source itself goes out."""


@dataclass(frozen=True)
class Choice:
    """The best family (`SOURCE`: the source itself) with its bytes, None where nothing reaches the target; the seconds spent."""

    family: str | None
    bytes: float | None
    seconds: float


def choose(
    by_family: Mapping[str, RateDistortion], permitted: Sequence[str], target: float, source: float | None = None
) -> Choice:
    """The best choice for one image by its measured points.

    `by_family`: of one image; `permitted`: families, those without points (refused, not measured) are left out; `source`:
    bytes of the source where it may be passed through, which costs no time.
    """
    found: list[tuple[float, str]] = [(source, SOURCE)] if source else []
    seconds = 0.0
    for name in permitted:
        rd = by_family.get(name)
        if rd is None:
            continue
        seconds += searched(rd, name, target).seconds
        size = reached(rd, target)
        if size is not None:
            found.append((size, name))
    if not found:
        return Choice(None, None, seconds)
    size, name = min(found)
    return Choice(name, size, seconds)


def reached(rd: RateDistortion, target: float) -> float | None:
    """Bytes at the target; None if it is out of reach or the guard stops what is nearest to it."""
    size = rd.bytes_at("ssimulacra2", target)
    if size is None:
        return None
    score = rd.value_at("ssimulacra2", size)
    return size if rd.guard_passed(target if score is None else score) else None


def open_families(policy: CompiledPolicy) -> tuple[str, ...]:
    """Families of all codecs that any rule of the policy names; codecs that are not measured here are left out."""
    actions = (policy.otherwise, policy.on_error, *(rule.action for rule in policy.rules))
    return _families(codec for action in actions for lane in action.lanes for codec in lane.codecs)


def permitted_families(decision: Decision) -> tuple[str, ...]:
    """Families of all codecs in the lanes of one decision."""
    return _families(codec for lane in decision.lanes for codec in lane.codecs)


def _families(codecs: Iterable[str]) -> tuple[str, ...]:
    names = {family_of(codec_id) for codec_id in {codec_name(codec) for codec in codecs}}
    return tuple(name for name in VARIANTS if name in names)


def family_of(codec_id: str) -> str | None:
    """The family with the codec's default configuration; None for a codec that is not measured here."""
    try:
        config = registry.get(codec_id).get_config()
    except RouterError:
        return None
    same = (name for name, f in VARIANTS.items() if f.codec_id == codec_id and f.codec().get_config() == config)
    return next(same, None)
