"""What a run did, by lane: counted as rows come, so that memory does not grow with the number of images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from router.batch.row import Row, State


@dataclass
class LaneTotal:
    """Images, bytes and seconds of one lane."""

    images: int = 0
    source_bytes: int = 0
    output_bytes: int = 0
    seconds: float = 0.0

    @property
    def saved(self) -> float | None:
        """Share of the sources' bytes saved; None where there were none."""
        return None if not self.source_bytes else 1 - self.output_bytes / self.source_bytes

    def add(self, row: Row) -> None:
        """Count one finished image."""
        self.images += 1
        self.source_bytes += row.source_bytes or 0
        self.output_bytes += row.output_bytes or 0
        self.seconds += row.seconds


@dataclass
class Summary:
    """Totals of a run.

    Attributes:
        lanes: of finished images, by lane.
        total: over all lanes.
        failures: images by error code.
        failures_before: images that failed before and were not tried again, by error code.
        skipped: images done before.
        worst: the finished image that fell furthest below its quality target, None where none did.
        exit_codes: of failed images, those that failed before included.
    """

    lanes: dict[str, LaneTotal] = field(default_factory=dict)
    total: LaneTotal = field(default_factory=LaneTotal)
    failures: Counter[str] = field(default_factory=Counter)
    failures_before: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    worst: Row | None = None
    exit_codes: set[int] = field(default_factory=set)

    @property
    def failed(self) -> int:
        """Images that failed in this run."""
        return self.failures.total()

    @property
    def failed_before(self) -> int:
        """Images that failed before and were not tried again."""
        return self.failures_before.total()

    @property
    def images(self) -> int:
        """Every image that the run looked at."""
        return self.total.images + self.failed + self.skipped + self.failed_before

    def add(self, row: Row) -> None:
        """Count one row."""
        if row.state is State.SKIPPED:
            self.skipped += 1
        elif row.state is State.FAILED_BEFORE:
            self.failures_before[row.code] += 1
            self.exit_codes.add(row.exit_code)
        elif row.state is State.FAILED:
            self.failures[row.code] += 1
            self.exit_codes.add(row.exit_code)
        else:
            self.lanes.setdefault(row.lane, LaneTotal()).add(row)
            self.total.add(row)
            miss = row.miss
            if miss is not None and miss < 0 and (self.worst is None or miss < (self.worst.miss or 0)):
                self.worst = row

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "images": self.images,
            "done": self.total.images,
            "skipped": self.skipped,
            "failed": self.failed,
            "failed_before": self.failed_before,
            "failures": dict(self.failures),
            "failures_before": dict(self.failures_before),
            "lanes": {name: vars(lane) | {"saved": lane.saved} for name, lane in sorted(self.lanes.items())},
            "source_bytes": self.total.source_bytes,
            "output_bytes": self.total.output_bytes,
        }
