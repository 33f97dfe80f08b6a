"""How the charts of this folder look: small SVG files that read on white and on dark pages."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NEUTRAL = "#7a7a7a"
"""Text and axes where a viewer ignores style sheets: a gray with the same contrast on white and on near black."""

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "codec-router",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.5,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "path.simplify": True,
} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color", "grid.color"), NEUTRAL
)
_SHEET = (
    "<style>@media (prefers-color-scheme:light){text{fill:#24292f!important}}"
    "@media (prefers-color-scheme:dark){text{fill:#d0d7de!important}}</style>"
)


@contextmanager
def chart(file: Path, columns: int = 1, size: tuple[float, float] = (7.2, 4.2)) -> Iterator[Sequence[Axes]]:
    """Axes side by side, saved to `file` at the end. The same drawing gives the same bytes. `size` is in inches."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield list(figure.subplots(1, columns, squeeze=False)[0])
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    head, tag, rest = buffer.getvalue().partition("<defs>")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(head + _SHEET + tag + rest, "utf-8")
