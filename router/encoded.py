"""EncodedImage: what `compress` gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from router.files import write_atomically
from router.record import DecisionRecord, RunRecord


@dataclass(frozen=True)
class EncodedImage:
    """Released bytes and the evidence for them.

    Attributes:
        data: the file's bytes; the record is inside where the format has a place for it.
        media_type: for example "image/avif".
        suffix: for example ".avif".
        record: the decision, deterministic.
        run: timings and everything tried; not part of `data`.
    """

    data: bytes = field(repr=False)
    media_type: str
    suffix: str
    record: DecisionRecord
    run: RunRecord = field(repr=False, compare=False)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write to `path` with the suffix added unless it is there; temporary name, then rename. Returns the path written.

        Raises OutputExistsError unless `overwrite`.
        """
        target = Path(path)
        if target.suffix.lower() != self.suffix:
            target = target.with_name(target.name + self.suffix)
        return write_atomically(target, self.data, overwrite=overwrite)
