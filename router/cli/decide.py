"""`codec-router decide`: what a policy says, rule by rule, without encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.explanation import rules
from router.cli.inputs import InputFile, expand
from router.cli.left_out import tell
from router.cli.reporting import Tally, console, shown
from router.folders import LeftOut

if TYPE_CHECKING:
    from router.policy.decision import Decision


def command(
    inputs: o.Inputs,
    policy: o.PolicyOption = "balanced",
    quality: o.QualityOption = None,
    target: o.TargetOption = None,
    receiver: o.ReceiverOption = None,
    receiver_model: o.ReceiverModelOption = None,
    context: o.ContextOption = None,
    detector: o.DetectorOption = None,
    first_frame: o.FirstFrameOption = False,
    no_limits: o.NoLimitsOption = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the values that each rule read, too.")] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Show the lanes a policy would take, every rule it tried and the first condition that was false."""
    tally, left_out = Tally(as_json), LeftOut()
    with tally.setup(inputs):
        from router.routing.router import Router

        wanted, receiving = o.target_from(quality, target), o.receiver_from(receiver, receiver_model)
        router = Router(policy, detector=o.detector_from(detector), limits=o.limits_from(no_limits))
        told = o.context_from(router.policy, context)
    for file in expand(inputs, left_out=left_out):
        decisions: list[Decision] = []

        def work(file: InputFile = file, decisions: list[Decision] = decisions) -> dict[str, Any]:
            source = file.source(router.limits)
            decisions.append(router.decide(source, target=wanted, receiver=receiving, context=told, first_frame=first_frame))
            return {"decision": decisions[0].to_dict()}

        if tally.run(file.path, work) is not None and not as_json:
            _print(file, decisions[0], explain)
    tell(left_out, inputs, as_json)
    tally.exit()


def _print(file: InputFile, decision: Decision, explain: bool) -> None:
    from rich.padding import Padding

    screen = console()
    lanes = [f"{plan.lane} ({', '.join(plan.codecs)})" if plan.codecs else str(plan.lane) for plan in decision.lanes]
    screen.print(f"[bold]{shown(file.path)}[/]", soft_wrap=True)
    screen.print(Padding.indent(f"[bold]{shown(', then '.join(lanes))}[/]", 2))
    for reason in decision.reasons:
        where = "/".join(part for part in (reason.lane, reason.codec) if part)
        text = " ".join(part for part in (str(reason.code), where, reason.detail) if part)
        screen.print(Padding.indent(shown(text), 2))
    screen.print(Padding.indent(rules((trace.to_dict() for trace in decision.trace), values=explain), 2))
