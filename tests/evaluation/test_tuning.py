"""Tuning: the laws of its bounds, choices on tables made by hand, and the policy that is written."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import EvidenceError, UsageError
from router.evaluation.tuning import bounds, curve, grid, policy_text
from router.evaluation.tuning.choose import Goal, Tuned, checked_on, tune
from router.evaluation.tuning.grid import Setting, SettingResult
from router.evaluation.tuning.table import Table, in_order, orders_of
from router.policy.compiled import compile_policy, validate
from router.policy.load import load, policy_file, shipped_names
from router.policy.yaml_source import parse_policy_text
from router.reasons import ReasonCode

ORDER = ("avif", "webp")


def made(seed: int, images: int, *, harmful: float, spread: float = 1.0, gains: bool = True, checked: bool = False) -> Table:
    """Images at one target: the further out, the likelier harm. Neural files take 0.7 of AVIF's bytes on average."""
    rng = np.random.default_rng(seed)
    p_value = rng.uniform(size=images)
    saving = rng.normal(0.3, 0.2, images)
    saves = (saving > 0.1) & (p_value > 0.3) if checked else np.zeros(images, bool)
    flat = np.full(images, 1000.0)
    return Table(
        domain=np.array(["near", "far"])[(np.arange(images) % 2)],
        image=np.arange(images),
        images=images,
        targets=(50.0,),
        asked=np.ones(images, bool),
        p_value=p_value,
        gain=saving + rng.normal(0, 0.05, images) if gains else np.full(images, np.nan),
        quantile=np.where(rng.uniform(size=images) < 0.02, np.inf, 0.5),
        harmed=rng.uniform(size=images) < harmful * np.exp(-3 * spread * p_value),
        neural=1000 * (1 - saving),
        failed={ORDER: flat, ORDER[::-1]: 1.2 * flat},
        closed={ORDER: flat, ORDER[::-1]: 1.2 * flat},
        saves={ORDER: saves, ORDER[::-1]: saves},
        base=flat,
        base_neural=np.zeros(images, bool),
        avif=flat,
    )


shares = st.floats(0.01, 0.4)


@given(n=st.integers(1, 400), k=st.integers(0, 40), a=shares, b=shares)
@settings(deadline=None)
def test_a_larger_epsilon_is_easier_to_support(n: int, k: int, a: float, b: float) -> None:
    low, high = (bounds.p_values(np.array([min(k, n)]), np.array([n]), e)[0] for e in (min(a, b), max(a, b)))
    assert high <= low + 1e-12


@given(n=st.integers(1, 400), k=st.integers(0, 40), a=shares, b=shares)
@settings(deadline=None)
def test_the_limit_falls_with_delta_and_rises_with_harm(n: int, k: int, a: float, b: float) -> None:
    k = min(k, n - 1)
    assert bounds.upper_limit(k, n, max(a, b)) <= bounds.upper_limit(k, n, min(a, b)) + 1e-12
    assert bounds.upper_limit(k, n, a) < bounds.upper_limit(k + 1, n, a)
    assert bounds.upper_limit(k, n, a) > k / n or a > 0.4


@given(n=st.integers(1, 400), k=st.integers(0, 40), epsilon=shares, delta=shares)
@settings(deadline=None)
def test_test_and_limit_say_the_same(n: int, k: int, epsilon: float, delta: float) -> None:
    k = min(k, n - 1)
    p, limit = bounds.p_values(np.array([k]), np.array([n]), epsilon)[0], bounds.upper_limit(k, n, delta)
    if abs(p - delta) > 1e-9:
        assert (p <= delta) == (limit <= epsilon)


@given(epsilon=shares, level=st.floats(0.001, 0.4), share=st.floats(0, 0.3))
@settings(max_examples=50, deadline=None)
def test_as_many_images_as_it_says_suffice(epsilon: float, level: float, share: float) -> None:
    needed = bounds.images_needed(epsilon, level, share)
    if share >= epsilon:
        assert needed is None
    elif share < 0.7 * epsilon:
        assert needed is not None
        assert bounds.p_values(np.array([math.ceil(share * needed)]), np.array([needed]), epsilon)[0] <= level
        if share == 0:
            assert bounds.p_values(np.array([0]), np.array([needed - 1]), epsilon)[0] > level


@given(
    p=st.lists(st.floats(0, 1), min_size=12, max_size=12),
    a=st.floats(0.01, 0.5),
    b=st.floats(0.01, 0.5),
)
def test_a_larger_delta_certifies_no_less(p: list[float], a: float, b: float) -> None:
    values, chains = np.array(p), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    for procedure in (lambda d: bounds.rejected_in_chains(values, chains, d)[0], lambda d: bounds.rejected_by_holm(values, d)[0]):
        assert not (procedure(min(a, b)) & ~procedure(max(a, b))).any()


def test_a_chain_stops_at_its_first_failure_and_a_finished_one_leaves_its_share() -> None:
    p = np.array([0.01, 0.9, 0.01, 0.001, 0.002, 0.08])
    found, level = bounds.rejected_in_chains(p, [[0, 1, 2], [3, 4], [5]], 0.1)
    assert found.tolist() == [True, False, False, True, True, False]
    assert level == pytest.approx(0.05)  # two chains are left


@pytest.mark.parametrize("rate", ["image", "neural"])
def test_the_true_harm_of_what_is_chosen_is_rarely_above_epsilon(rate: str) -> None:
    """Learn-then-Test's promise, on simulated images: at most delta of the choices are wrong, refusals being right."""
    goal = Goal(0.05, 0.1, rate)  # type: ignore[arg-type]
    world = made(999, 40_000, harmful=0.25)
    wrong = chosen = 0
    for seed in range(100):
        try:
            found = tune(made(seed, 250, harmful=0.25), goal).chosen
        except EvidenceError:
            continue
        chosen += 1
        truth = grid.outcome(world, found.setting)
        wrong += truth.harmed / truth.trials(rate) > 0.05
    assert chosen > 60 or rate == "neural"
    assert wrong <= 0.1 * 100


def test_the_choice_has_the_fewest_bytes_of_what_is_certified_and_rests_on_its_bound() -> None:
    table = made(3, 400, harmful=0.1)
    found = tune(table, Goal())
    certified = [o for o, holds in zip(found.outcomes, found.certified, strict=True) if holds and o.neural]
    assert found.chosen.bytes == min(o.bytes for o in certified)
    assert found.upper_limit <= 0.05
    assert found.chosen.harmed <= 0.05 * 400
    assert found.chosen.setting.order == ORDER
    assert tune(table, Goal()) == found


def test_a_looser_goal_costs_no_more_bytes() -> None:
    table = made(5, 400, harmful=0.2)
    sizes = [tune(table, Goal(epsilon, 0.1)).chosen.bytes for epsilon in (0.05, 0.1, 0.2)]
    assert sizes == sorted(sizes, reverse=True)


def test_an_image_that_is_harmed_at_two_targets_counts_once() -> None:
    one = made(1, 100, harmful=0.0)
    twice = replace(
        one,
        **{
            name: np.concatenate([getattr(one, name)] * 2)
            for name in ("domain", "image", "asked", "p_value", "gain", "quantile", "neural", "base", "base_neural", "avif")
        },
        harmed=np.concatenate([np.arange(100) < 3, np.arange(100) < 4]),
        failed={o: np.concatenate([v, v]) for o, v in one.failed.items()},
        closed={o: np.concatenate([v, v]) for o, v in one.closed.items()},
        saves={o: np.concatenate([v, v]) for o, v in one.saves.items()},
        targets=(50.0, 70.0),
    )
    always = replace(twice, p_value=np.ones(200), quantile=np.zeros(200))
    found = grid.outcome(always, Setting(0.05, 0.99, -math.inf, ORDER))
    assert (found.images, found.neural, found.harmed) == (100, 100, 4)
    assert always.rows(always.domain == "near").images == 50


def test_too_few_images_are_refused_with_a_number_that_suffices() -> None:
    with pytest.raises(EvidenceError) as caught:
        tune(made(0, 30, harmful=0.0), Goal())
    error = caught.value
    assert error.code is ReasonCode.NOT_ENOUGH_EVIDENCE
    assert error.exit_code == 4
    needed = error.details["images_needed_without_harm"]
    assert str(needed) in error.hint
    assert tune(made(0, needed, harmful=0.0), Goal()).chosen.neural > 0


def test_harm_that_no_number_of_images_excuses_is_refused() -> None:
    with pytest.raises(EvidenceError, match="harmed") as caught:
        tune(made(0, 300, harmful=1.0, spread=0.0), Goal())
    assert caught.value.details["images_needed"] is None or caught.value.details["images_needed"] > 300


def test_a_policy_that_never_asks_cannot_be_tuned() -> None:
    with pytest.raises(UsageError, match="nothing to tune"):
        tune(replace(made(0, 100, harmful=0.0), asked=np.zeros(100, bool)), Goal())


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.1), (1.0, 0.1), (0.05, 0.0), (0.05, 1.5)])
def test_shares_outside_0_and_1_are_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        Goal(epsilon, delta)


def test_without_estimates_the_gain_is_no_threshold() -> None:
    assert tune(made(2, 300, harmful=0.05, gains=False), Goal()).chosen.setting.gain == -math.inf


def test_unknown_scores_keep_an_image_out_of_the_neural_lane() -> None:
    table = replace(made(2, 50, harmful=0.0), p_value=np.full(50, np.nan))
    assert grid.outcome(table, Setting(0.01, 0.999, -math.inf, ORDER)).neural == 0


@pytest.mark.parametrize("checked", [False, True])
def test_every_chain_only_ever_lets_more_images_in(checked: bool) -> None:
    table = made(2, 300, harmful=0.3, checked=checked)
    for chain in grid.all_outcomes(table, guard=None, gains=grid.GAINS, order=ORDER):
        assert [o.neural for o in chain] == sorted(o.neural for o in chain)
        assert [o.harmed for o in chain] == sorted(o.harmed for o in chain)
    kept = grid.all_outcomes(table, guard=0.9, gains=grid.GAINS, order=ORDER)
    assert {o.setting.quantile for chain in kept for o in chain} == {0.9}


def test_what_saves_when_measured_is_neural_at_every_setting_and_its_harm_counts() -> None:
    plain, checked = (made(7, 300, harmful=0.3, checked=c) for c in (False, True))
    for setting in (Setting(0.5, 0.75, 0.2, ORDER), Setting(0.01, 0.999, -math.inf, ORDER)):
        without, beside = (grid.outcome(table, setting) for table in (plain, checked))
        through = checked.saves[ORDER] & (checked.quantile <= setting.quantile)
        assert beside.neural >= max(without.neural, int(through.sum()))
        assert beside.harmed >= max(without.harmed, int((through & checked.harmed).sum()))
        assert beside.bytes <= without.bytes
    strictest = Setting(1.0, 0.999, 0.2, ORDER)
    assert grid.outcome(checked, strictest).neural == int((checked.saves[ORDER] & (checked.quantile <= 0.999)).sum())


def test_the_order_of_codecs_follows_the_bytes() -> None:
    table = made(2, 300, harmful=0.0)
    assert grid.best_order(table) == ORDER
    swapped = replace(table, closed={ORDER: table.closed[ORDER], ORDER[::-1]: 0.9 * table.closed[ORDER]})
    assert grid.best_order(swapped) == ORDER[::-1]
    assert orders_of([[["classical", "first", ["avif", "webp"], None]]]) == (ORDER, ORDER[::-1])
    assert in_order(["png", "webp", "avif"], ORDER) == ["avif", "webp", "png"]


def test_a_worse_world_is_told() -> None:
    found = tune(made(3, 400, harmful=0.02), Goal())
    same, worse = checked_on(made(4, 400, harmful=0.02), found, "same"), checked_on(made(4, 400, harmful=0.9), found, "worse")
    assert same.holds
    assert not same.refuted
    assert worse.refuted
    assert worse.low <= worse.share <= worse.high


def test_the_curve_holds_every_setting() -> None:
    found = tune(made(3, 400, harmful=0.1), Goal())
    lines = curve.csv_text(found).splitlines()
    assert len(lines) == 1 + len(found.outcomes)
    assert sum(line.split(",")[-2] == "True" for line in lines) == 1
    assert curve.svg_text(found) == curve.svg_text(found)


def _tuned(setting: Setting, *, fixed_guard: bool = False) -> Tuned:
    outcome = SettingResult(9e5, 0.8, 300, 120, 2, setting)
    return Tuned(Goal(), outcome, (outcome,), (True,), 0.02, fixed_guard)


def _written(base: str, setting: Setting, **options: bool) -> tuple[str, object]:
    policy = load(base)
    text = policy_text.tuned_text(
        policy_file(base).read_text("utf-8"), policy, _tuned(setting, **options), name="mine", header=["Why", "", "and what for."]
    )
    source = parse_policy_text(text, "mine.yaml")
    return text, compile_policy(validate(source), source)


SETTING = Setting(0.03, 0.95, 0.05, ("webp", "avif", "jpeg"))


def test_balanced_is_written_with_its_comments_and_other_numbers() -> None:
    text, policy = _written("balanced", SETTING)
    assert text.startswith("# Why\n#\n# and what for.\n#\n")
    before = policy_file("balanced").read_text("utf-8")
    kept = [line.strip() for line in before.splitlines() if line.strip().startswith("#")]
    assert all(line in text for line in kept)
    assert "2 harmed of 300" in text
    defaults = policy.policy.defaults  # type: ignore[attr-defined]
    assert (defaults.alpha, defaults.guard.level, defaults.guard.quantile) == (0.03, "full", 0.95)
    rules = {rule.name: rule for rule in policy.rules}  # type: ignore[attr-defined]
    assert rules["photograph"].condition.text.rstrip().endswith("&& gain.bytes_saved > 0.05")
    assert "gain" in rules["photograph"].groups
    assert "gain" not in rules["unfamiliar"].groups
    assert rules["photograph"].action.lanes[1].codecs == ("webp", "avif", "jpeg")


def test_nothing_else_changes() -> None:
    base = load("balanced")
    own = Setting(0.05, 0.99, -math.inf, ("avif", "webp", "jpeg"))
    _, policy = _written("balanced", own)
    mine, theirs = (p.policy.model_dump(mode="json") for p in (policy, base))  # type: ignore[attr-defined]
    conditions = [{rule["name"]: rule.pop("when").split() for rule in p["rules"]} for p in (mine, theirs)]
    assert mine | {"name": "balanced"} == theirs
    changed = {name for name in conditions[0] if conditions[0][name] != conditions[1][name]}
    assert changed == {"photograph"}
    assert not any("gain" in word for word in conditions[0]["photograph"])


@given(step=st.sampled_from(grid.PATH), gain=st.sampled_from(grid.GAINS))
@settings(max_examples=15, deadline=None)
def test_a_tuned_policy_can_be_tuned_again(step: tuple[float, float], gain: float) -> None:
    alpha, quantile = step
    order = ("avif", "webp", "jpeg")
    text, once = _written("balanced", SETTING)
    again = policy_text.tuned_text(
        text,
        once,
        _tuned(Setting(alpha, quantile, gain, order)),
        name="mine",
        header=["Again"],  # type: ignore[arg-type]
    )
    source = parse_policy_text(again, "again.yaml")
    found = compile_policy(validate(source), source).policy
    direct = _written("balanced", Setting(alpha, quantile, gain, order))[1].policy  # type: ignore[attr-defined]
    conditions = [[rule.when.split() for rule in policy.rules] for policy in (found, direct)]
    assert conditions[0] == conditions[1]
    assert found.defaults == direct.defaults


def test_other_gain_conditions_are_replaced_or_refused() -> None:
    before = policy_file("balanced").read_text("utf-8")
    place = "&& ood.available && ood.in_distribution\n"
    for condition, known in (("(!gain.available || gain.low > 0.0)", True), ("gain.low * 2.0 > gain.high", False)):
        text = before.replace(place, f"{place}        && {condition}\n", 1)
        source = parse_policy_text(text, "x.yaml")
        base = compile_policy(validate(source), source)
        if known:
            found = policy_text.tuned_text(text, base, _tuned(SETTING), name="mine", header=[])
            rule = next(r for r in parse_policy_text(found, "y.yaml").data["rules"] if r["name"] == "photograph")
            assert condition not in rule["when"]
            assert rule["when"].rstrip().endswith("gain.bytes_saved > 0.05")
        else:
            with pytest.raises(UsageError, match="another way"):
                policy_text.tuned_text(text, base, _tuned(SETTING), name="mine", header=[])


@pytest.mark.parametrize("name", [name for name in shipped_names() if load(name).may_go_neural])
def test_every_shipped_policy_with_a_neural_lane_can_be_written(name: str) -> None:
    text, policy = _written(name, SETTING)
    assert policy.name == "mine"  # type: ignore[attr-defined]
    assert f"\nalpha: {SETTING.alpha}" in text.replace("  alpha", "alpha")
