"""Many encoded files back: what is done with each, as `Options` is for compressing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from router.archive.restoring import Restored, converted, form, original, restored_name
from router.batch import journal
from router.batch.options import digest
from router.batch.placing import Permit, place
from router.batch.row import Row, State
from router.batch.task import Task
from router.batch.work import timed
from router.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True)
class Restoration:
    """Arguments of decompression, the same for every file of a run. Pickled to workers.

    Attributes:
        to: "png", "jpg", "webp", "avif" or "jxl": what is decoded is written as, see `router.archive.restoring.FORMS`.
        originals: transcodes become their JPEGs again, and files that were passed through stay as they are; names are those of
            the sources. Without it every file is decoded, and keeps its whole name before the new suffix.
        decoding: arithmetic of neural files, see `router.decompress`.
        limits: what may be decoded.
    """

    operation: ClassVar[str] = "decompress"

    to: str = "png"
    originals: bool = False
    decoding: str | None = None
    limits: Limits = DEFAULT_LIMITS

    def key(self) -> str:
        """See `Job.key`."""
        from importlib.metadata import version

        return digest({**vars(self), "limits": repr(self.limits), "version": version("codec-router")})

    def perform(self, task: Task, key: str, permit: Permit) -> Row:
        """See `Job.perform`."""

        def work() -> Row:
            path = Path(task.source)
            restored, name = self.restored(path, path)
            wanted = Path(task.destination).with_name(name)
            suffix = restored.suffixes[0] if restored.suffixes else path.suffix or ".bin"
            written = place(restored.data, wanted, suffix, task, permit)
            return Row(
                task.name,
                State.DONE,
                source=task.source,
                source_state=task.state,
                output=str(written),
                lane=restored.lane,
                why=restored.mode,
                source_bytes=path.stat().st_size,
                output_bytes=len(restored.data),
            )

        return timed(task, work)

    def restored(self, source: Path | bytes, name: Path) -> tuple[Restored, str]:
        """What becomes of a file that is called `name`, and what that is called, without folders.

        Raises InputError, LimitError, StreamError, UsageError, CarryError.
        """
        from router.decoding import load

        data = load(source, self.limits)
        if not self.originals:
            restored = converted(data, form(self.to), self.limits, self.decoding)
            return restored, name.name + restored.suffixes[0]
        made = journal.made(source) if isinstance(source, Path) else None
        found = original(data, name.name, None if made is None else made.lane, self.limits)
        restored = found or converted(data, form(self.to), self.limits, self.decoding)
        return restored, restored_name(name.name, None if made is None else made.name, restored)
