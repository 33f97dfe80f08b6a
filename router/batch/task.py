"""What a run has to do: one source, the name it is known by, and where its output goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """One image.

    Attributes:
        source: path of the file.
        name: its name below the folder that was named, with `/` between the parts: what the journal knows it by.
        destination: path of the output, without the suffix that the codec adds.
        state: size and modification time of the source: while it stays, the source counts as unchanged.
        replaces: path of what an earlier run wrote for this source: it may be overwritten, and is removed where the new output
            has another name. "" where there is none.
        again: whether an earlier try ended with its worker, perhaps after the output was written.
    """

    source: str
    name: str
    destination: str
    state: str
    replaces: str = ""
    again: bool = False


def source_state(path: Path) -> str:
    """Size in bytes and modification time in ns; "" where the file cannot be asked. The work says why it cannot be read."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def tasks(files: Iterable[tuple[Path, Path]], output: Path) -> Iterator[Task]:
    """Tasks for (path, relative name) pairs that go to a folder. Lazy: each file is asked for its state when its turn comes."""
    folder = output.as_posix()
    for path, relative in files:
        name = relative.as_posix()
        yield Task(str(path), name, f"{folder}/{name}", source_state(path))
