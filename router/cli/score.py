"""`codec-router score`: how far images lie from what the neural codec knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import InputFile, expand
from router.cli.left_out import tell
from router.cli.live import progress
from router.cli.reporting import Tally, console, shown
from router.cli.untouched import Untouched
from router.errors import UsageError
from router.folders import LeftOut
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.detector.report import OodReport
    from router.images.sample import ImageSample


def command(
    inputs: o.Inputs,
    heatmap: Annotated[
        Path | None, typer.Option("--heatmap", help="Write the tile scores of one input as a PNG, over the image.")
    ] = None,
    detector: o.DetectorOption = None,
    force: o.ForceOption = False,
    first_frame: o.FirstFrameOption = False,
    no_limits: o.NoLimitsOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Score images: a higher ood_score is further out of distribution."""
    tally, left_out = Tally(as_json), LeftOut()
    with tally.setup(inputs):
        from router.images.read import read
        from router.routing.router import Router

        files = expand(inputs, left_out=left_out)
        if heatmap is not None and len(files) != 1:
            raise UsageError(
                f"--heatmap takes one input, not {len(files)}",
                code=ReasonCode.BAD_ARGUMENT,
                hint="Call it once for each image",
            )
        untouched = Untouched([*(file.path for file in files), *o.files_of(None, detector)])
        limits = o.limits_from(no_limits)
        router = Router(detector=o.detector_from(detector), limits=limits)
    rows: list[tuple[Path, dict[str, Any]]] = []
    for file in progress(files, len(files), as_json, name=lambda file: str(file.relative), tally=tally):

        def work(file: InputFile = file) -> dict[str, Any]:
            sample = read(file.source(limits), limits=limits, first_frame=first_frame)
            report = router.score(sample, heatmap=heatmap is not None)
            document = report.to_dict()
            if heatmap is not None:
                target = heatmap if heatmap.suffix.lower() == ".png" else heatmap.with_name(heatmap.name + ".png")
                document["heatmap"] = str(_write_heatmap(untouched.check(target), sample, report, force))
            return document

        document = tally.run(file.path, work)
        if document is not None:
            rows.append((file.path, document))
    if rows and not as_json:
        _print(rows)
    tell(left_out, inputs, as_json)
    tally.exit()


def _write_heatmap(path: Path, sample: ImageSample, report: OodReport, force: bool) -> Path:
    from router.codecs.png import PngCodec
    from router.display.heat_map import picture
    from router.files.named import write_atomically
    from router.images.arrays import from_pixels

    return write_atomically(path, PngCodec().encode(from_pixels(picture(sample, report)), {}), overwrite=force)


def _print(rows: list[tuple[Path, dict[str, Any]]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("input", overflow="fold")
    for title in ("ood_score", "p_value"):
        table.add_column(title, justify="right")
    table.add_column("in distribution")
    for path, d in rows:
        known = "[green]yes[/]" if d["in_distribution"] else "[red]no[/]"
        table.add_row(shown(path), f"{d['ood_score']:.3f}", f"{d['p_value']:.4f}", known)
    console().print(table)
    for _, d in rows:
        if "heatmap" in d:
            console().print(f"[dim]heatmap: {shown(d['heatmap'])}[/]", soft_wrap=True)
