"""`codec-router score`: how far images lie from what the neural codec knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import InputFile, expand
from router.cli.reporting import Tally, console, progress
from router.errors import UsageError
from router.reasons import ReasonCode


def command(
    inputs: o.Inputs,
    heatmap: Annotated[Path | None, typer.Option("--heatmap", help="Write the tile scores of one input as a PNG.")] = None,
    force: o.ForceOption = False,
    first_frame: o.FirstFrameOption = False,
    no_limits: o.NoLimitsOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Score images: a higher ood_score is further out of distribution."""
    from router.router import Router

    files = expand(inputs)
    if heatmap is not None and len(files) != 1:
        raise UsageError("--heatmap takes one input", code=ReasonCode.BAD_ARGUMENT)
    router, tally = Router(limits=o.limits_from(no_limits)), Tally(as_json)
    rows: list[tuple[str, dict[str, Any]]] = []
    for file in progress(files, len(files), as_json):

        def work(file: InputFile = file) -> dict[str, Any]:
            report = router.score(file.path, heatmap=heatmap is not None, first_frame=first_frame)
            document = report.to_dict()
            if heatmap is not None and report.heatmap is not None:
                document["heatmap"] = str(_write_heatmap(heatmap, report.heatmap, force))
            return document

        document = tally.run(str(file.path), work)
        if document is not None:
            rows.append((str(file.relative), document))
    if rows and not as_json:
        _print(rows)
    tally.exit()


def _write_heatmap(path: Path, scores: Any, force: bool) -> Path:
    """Scores as gray levels, lowest black, highest white, sixteen pixels a tile."""
    import numpy as np

    from router.codecs.png import PngCodec
    from router.files import write_atomically
    from router.images.arrays import from_pixels

    low, high = float(scores.min()), float(scores.max())
    gray = np.round((scores - low) / max(high - low, 1e-9) * 255).astype(np.uint8)
    pixels = np.kron(gray, np.ones((16, 16), np.uint8))[..., None]
    target = path if path.suffix.lower() == ".png" else path.with_name(path.name + ".png")
    return write_atomically(target, PngCodec().encode(from_pixels(pixels), {}), overwrite=force)


def _print(rows: list[tuple[str, dict[str, Any]]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("input")
    for title in ("ood_score", "p_value"):
        table.add_column(title, justify="right")
    table.add_column("in distribution")
    for name, d in rows:
        known = "[green]yes[/]" if d["in_distribution"] else "[red]no[/]"
        table.add_row(escape(name), f"{d['ood_score']:.3f}", f"{d['p_value']:.4f}", known)
    console().print(table)
