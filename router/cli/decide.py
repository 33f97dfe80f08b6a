"""`codec-router decide`: what a policy says, rule by rule, without encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.cli import options as o
from router.cli.inputs import InputFile, expand
from router.cli.reporting import Tally, console

if TYPE_CHECKING:
    from router.policy.decision import Decision


def command(
    inputs: o.Inputs,
    policy: o.PolicyOption = "balanced",
    quality: o.QualityOption = None,
    target: o.TargetOption = None,
    receiver: o.ReceiverOption = None,
    context: o.ContextOption = None,
    first_frame: o.FirstFrameOption = False,
    no_limits: o.NoLimitsOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Show the lanes a policy would take, every rule it tried and why each did or did not match."""
    from router.router import Router

    router, tally = Router(policy, limits=o.limits_from(no_limits)), Tally(as_json)
    arguments: dict[str, Any] = {
        "quality": quality,
        "target": o.target_from(target),
        "receiver": receiver,
        "context": o.context_from(router.policy, context),
        "first_frame": first_frame,
    }
    for file in expand(inputs):
        decisions: list[Decision] = []

        def work(file: InputFile = file, decisions: list[Decision] = decisions) -> dict[str, Any]:
            decisions.append(router.decide(file.path, **arguments))
            return {"decision": decisions[0].to_dict()}

        if tally.run(str(file.path), work) is not None and not as_json:
            _print(str(file.relative), decisions[0])
    tally.exit()


def _print(name: str, decision: Decision) -> None:
    from rich.markup import escape

    screen = console()
    lanes = ", ".join(f"{plan.lane} ({', '.join(plan.codecs)})" for plan in decision.lanes)
    screen.print(f"[bold]{escape(name)}[/]: {lanes}")
    for trace in decision.trace:
        screen.print(f"  rule {escape(trace.rule)}: {trace.outcome} [dim]{escape(trace.detail)}[/]")
    for reason in decision.reasons:
        where = "/".join(part for part in (reason.lane, reason.codec) if part)
        screen.print(f"  {reason.code} {escape(where)} [dim]{escape(reason.detail)}[/]")
