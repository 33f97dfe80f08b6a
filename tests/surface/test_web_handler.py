"""The web handler of docs/guide/web.md, behind a real server."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from PIL import Image
from sample_set import Samples

import router

FORMATS = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/jxl", "image/gif", "*/*")
PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "web.md").read_text("utf-8")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[HTTPConnection]:
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def app(" in block]
    names: dict[str, Any] = {"__name__": "app"}
    exec(compile(block, "web.md", "exec"), names)
    with make_server("127.0.0.1", 0, names["app"], handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        yield connection
        connection.close()
        server.shutdown()


def test_the_handler_answers_with_what_the_browser_reads_and_errors_with_their_status(samples: Samples) -> None:
    body = samples["portrait_hopper"].read_bytes()
    with served() as browser:
        for accept, kinds in (("image/avif,image/webp,image/*", {"image/avif", "image/webp"}), ("image/jpeg", {"image/jpeg"})):
            browser.request("POST", "/", body, {"Accept": accept})
            answer = browser.getresponse()
            assert (answer.status, answer.headers["Vary"]) == (200, "Accept")
            assert answer.headers["Content-Type"] in kinds
            assert router.decompress(answer.read()).size == router.decompress(body).size
        graphic = io.BytesIO()
        Image.open(samples["photo_cat"]).quantize(32).save(graphic, "GIF")
        browser.request("POST", "/", graphic.getvalue(), {"Accept": "image/jpeg"})
        answer = browser.getresponse()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg"), answer.read()
        answer.read()
        for wrong, headers, status, says in (
            (b"no image", {}, 415, "NOT_AN_IMAGE"),
            (body, {"Accept": "image/"}, 400, "BAD_ARGUMENT"),
            (body, {"Accept": "text/html"}, 406, "NO_LANE_LEFT"),
            (samples["alpha_logo"].read_bytes(), {"Accept": "image/jpeg"}, 406, "NO_LANE_LEFT"),
            *((body[:-900], {"Accept": accept}, 422, "DAMAGED_IMAGE") for accept in FORMATS),
        ):
            browser.request("POST", "/", wrong, headers)
            answer = browser.getresponse()
            assert (answer.status, answer.reason, answer.headers["Vary"]) == (status, says, "Accept")
            assert says in answer.read().decode()
