"""What a run does, for Prometheus: decisions, failures, seconds and bytes, served while the run goes on.

Names of images never become labels: there may be millions, and they may be private.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from router.batch.row import Row, State
from router.batch.task import Task
from router.errors import OutputNotWritableError, UsageError
from router.extras import require
from router.reasons import ReasonCode

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_BYTES = tuple(10.0**k * m for k in range(3, 9) for m in (1, 3))
LOOPBACK = "127.0.0.1"


class Metrics:
    """Counts the rows of a run; a registry of its own, so that several runs in one process do not meet."""

    def __init__(self) -> None:
        """Raises CodecUnavailableError (MISSING_EXTRA) without prometheus-client."""
        require("batch", "metrics", "prometheus_client")
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = registry = CollectorRegistry()
        prefix = "codec_router"
        self._decisions = Counter(f"{prefix}_decisions", "Images done.", ("lane", "codec", "rule"), registry=registry)
        self._failures = Counter(f"{prefix}_failures", "Images that failed.", ("code",), registry=registry)
        self._skipped = Counter(f"{prefix}_skipped", "Images done by an earlier run.", registry=registry)
        self._seconds = Histogram(
            f"{prefix}_seconds", "Of an image in its worker.", ("lane",), registry=registry, buckets=_SECONDS
        )
        self._source = Histogram(f"{prefix}_source_bytes", "Of a source.", ("lane",), registry=registry, buckets=_BYTES)
        self._output = Histogram(f"{prefix}_output_bytes", "Of an output.", ("lane",), registry=registry, buckets=_BYTES)
        self._in_flight = Gauge(f"{prefix}_in_flight", "Images that are being worked on.", registry=registry)
        self._begun: set[str] = set()

    def begin(self, task: Task) -> None:
        """An image is begun."""
        self._begun.add(task.name)
        self._in_flight.set(len(self._begun))

    def add(self, row: Row) -> None:
        """Count one row."""
        self._begun.discard(row.name)
        self._in_flight.set(len(self._begun))
        if row.state is State.SKIPPED:
            self._skipped.inc()
        elif row.state is State.DONE:
            self._decisions.labels(row.lane, row.codec, row.rule).inc()
            self._seconds.labels(row.lane).observe(row.seconds)
            self._source.labels(row.lane).observe(row.source_bytes or 0)
            self._output.labels(row.lane).observe(row.output_bytes or 0)
        else:
            self._failures.labels(row.code).inc()


def parse_place(place: str) -> tuple[str, int]:
    """PORT, or HOST:PORT -> (host, port); loopback unless a host is named. Raises UsageError (BAD_ARGUMENT)."""
    host, _, port = place.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f"{place!r} is no port", code=ReasonCode.BAD_ARGUMENT, hint="Write PORT, or HOST:PORT")
    return host.strip("[]") or LOOPBACK, int(port)


@contextmanager
def served(metrics: Metrics, place: str) -> Iterator[int]:
    """Serve them at `/metrics` of PORT or HOST:PORT meanwhile; gives the port, which the system chooses for 0.

    Raises UsageError (BAD_ARGUMENT), OutputNotWritableError (OUTPUT_NOT_WRITABLE) where the port cannot be had.
    """
    from prometheus_client import start_http_server

    host, port = parse_place(place)
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise OutputNotWritableError(
            f"cannot serve metrics at {host}:{port}: {error.strerror or error}",
            code=ReasonCode.OUTPUT_NOT_WRITABLE,
            hint="Choose another port",
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
