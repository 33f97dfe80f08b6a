"""`codec-router evaluate`: rate-distortion points of images, and what every policy, baseline and target costs by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli.left_out import tell
from router.cli.live import counting
from router.cli.reporting import SOME_FAILED, Tally, console, fail, shown
from router.cli.untouched import Untouched
from router.errors import CodecUnavailableError, InputError, UsageError
from router.folders import LeftOut
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.evaluation.measure.folder import MeasuredImage
    from router.evaluation.page.survival import Survival
    from router.evaluation.report import EvaluationPlan, Report


def command(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of images, or of folders of images: each of these is a domain.", metavar="DIR..."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="REPORT", help="Folder for page, tables, results.json.")],
    targets: Annotated[str, typer.Option("--targets", help="SSIMULACRA2 values, with commas.")] = "30,50,70,85",
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", "-p", help="Shipped policy, or a YAML file; repeatable; by default balanced."),
    ] = None,
    codecs: Annotated[
        str,
        typer.Option("--codecs", help="Families with commas: jpeg, webp, avif, jxl, ncr, lossless; classical for all but ncr."),
    ] = "classical,ncr",
    quick: Annotated[
        bool, typer.Option("--quick", help="A subset only: 6 images a domain, and centre crops of at most 512 px a side.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Images at a time, one thread each; -1 is one a core.")] = -1,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", help="Folder of measured points, for any number of reports; by default REPORT/cache."),
    ] = None,
    max_side: Annotated[int | None, typer.Option("--max-side", min=64, help="Centre crop, in px, to bound the cost.")] = None,
    natural: Annotated[
        str, typer.Option("--natural", metavar="DOMAINS", help="Domains, with commas, that the detector should know.")
    ] = "natural",
    butteraugli: Annotated[
        bool, typer.Option("--butteraugli", help="Judge harm by Butteraugli too; needs butteraugli_main (apt: libjxl-devtools).")
    ] = False,
    survival: Annotated[
        Path | None, typer.Option("--survival", metavar="FILE", help="Figures of training.guard.survival to show on the page.")
    ] = None,
) -> None:
    """Measure images with every codec and compare policies at matched quality. What was measured before is not measured again."""
    tally = Tally(as_json=False)
    with tally.setup(folders):
        from router.evaluation import report
        from router.policy.load import policy_file

        report.require_packages()
        kept = None if survival is None else _survival(survival)
        left_out = LeftOut()
        plan = _plan(folders, left_out, _numbers(targets), policies or ["balanced"], codecs.split(","), jobs, max_side)
        domains, program = [name.strip() for name in natural.split(",")], _program() if butteraugli else None
        plan = replace(plan, natural=domains, butteraugli=program)
        if quick:
            plan = plan.quickened()
        read = [picture.path for picture in plan.pictures] + [policy_file(policy) for policy in policies or ["balanced"]]
        untouched = Untouched([*read, *([] if survival is None else [survival])])
        for name in report.FILES:
            untouched.check(output / name)
        with counting(len(plan.pictures), quiet=False, plain=True, finished=True) as measured:
            found = report.evaluate(plan, cache or output / "cache", lambda image: measured(_name(image)))
        files = report.write(found, output)
        files.append(report.write_page(found, plan, output, cache or output / "cache", kept))
    _print(found)
    for file in files:
        console().print(f"[dim]{shown(file)}[/]", soft_wrap=True)
    tell(left_out, folders, as_json=False)
    for path, problem in left_out.problems:
        fail(problem, str(path))
    failed = found.results["run"]["failed"]
    for domain, image, code, message in failed:
        fail(InputError(message, code=ReasonCode(code)), f"{domain}/{image}")
    if failed or left_out.problems:
        raise typer.Exit(SOME_FAILED)


def _plan(
    folders: list[Path],
    left_out: LeftOut,
    targets: list[float],
    policies: list[str],
    codecs: list[str],
    jobs: int,
    max_side: int | None,
) -> EvaluationPlan:
    from router.evaluation.measure.pictures import pictures_in
    from router.evaluation.measure.variants import choose
    from router.evaluation.report import EvaluationPlan
    from router.policy.load import load

    loaded = [load(policy) for policy in policies]
    if len({policy.name for policy in loaded}) < len(loaded):
        raise UsageError("two policies have one name", code=ReasonCode.BAD_ARGUMENT, hint="Change the name in one of the files")
    families = choose(name.strip() for name in codecs)
    if jobs == 0 or jobs < -1:
        raise UsageError(f"--jobs {jobs} is neither -1 nor a count", code=ReasonCode.BAD_ARGUMENT)
    return EvaluationPlan(pictures_in(folders, left_out), families, loaded, targets, jobs, max_side)


def _program() -> Path:
    from router.evaluation.measure import butteraugli

    found = butteraugli.find()
    if found is None:
        raise CodecUnavailableError(
            f"{butteraugli.PROGRAM} is not installed", code=ReasonCode.MISSING_EXTRA, hint=butteraugli.HINT
        )
    return found


def _survival(file: Path) -> list[Survival]:
    from router.evaluation.page.survival import survival

    return survival(file)


def _numbers(text: str) -> list[float]:
    from router.quality.target import Target

    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--targets {text!r} is not numbers with commas", code=ReasonCode.BAD_ARGUMENT, hint="For example --targets 50,70"
        ) from None
    return sorted({Target.quality(value).value for value in values})


def _name(measured: MeasuredImage) -> str:
    return f"{measured.picture.domain}/{measured.picture.image}"


def _print(report: Report) -> None:
    from rich.table import Table

    from router.evaluation.summary import share_of_seconds

    cropped = report.results["run"]["max_side"] is not None
    for target, domains in report.results["targets"].items():
        pooled = domains["all"]
        table = Table(title=f"SSIMULACRA2 {target}, {pooled['images']} images", box=None, title_justify="left", pad_edge=False)
        table.add_column("")
        titles = ("bytes / always-AVIF", "bytes / oracle", "seconds / oracle", "out of reach", "target missed")
        for title in (*titles, "harmed / neural images"):
            table.add_column(title, justify="right")
        # With several policies there are several oracles: a baseline's seconds are in results.json.
        most = {policy["oracle"]["seconds"] for policy in pooled["policies"].values()}
        for name, baseline in pooled["rivals"].items():
            harm = _harm(baseline["harm"]) if "harm" in baseline else ""
            seconds = _share(baseline["seconds"] / max(most)) if len(most) == 1 and max(most) else ""
            table.add_row(name, _share(baseline["against_avif"]), "", seconds, str(baseline["out_of_reach"]), "", harm)
        for name, policy in pooled["policies"].items():
            for title, oracle in ((f"oracle of {shown(name)}", policy["oracle"]), ("  within the rule", policy["permitted"])):
                shares = [
                    oracle[what] / policy["oracle"][what] if policy["oracle"][what] else None for what in ("bytes", "seconds")
                ]
                table.add_row(title, _share(oracle["against_avif"]), *map(_share, shares), "", "", "")
            table.add_row(
                f"[bold]router, {shown(name)}[/]",
                _share(policy["against_avif"]),
                _share(None if policy["regret"] is None else 1 + policy["regret"]),
                _share(share_of_seconds(policy, cropped)),
                str(policy["out_of_reach"]),
                _missed(policy["search"]),
                _harm(policy["harm"]),
            )
        console().print(table)
    if cropped and report.results["run"]["policies"]:
        console().print("[dim]seconds: of searching in the crops; deciding, on whole files, is not in them[/]", soft_wrap=True)
    for name, found in report.results["harm"].get("butteraugli", {}).get("policies", {}).items():
        alone = found["all"]["by_butteraugli_alone"]
        text = f"{_harm(found['all'])}, {alone} of them by Butteraugli alone"
        console().print(f"harmed / neural images over all targets, with Butteraugli, {shown(name)}: {text}", soft_wrap=True)


def _missed(search: dict[str, Any] | None) -> str:
    return "-" if search is None else f"{search['missed']} / {search['searched']}"


def _harm(harm: dict[str, Any]) -> str:
    share = harm["per_neural_image"]
    text = f"{harm['harmed_images']} / {harm['neural_images']}"
    return text + (f", {100 * share['low']:.0f} to {100 * share['high']:.0f} %" if harm["neural_images"] else "")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
