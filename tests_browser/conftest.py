"""A real report of real images, and a real browser to open it in: Debian's chromium, or the one that CHROMIUM names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from evaluation.pieces import crop
from playwright.sync_api import Browser, Page, sync_playwright

HOSTILE = '<img src=x onerror=alert(1)> & "more"'
"""A domain: a folder may be named so."""
_COMMAND = "from router.cli.main import main; main()"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing of the browser's own may go to the network either; --no-sandbox for root in a container.
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_FLAGS += ["--disable-component-update", "--disable-sync"]


@dataclass
class Visit:
    """A page with what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


Open = Callable[..., Visit]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of `codec-router evaluate`: three domains, three policies, three targets, the neural codec, survival figures."""
    root = tmp_path_factory.mktemp("report")
    for domain, names in {
        "natural": ("photo_coffee", "photo_cat"),
        "graphic": ("chart_rates",),
        HOSTILE: ("photo_astronaut",),
    }.items():
        for name in names:
            crop(root / "in" / domain, name, 192)
    left = {"avif": 1.0, "again": 0.95, "webp": 0.9, "neural": 0.7, "router": 0.9}
    seen = {way: {"contrast": contrast} for way, contrast in left.items()}
    seen["stopped"] = {"full": "", "strict": "marks fade"}
    rows = [seen | {"domain": "graphic", "target": target} for target in (50.0, 75.0)]
    (root / "survival.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    arguments = ["evaluate", root / "in", "-o", root / "out", "--codecs", "avif,jpeg,jxl,ncr,lossless", "--targets", "50,75,85"]
    arguments += ["-p", "balanced", "-p", "web", "-p", "archival", "--jobs", "1", "--survival", root / "survival.json"]
    subprocess.run([sys.executable, "-c", _COMMAND, *map(str, arguments)], check=True)
    return root / "out" / "index.html"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or next((path for name in _NAMES if (path := shutil.which(name))), None)
    assert found, "no Chromium: apt-get install chromium, or name one in CHROMIUM"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Open]:
    """Opens the report; afterwards there must have been no message on the console, no error and no request but the file's own."""
    visits: list[Visit] = []

    def go(width: int = 1366, height: int = 860, **context: object) -> Visit:
        page = browser.new_context(viewport={"width": width, "height": height}, **context).new_page()
        visit = Visit(page)
        page.on("console", lambda message: visit.problems.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: visit.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: visit.problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: visit.problems.append(request.url[:99]) if not _own(request.url) else None)
        page.goto(report.as_uri())
        visits.append(visit)
        return visit

    def _own(url: str) -> bool:
        return url == report.as_uri() or url.startswith("data:")

    yield go
    for visit in visits:
        visit.page.context.close()
        assert visit.problems == []
