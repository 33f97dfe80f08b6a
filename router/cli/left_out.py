"""What a search of folders did not take: for people lines on standard error, for machines a JSON object."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from router.cli.reporting import console, emit, shown
from router.files.named import is_folder
from router.folders import LeftOut

_NAMES = 5
"""Names a kind in the line for people; JSON has them all."""


def tell(left_out: LeftOut, folders: Iterable[Path], as_json: bool) -> None:
    """Nothing if nothing was left out. Files that are no images are counted by suffix."""
    if as_json:
        if left_out.kinds:
            kinds = {kind: [str(path) for path in paths] for kind, paths in left_out.kinds.items()}
            name = ", ".join(str(path) for path in folders if is_folder(path))
            emit({"input": name, "ok": True, "left_out": kinds, "other_files": left_out.others})
        return
    screen = console(stderr=True)
    for kind, paths in left_out.kinds.items():
        names = ", ".join(shown(path) for path in paths[:_NAMES]) + (", ..." if len(paths) > _NAMES else "")
        screen.print(f"[yellow]left out:[/] {len(paths)} {shown(kind)}: {names}", soft_wrap=True)
    if left_out.others:
        counts = ", ".join(f"{count} {shown(suffix)}" for suffix, count in sorted(left_out.others.items()))
        screen.print(f"[dim]left out, no images: {counts}[/]", soft_wrap=True)
