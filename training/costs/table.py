"""What a check found, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.costs.measure import CostRow


def table(rows: Sequence[CostRow]) -> str:
    """One line a codec, one column a size: the median of real / predicted, and how many lie in the stated band."""
    sizes = sorted({row.size for row in rows})
    lines = [
        f"| codec | {' | '.join(f'{size:g} MP' for size in sizes)} | all | 5 % to 95 % | encodings | real / foreseen |",
        "|---" * (len(sizes) + 5) + "|",
    ]
    for codec in dict.fromkeys(row.codec for row in rows):
        lines.append(_line(codec, [row for row in rows if row.codec == codec], sizes))
    lines.append(_line("all", rows, sizes))
    return "\n".join(lines)


def waiting(rows: Sequence[CostRow]) -> float:
    """Median of wall time / CPU time of what runs on one thread: above 1, others had the CPU."""
    ratios = [row.wall / row.cpu for row in rows if row.codec in ("png", "webp-lossless") and row.cpu > 0]
    return float(np.median(ratios)) if ratios else float("nan")


def _line(name: str, rows: Sequence[CostRow], sizes: Sequence[float]) -> str:
    cells = [_cell([row for row in rows if row.size == size]) for size in sizes]
    low, high = np.quantile([row.ratio for row in rows], [0.05, 0.95])
    encodings = np.mean([row.encodings for row in rows])
    foreseen = np.median([row.real / row.foreseen for row in rows])
    return f"| {name} | {' | '.join(cells)} | {_cell(rows)} | {low:.2f} to {high:.2f} | {encodings:.2f} | {foreseen:.2f} |"


def _cell(rows: Sequence[CostRow]) -> str:
    if not rows:
        return "-"
    return f"{np.median([row.ratio for row in rows]):.2f}, {sum(row.within for row in rows)} of {len(rows)}"
