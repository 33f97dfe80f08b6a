"""`codec-router tune`: the thresholds of a policy, chosen from reports so that harm is bounded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from router.cli.options import ForceOption
from router.cli.reporting import Tally, console, shown
from router.cli.untouched import Untouched
from router.errors import UsageError
from router.files.named import is_folder
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.evaluation.tuning.choose import Tested, Tuned
    from router.evaluation.tuning.session import Session


def command(
    results: Annotated[
        list[Path], typer.Argument(help="Folders that `codec-router evaluate` wrote, with the base policy.", metavar="RESULTS...")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.yaml", help="The tuned policy; its trade-off curve goes beside it.")
    ],
    base: Annotated[str, typer.Option("--base", help="Shipped policy name, or a YAML file: what is tuned.")] = "balanced",
    epsilon: Annotated[float, typer.Option("--epsilon", help="Largest share of harmed images.")] = 0.05,
    delta: Annotated[float, typer.Option("--delta", help="Chance that the claim is wrong.")] = 0.10,
    per: Annotated[
        str, typer.Option("--per", help="Share of what: 'image' (all images), or 'neural' (the neural lane's).")
    ] = "image",
    test: Annotated[
        list[Path] | None, typer.Option("--test", metavar="RESULTS", help="Report of other images to test on; repeatable.")
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            "--leave-out", metavar="DOMAIN", help="Choose without this domain and test on it; repeatable. 'each': in turn."
        ),
    ] = None,
    targets: Annotated[str | None, typer.Option("--targets", help="Of the report's targets these only, with commas.")] = None,
    force: ForceOption = False,
) -> None:
    """Choose a policy's thresholds from measured images: the fewest bytes with harm bounded.

    The detector's level, the guard's quantile, the smallest predicted gain and the order of classical codecs are chosen.
    Refuses if the measured images do not support the bound.
    """
    tally = Tally(as_json=False)
    with tally.setup(results):
        from router.evaluation.tuning import session as sessions
        from router.evaluation.tuning import table
        from router.policy.load import policy_file

        sessions.require_packages()
        name = sessions.policy_name(output)
        Untouched([policy_file(base), *(file for folder in [*results, *(test or [])] for file in _files(folder))]).check(output)
        wanted = _targets(targets)
        opened = sessions.Session.open(results, base, _goal(epsilon, delta, per), wanted)
        left_out = _left_out(leave_out or [], opened)
        tuned = opened.tuned(opened.table.rows(~left_out) if left_out.any() else None)
        files = sessions.write(opened, tuned, output, overwrite=force)
        tests = [opened.tested(tuned, opened.table, "chosen on")] if not left_out.any() else []
        if left_out.any():
            tests += [
                opened.tested(tuned, opened.table.rows(~left_out), "chosen on"),
                opened.tested(tuned, opened.table.rows(left_out), "left out"),
            ]
        for folder in test or []:
            tests.append(opened.tested(tuned, table.read([folder], opened.base, wanted), folder.name))
        each = opened.without_each_domain() if leave_out == ["each"] else []
    _print(tuned, name, tests, each)
    for file in files:
        console().print(f"[dim]{shown(file)}[/]", soft_wrap=True)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if is_folder(folder) else []


def _goal(epsilon: float, delta: float, per: str) -> Any:
    from router.evaluation.tuning.choose import Goal

    rates: dict[str, Literal["image", "neural"]] = {"image": "image", "neural": "neural"}
    if per not in rates:
        raise UsageError(f"--per is image or neural, not {per}", code=ReasonCode.BAD_ARGUMENT)
    return Goal(epsilon, delta, rates[per])


def _targets(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--targets {text!r} is not numbers with commas", code=ReasonCode.BAD_ARGUMENT) from None


def _left_out(names: list[str], session: Session) -> Any:
    import numpy as np

    domains = session.table.domains
    if unknown := [name for name in names if name not in domains and names != ["each"]]:
        raise UsageError(
            f"no domain {unknown[0]} in the reports", code=ReasonCode.BAD_ARGUMENT, hint=f"There are {', '.join(domains)}"
        )
    return np.isin(session.table.domain, names)


def _print(tuned: Tuned, name: str, tests: list[Tested], each: list[Any]) -> None:
    from rich.table import Table

    goal, setting = tuned.goal, tuned.chosen.setting
    what = "images" if goal.rate == "image" else "neural-lane images"
    gain = "no condition" if setting.gain == float("-inf") else f"above {setting.gain:g}"
    out = console()
    out.print(
        f"[bold]{shown(name)}[/]: alpha {setting.alpha:g}, guard quantile {setting.quantile:g}, predicted gain {gain}, "
        f"classical {', '.join(setting.order)}"
    )
    out.print(
        f"{sum(tuned.certified)} of {len(tuned.outcomes)} settings have at most {100 * goal.epsilon:g} % harmed {what} with "
        f"confidence {100 * (1 - goal.delta):g} %; this one takes the fewest bytes.",
        soft_wrap=True,
    )
    table = Table(box=None, title_justify="left", pad_edge=False)
    table.add_column("")
    for title in ("images", "neural", "harmed", "share, 95 % interval", "bound", "bytes / AVIF", "base policy", "its harmed"):
        table.add_column(title, justify="right")
    for test in tests + each:
        if isinstance(test, tuple):
            table.add_row(shown(test[0]), "", "", "", "", shown(test[1].code))
            continue
        table.add_row(
            shown(test.name),
            str(test.outcome.images),
            str(test.outcome.neural),
            str(test.outcome.harmed),
            f"{100 * test.share:.1f} %, {100 * test.low:.1f} to {100 * test.high:.1f}" if test.share == test.share else "-",
            "refuted" if test.refuted else "holds" if test.holds else "above",
            f"{test.outcome.against_avif:.3f}",
            f"{test.base.against_avif:.3f}",
            str(test.base.harmed),
        )
    out.print(table)
