"""`codec-router drift`: does a log's stream still look like the photographs that the detector was calibrated on?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console, shown


def command(
    log: Annotated[Path, typer.Argument(help="A log of run records (JSON lines), as `compress --log` writes it.", metavar="LOG")],
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many of the latest scores to look at.")] = 1000,
    detector: o.DetectorOption = None,
    alpha: Annotated[float, typer.Option("--alpha", help="The policy's line: p-values up to it are out of distribution.")] = 0.05,
    as_json: o.JsonOption = False,
) -> None:
    """Test whether the last scores of a log are still those of calibration photographs. Exit code 0 either way."""
    tally = Tally(as_json)
    with tally.setup([log]):
        from router.detector.detector import Detector

        used = Detector.load(detector)

    def work() -> dict[str, object]:
        from router.detector.drift import drift, last_p_values
        from router.files.named import read_bytes

        values = last_p_values(read_bytes(log).decode("utf-8", "replace").splitlines(), used.id, last)
        report = drift(values, used.calibrated_on, alpha)
        if not as_json:
            low, high = report.expected
            screen = console()
            screen.print(f"{shown(log)}: the last {report.images} scores of {used.id}")
            screen.print(f"  flagged at {alpha:g}: {report.flagged}, {low} to {high} expected")
            distance = f"Kolmogorov-Smirnov distance {report.statistic:.3f}, p {report.p_value:.4f}"
            screen.print(f"  {distance}, mean p-value {report.mean_p_value:.3f}")
            screen.print("[red]drifted[/]" if report.drifted else "[green]no sign of drift[/]")
        return report.to_dict()

    tally.run(log, work)
    tally.exit()
