"""`codec-router fit`: a detector for your own photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.left_out import tell
from router.cli.live import progress
from router.cli.reporting import Tally, console, shown
from router.errors import OutputExistsError, UsageError
from router.extras import require
from router.files.named import exists
from router.folders import LeftOut
from router.reasons import ReasonCode


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of in-distribution images, searched recursively.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; its name becomes the detector's id.")],
    held_out: Annotated[
        Path | None, typer.Option("--held-out", help="Folder of other images to calibrate with; a third of DIR by default.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", help="Share of in-distribution images that may be called out.")] = 0.05,
    views: Annotated[int, typer.Option("--views", min=1, help="Views of each image to fit on.")] = 2,
    as_they_are: Annotated[
        bool, typer.Option("--as-they-are", help="Do not give images other histories (JPEG, resizing): your stream has one.")
    ] = False,
    cache: Annotated[Path | None, typer.Option("--cache", help="Folder for embeddings: a stopped run goes on from it.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 1,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    force: o.ForceOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Fit and calibrate a detector on your own images; use it with --detector FOLDER.

    Takes 99 photographs of different scenes or more, in colour, each
    at least 640 px a side (224 with --as-they-are): 60 to fit on and 39
    to calibrate with at alpha 0.05 (2 / alpha - 1). Gray collections
    take as many, and give a detector to which colour is foreign.

    What is there, by kind, and how long it will take is told before
    any work: 2 to 4 seconds of one core a photograph.
    """
    tally, left_out = Tally(as_json), LeftOut()

    def work() -> dict[str, Any]:
        if exists(output) and not force:
            raise OutputExistsError(f"{output} exists", code=ReasonCode.OUTPUT_EXISTS, hint="Use --force to overwrite it")
        if not 0 < alpha < 1:
            raise UsageError(f"alpha must lie in (0, 1), not {alpha}", code=ReasonCode.BAD_ARGUMENT)
        require("fit", "fitting", "sklearn", "scipy", "joblib", "torch")
        from router.detector.fit import outlier_exposure
        from router.detector.fit.from_folder import fit_folder
        from router.detector.fit.plan import plan_fit, smallest_collection

        outlier_exposure.located()

        def bar(results: Iterator[Any], total: int) -> Iterator[Any]:
            return iter(progress(results, total, as_json))

        def told(line: str) -> None:
            if not as_json:
                console(stderr=True).print(f"[dim]{line}[/]")

        told(f"A fit takes {smallest_collection(alpha)} photographs of different scenes, or more; looking at {shown(folder)}")
        plan = plan_fit(
            folder,
            held_out=held_out,
            alpha=alpha,
            mixed=not as_they_are,
            views=views,
            jobs=jobs,
            seed=seed,
            progress=bar,
            left_out=left_out,
        )
        for path, error in plan.unreadable:
            tally.failed(path, error)
        plan.require()
        told(f"{plan}")
        told(f"This takes about {_duration(plan.seconds())} in {jobs} process{'es' if jobs > 1 else ''}, less what --cache holds")
        manifest = fit_folder(
            folder,
            output,
            held_out=held_out,
            alpha=alpha,
            mixed=not as_they_are,
            views=views,
            cache=cache,
            jobs=jobs,
            seed=seed,
            progress=bar,
            plan=plan,
        )
        if not as_json:
            screen = console()
            screen.print(f"{shown(output)}: detector {manifest.detector_id}, {manifest.sha256[:12]}")
            for kind, counts in manifest.provenance["views"].items():
                screen.print(f"  {kind}: fitted on {counts['fitted_views']} views, calibrated on {counts['calibration']}")
        return {
            "detector": manifest.detector_id,
            "sha256": manifest.sha256,
            "provenance": manifest.provenance,
            "photographs": plan.to_dict(),
        }

    tally.run(folder, work)
    tell(left_out, [folder] if held_out is None else [folder, held_out], as_json)
    tally.exit()


def _duration(seconds: float) -> str:
    """A duration in words: 40 seconds, 7 minutes, 1.5 hours."""
    if seconds < 90:
        return f"{10 * max(1, round(seconds / 10))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
