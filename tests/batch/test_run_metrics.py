"""Metrics of a run, as a Prometheus server would scrape them."""

from __future__ import annotations

import urllib.request

import pytest

from router.batch import Row, State, Task
from router.batch.metrics import Metrics, parse_place, served
from router.errors import OutputNotWritableError, UsageError


def test_rows_become_figures_without_names() -> None:
    metrics = Metrics()
    for name in ("secret1", "secret2"):
        metrics.begin(Task(name, name, "", ""))
    metrics.add(
        Row(
            "secret1",
            State.DONE,
            lane="classical",
            codec="avif",
            rule="otherwise",
            source_bytes=9000,
            output_bytes=900,
            seconds=0.3,
        )
    )
    metrics.add(Row("secret3", State.SKIPPED))
    metrics.add(Row("secret4", State.FAILED, code="DAMAGED_IMAGE"))
    with served(metrics, "0") as port:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        with pytest.raises(OutputNotWritableError), served(Metrics(), str(port)):
            pass
    lines = text.splitlines()
    assert 'codec_router_decisions_total{codec="avif",lane="classical",rule="otherwise"} 1.0' in lines
    assert 'codec_router_failures_total{code="DAMAGED_IMAGE"} 1.0' in lines
    assert "codec_router_skipped_total 1.0" in lines
    assert "codec_router_in_flight 1.0" in lines
    assert 'codec_router_seconds_bucket{lane="classical",le="0.5"} 1.0' in lines
    assert 'codec_router_output_bytes_sum{lane="classical"} 900.0' in lines
    assert "secret" not in text
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


@pytest.mark.parametrize(
    ("place", "parsed"), [("9100", ("127.0.0.1", 9100)), ("0.0.0.0:1", ("0.0.0.0", 1)), ("[::1]:65535", ("::1", 65535))]
)
def test_places(place: str, parsed: tuple[str, int]) -> None:
    assert parse_place(place) == parsed


@pytest.mark.parametrize("place", ["", "x", "70000", "host:", "1:-2", "٣"])
def test_what_is_no_port(place: str) -> None:
    with pytest.raises(UsageError):
        parse_place(place)
