"""Read every cell and print what came of it: `python -m training.readers.grid [--format NAME] [--every N] [--base]`."""

from __future__ import annotations

import argparse
import collections
import importlib
import importlib.util
import itertools
import sys
import time
import warnings
from collections.abc import Iterator, Sequence

from training.readers.cell import Cell, CellResult, check

FORMATS = {
    "TIFF": "tiff.cells",
    "PNG": "png.cells",
    "BMP": "bmp.cells",
    "Netpbm": "simple.netpbm",
    "GIF": "simple.gif",
    "JPEG": "coded.jpeg",
    "WebP": "coded.webp",
    "AVIF": "coded.avif",
    "JPEG XL": "coded.jpeg_xl",
}
"""Module and function that give a format's cells."""
VERDICTS = ("right", "refused", "called damaged", "wrong")


def cells(only: str | None = None, every: int = 1) -> Iterator[Cell]:
    """All cells, or those of one format; every n-th of a format."""
    for name, where in FORMATS.items():
        if only is None or name == only:
            module, function = where.split(".")
            makers = getattr(importlib.import_module(f"training.readers.{module}"), function)()
            yield from (make() for make in itertools.islice(makers, 0, None, every))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if a cell was read wrong or a valid file called damaged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=FORMATS)
    parser.add_argument("--every", type=int, default=1, help="only every n-th cell")
    parser.add_argument("--by", default="", help="axes of the table, with commas between")
    parser.add_argument("--show", type=int, default=10, help="so many of the cells that failed, one a reason")
    parser.add_argument("--base", action="store_true", help="as if the `depth` extra were not installed")
    options = parser.parse_args(arguments)
    if options.base:
        find_spec = importlib.util.find_spec
        importlib.util.find_spec = lambda name, package=None: None if name == "imagecodecs" else find_spec(name, package)
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    results = [check(cell) for cell in cells(options.format, options.every)]
    print(table(results, [axis for axis in options.by.split(",") if axis]))
    print(f"\n{len(results)} cells in {time.perf_counter() - began:.0f} s")
    failed = [r for r in results if r.verdict in ("wrong", "called damaged")]
    seen: dict[str, CellResult] = {}
    for result in failed:
        seen.setdefault(f"{result.verdict}: {result.why}"[:60], result)
    for result in list(seen.values())[: options.show]:
        print(f"{result.verdict}: {result.cell.name}: {result.why}")
    denied = [r for r in results if r.witnessed is False]
    for result in denied[: options.show]:
        print(f"the witness reads something else: {result.cell.name}")
    return 1 if failed else 0


def table(results: Sequence[CellResult], axes: Sequence[str] = ()) -> str:
    """A row for each format, and for each value of `axes` within it."""
    rows: dict[tuple[str, ...], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for result in results:
        key = (result.cell.format, *(result.cell.axes.get(axis, "") for axis in axes))
        rows[key][result.verdict] += 1
        rows[key]["cells"] += 1
        rows[key]["witness"] += bool(result.witnessed)
        rows[key]["denied"] += result.witnessed is False
    columns = ("cells", *VERDICTS, "witness", "denied")
    lines = ["| " + " | ".join(("format", *axes, *columns)) + " |"]
    lines.append("|" + "---|" * (1 + len(axes)) + "---:|" * len(columns))
    for key in rows:
        lines.append("| " + " | ".join((*key, *(str(rows[key][c]) for c in columns))) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
