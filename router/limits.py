"""Limits on what is decoded. On by default, checked from headers before pixels are allocated."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.errors import LimitError
from router.process.memory import machine_memory
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Limits:
    """Largest image that is read. None lifts a limit: an explicit choice of the caller.

    Defaults: 178,956,970 pixels (Pillow's own error level), 65,535 px a side, 1 GiB of file; of memory three quarters of what the
    machine or its container has (`router.process.memory.machine_memory`).

    Attributes:
        memory: bytes that the work on one image may take, beside what the process holds already. What needs more is refused
            before it begins: a codec, so that the next one is tried, or the reading of the source.
    """

    max_pixels: int | None = 178_956_970
    max_side: int | None = 65_535
    max_file_bytes: int | None = 1 << 30
    memory: int | None = field(default_factory=machine_memory)

    def check_size(self, width: int, height: int) -> None:
        """Raise LimitError if an image of this size may not be decoded."""
        if self.max_side is not None and max(width, height) > self.max_side:
            raise LimitError(
                f"a side of {max(width, height)} px is longer than the limit of {self.max_side}",
                code=ReasonCode.SIDE_TOO_LONG,
                hint="Pass limits=Limits(max_side=None), or --no-limits, if you trust the source",
                width=width,
                height=height,
            )
        if self.max_pixels is not None and width * height > self.max_pixels:
            raise LimitError(
                f"{width}x{height} is more than the limit of {self.max_pixels} pixels",
                code=ReasonCode.TOO_MANY_PIXELS,
                hint="Pass limits=Limits(max_pixels=None), or --no-limits, if you trust the source",
                width=width,
                height=height,
            )

    def check_bytes(self, count: int) -> None:
        """Raise LimitError if a file of this many bytes may not be read."""
        if self.max_file_bytes is not None and count > self.max_file_bytes:
            raise LimitError(
                f"{count} bytes are more than the limit of {self.max_file_bytes}",
                code=ReasonCode.FILE_TOO_LARGE,
                hint="Pass limits=Limits(max_file_bytes=None), or --no-limits, if you trust the source",
            )

    def check_memory(self, count: int, what: str) -> None:
        """Raise LimitError if work that takes this many bytes may not begin; `what` names it."""
        if self.memory is not None and count > self.memory:
            raise LimitError(
                f"{what} takes about {count / 1e9:.1f} GB of memory, the limit is {self.memory / 1e9:.1f} GB",
                code=ReasonCode.MEMORY_LIMIT,
                hint="Pass limits=Limits(memory=BYTES), or --no-limits, if there is more, or a smaller picture",
                bytes=count,
                limit=self.memory,
            )


DEFAULT_LIMITS = Limits()
NO_LIMITS = Limits(None, None, None, None)
