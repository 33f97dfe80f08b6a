"""Choosing: the setting with the fewest bytes among those whose harm is bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.errors import EvidenceError, UsageError
from router.evaluation.tuning import bounds, grid
from router.evaluation.tuning.grid import SettingResult
from router.evaluation.tuning.table import Order, Table
from router.reasons import ReasonCode

Rate = Literal["image", "neural"]
"""What is bounded: the share of all images that are harmed, or of those that have a neural result."""


@dataclass(frozen=True)
class Goal:
    """Harm of at most `epsilon`, with confidence 1 - `delta`, per `rate`. Both in (0, 1), else UsageError (BAD_ARGUMENT)."""

    epsilon: float = 0.05
    delta: float = 0.10
    rate: Rate = "image"

    def __post_init__(self) -> None:
        for name in ("epsilon", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} is a share between 0 and 1, not {getattr(self, name)}", code=ReasonCode.BAD_ARGUMENT)


@dataclass(frozen=True)
class Tuned:
    """What was chosen and from what.

    Attributes:
        chosen: its outcome on the table that it was chosen on.
        outcomes: of every setting that was tried; `certified`: whether its bound holds, in the same order.
        level: the largest level of significance that a setting was tested at.
        fixed_guard: the policy names a guard level without a quantile to choose, so that its own was kept.
    """

    goal: Goal
    chosen: SettingResult
    outcomes: tuple[SettingResult, ...]
    certified: tuple[bool, ...]
    level: float
    fixed_guard: bool

    @property
    def upper_limit(self) -> float:
        """The upper limit of the chosen setting's risk that its own count allows to claim at that level; at most epsilon."""
        return bounds.upper_limit(self.chosen.harmed, self.chosen.trials(self.goal.rate), self.level)


def tune(table: Table, goal: Goal, *, fixed_guard: float | None = None) -> Tuned:
    """The setting with the fewest bytes among those whose harm is at most epsilon with confidence 1 - delta.

    `fixed_guard`: keep this quantile instead of choosing one. The gain is a threshold only where the report has estimates.

    Raises EvidenceError (NOT_ENOUGH_EVIDENCE) if the bound holds for no setting that uses the neural lane: the images are too few
    (it says how many would do), or too many of them are harmed; UsageError (BAD_ARGUMENT) if nothing ever went to the detector.
    """
    if not grid.covered(table, "p_value").any():
        raise UsageError(
            "the policy sends nothing to the neural lane, or no detector is installed: there is nothing to tune",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Evaluate with the neural extra installed, under a policy with a rule that asks ood.in_distribution",
        )
    order: Order = grid.best_order(table)
    gains = grid.GAINS if grid.covered(table, "gain").any() else grid.GAINS[-1:]
    chained = grid.all_outcomes(table, guard=fixed_guard, gains=gains, order=order)
    outcomes = [o for chain in chained for o in chain]
    harmed, trials = (np.array(column) for column in zip(*((o.harmed, o.trials(goal.rate)) for o in outcomes), strict=True))
    p = bounds.p_values(harmed, trials, goal.epsilon)
    length = len(chained[0])
    chains = [range(start, start + length) for start in range(0, len(outcomes), length)]
    # Along a chain an image's harm only ever comes in, so that the share of all images rises: the order is a good one. The share
    # of neural images does not.
    certified, level = (
        bounds.rejected_in_chains(p, chains, goal.delta) if goal.rate == "image" else bounds.rejected_by_holm(p, goal.delta)
    )
    usable = [o for o, holds in zip(outcomes, certified, strict=True) if holds and o.neural]
    if not usable:
        raise _refusal(goal, outcomes, level)
    chosen = min(usable, key=lambda o: (o.bytes, o.harmed, -o.setting.alpha))
    return Tuned(goal, chosen, tuple(outcomes), tuple(bool(c) for c in certified), level, fixed_guard is not None)


def _refusal(goal: Goal, outcomes: list[SettingResult], level: float) -> EvidenceError:
    neural = [o for o in outcomes if o.neural]
    if not neural:
        return EvidenceError(
            "no setting sends an image to the neural lane and past the guard: there is nothing to bound",
            code=ReasonCode.NOT_ENOUGH_EVIDENCE,
        )
    least = min(neural, key=lambda o: (o.harmed / max(o.trials(goal.rate), 1), -o.trials(goal.rate)))
    have, share = least.trials(goal.rate), least.harmed / max(least.trials(goal.rate), 1)
    kind = "images" if goal.rate == "image" else "images in the neural lane"
    wanted = f"harm of at most {100 * goal.epsilon:g} % with confidence {100 * (1 - goal.delta):g} %"
    zero = bounds.images_needed(goal.epsilon, level)
    assert zero is not None
    needed = bounds.images_needed(goal.epsilon, level, share)
    facts = {"images": have, "harmed": least.harmed, "images_needed_without_harm": zero, "images_needed": needed}
    if needed is None:
        message, hint = (
            f"{least.harmed} of {have} {kind} are harmed at the most careful setting, more than {100 * goal.epsilon:g} %",
            "No number of images supports this claim; raise --epsilon, or improve what lets these images through",
        )
    else:
        message = f"{least.harmed} harmed of {have} {kind} do not support {wanted}"
        hint = f"{zero} {kind} without harm would" + ("" if least.harmed == 0 else f"; about {needed} at the same share of harm")
    return EvidenceError(message, code=ReasonCode.NOT_ENOUGH_EVIDENCE, hint=hint, **facts)


@dataclass(frozen=True)
class Tested:
    """A chosen setting on other images.

    `holds`: the harmed share there is at most epsilon; `refuted`: it is above epsilon by more than chance at level delta
    explains.
    """

    name: str
    outcome: SettingResult
    base: grid.Sizes
    share: float
    low: float
    high: float
    holds: bool
    refuted: bool


def checked_on(table: Table, tuned: Tuned, name: str) -> Tested:
    """`tuned` on `table`, with the 95 % Wilson interval of its share; beside it what the base policy did."""
    from scipy.stats import binom

    from router.evaluation.statistics import wilson

    found = grid.outcome(table, tuned.chosen.setting)
    trials = found.trials(tuned.goal.rate)
    share = found.harmed / trials if trials else math.nan
    refuted = bool(trials and binom.sf(found.harmed - 1, trials, tuned.goal.epsilon) <= tuned.goal.delta)
    low, high = wilson(found.harmed, trials)
    holds = not trials or share <= tuned.goal.epsilon
    return Tested(name, found, grid.outcome_of_base(table), share, low, high, holds, refuted)
