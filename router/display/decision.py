"""A `Decision` in a notebook: the lanes in order, why, and what each rule saw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from markupsafe import Markup

from router.display import fragment as f
from router.display.encoded import METRICS
from router.display.svg import tag
from router.display.words import percent, shortened

if TYPE_CHECKING:
    from router.policy.decision import Decision, LanePlan


def html(decision: Decision) -> Markup:
    """The whole output."""
    ood, gain, target = decision.inputs.get("ood", {}), decision.inputs.get("gain", {}), decision.target
    detector = expected = None
    if "p_value" in ood and ood.get("available", True):
        alpha = ood.get("alpha")
        strip = f.p_strip(float(ood["p_value"]), None if alpha is None else float(alpha))
        detector = tag("div", f.p_text(float(ood["p_value"]), bool(ood.get("in_distribution"))), strip)
    if gain.get("available") and "bytes_saved" in gain:
        expected = f"{percent(gain['bytes_saved'])} fewer bytes by the neural codec than by AVIF"
        if "low" in gain and "high" in gain:
            expected += f" ({percent(gain['low'])} to {percent(gain['high'])})"
    rows: list[tuple[str, Markup | str | None]] = [
        ("then", _further(decision.lanes[1:])),
        ("because", f.reasons(decision.reasons)),
        ("target", f"{METRICS.get(target.metric, target.metric)} {target.value:g}"),
        ("guard", f"level {decision.guard}" if decision.guard != "off" else "off"),
        ("metadata", decision.metadata),
        ("detector", detector),
        ("prediction", expected),
        ("rules", _rules(decision)),
    ]
    first = lane(decision.lanes[0])
    return f.fragment([f.head(f"{first} (policy {decision.policy}, rule {decision.rule})"), f.facts(rows)])


def lane(plan: LanePlan) -> str:
    """One lane in a few words: "neural: ncr"."""
    codecs = (", the smallest of " if plan.choose == "smallest" and len(plan.codecs) > 1 else ": ") + ", ".join(plan.codecs)
    asked = "" if plan.must_save is None else f" if it saves {percent(plan.must_save)}"
    return f"{plan.lane}{codecs if plan.codecs else ''}{asked}"


def _further(lanes: tuple[LanePlan, ...]) -> str | None:
    return "; ".join(lane(plan) for plan in lanes) or None


def _rules(decision: Decision) -> Markup | None:
    """What was asked of each rule; a value stands where it was read first, and not again."""
    told, read = [], set[str]()
    asked = [rule for rule in decision.trace if rule.outcome != "not reached"]
    for rule in asked[: f.MOST_ROWS]:
        fresh = {name: value for name, value in rule.inputs.items() if name not in read}
        seen = replace(rule, inputs=fresh).detail or ("values as above" if rule.inputs else "")
        read |= rule.inputs.keys()
        told.append(
            tag("li", tag("code", shortened(rule.rule)), f" {rule.outcome}", tag("span", f": {shortened(seen)}", class_="soft"))
        )
    further = [*asked[f.MOST_ROWS :], *(rule for rule in decision.trace if rule.outcome == "not reached")]
    if further:
        told.append(tag("li", tag("span", f"not reached: {shortened(', '.join(rule.rule for rule in further))}", class_="soft")))
    return tag("ul", *told) if told else None
