"""Addresses (`memory://`, `http://`, a store of the test's own) are taken where a path is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from sample_set import Samples

import router
from router.reasons import ReasonCode


class Depot(DirFileSystem):
    """A disk behind an address: what is written there appears while it is written."""

    protocol = "depot"
    root = ""
    cut = False

    def __init__(self, **options: Any) -> None:
        super().__init__(path=self.root, fs=LocalFileSystem(), **options)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        super().pipe_file(path, value[: len(value) // 2] if self.cut else value, mode=mode, **options)
        if self.cut:
            raise OSError(5, "secret text of a library")


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Path]:
    fsspec.register_implementation("depot", Depot, clobber=True)
    Depot.root, Depot.cut, Depot.cachable = str(tmp_path), False, False
    yield tmp_path
    Depot.cut = False


@pytest.fixture(scope="module")
def server(samples: Samples) -> Iterator[str]:
    picture = samples["alpha_logo"].read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = {"/logo.png": 200, "/lying.png": 200, "/private.png": 403}.get(self.path.partition("?")[0], 404)
            self.send_response(status)
            if "lying" not in self.path:
                self.send_header("Content-Length", str(len(picture) if status == 200 else 0))
            self.end_headers()
            if status == 200 and self.command == "GET":
                self.wfile.write(picture)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("root", ["memory://there", "depot://there/deeper"])
def test_there_and_back(samples: Samples, depot: Path, root: str) -> None:
    written = router.save(samples["alpha_logo"], f"{root}/logo", codec="png", metadata="icc")
    assert written == f"{root}/logo.png"
    assert router.inspect(written).codec == "png"
    assert router.decompress(written).size == router.decompress(samples["alpha_logo"]).size
    assert router.decide(written, policy="archival").lane == "lossless"
    again = router.compress(written, codec="png")
    assert again.run.source == written
    assert again.path_for(f"{root}/a") == f"{root}/a.png"
    with pytest.raises(FileExistsError) as taken:
        again.save(written)
    assert taken.value.code is ReasonCode.OUTPUT_EXISTS
    again.save(written, overwrite=True)
    assert router.inspect(written) == again.record
    with pytest.raises(router.UsageError, match="is a folder"):
        again.save(root)
    with pytest.raises(OSError, match="NOT_A_FILE"):
        router.inspect(root)
    assert not list(depot.rglob("*.part"))


def test_what_breaks_off_leaves_nothing(samples: Samples, depot: Path) -> None:
    encoded = router.compress(samples["alpha_logo"], codec="png")
    encoded.save("depot://x/logo")
    before = (depot / "x" / "logo.png").read_bytes()
    Depot.cut = True
    for name, overwrite in (("logo", True), ("new", False)):
        with pytest.raises(router.OutputNotWritableError) as caught:
            encoded.save(f"depot://x/{name}", overwrite=overwrite)
        assert "secret" not in str(caught.value)
    assert [path.name for path in (depot / "x").iterdir()] == ["logo.png"]
    assert (depot / "x" / "logo.png").read_bytes() == before


def test_over_http(server: str, samples: Samples) -> None:
    assert router.score(f"{server}/logo.png").p_value == router.score(samples["alpha_logo"]).p_value
    secret = f"{server.replace('http://', 'http://me:pa/ss@')}/logo.png?signature=abc#x"
    source = router.compress(f"{server}/logo.png?signature=abc", codec="png").run.source
    assert source == f"{server}/logo.png"
    assert router.compress(samples["alpha_logo"], codec="png").path_for("https://x/a?sig=b::c") == "https://x/a.png?sig=b::c"
    for address, kind, code in (
        (f"{server}/none.png", FileNotFoundError, ReasonCode.NOT_FOUND),
        (f"{server}/private.png?signature=abc", PermissionError, ReasonCode.UNREADABLE),
        (secret.replace("127.0.0.1:", "127.0.0.1:1/"), OSError, ReasonCode.UNREADABLE),
    ):
        with pytest.raises(kind) as caught:
            router.inspect(address)
        assert caught.value.code is code
        assert not any(word in str(caught.value) for word in ("abc", "me:", "pa/ss"))
        assert caught.value.__cause__ is None or address == f"{server}/none.png", "tracebacks show the cause"
    with pytest.raises(router.OutputNotWritableError, match="status 501"):
        router.save(samples["alpha_logo"], f"{server}/new", codec="png")


@pytest.mark.parametrize("address", ["/logo.png", "/lying.png"])
def test_limits_hold_before_and_while_it_arrives(server: str, address: str) -> None:
    with pytest.raises(router.LimitError, match="FILE_TOO_LARGE"):
        router.compress(f"{server}{address}", limits=router.Limits(max_file_bytes=1000))
    fsspec.filesystem("memory").pipe_file("/large", bytes(2000))
    with pytest.raises(router.LimitError, match="FILE_TOO_LARGE"):
        router.inspect("memory://large", limits=router.Limits(max_file_bytes=1000))


@pytest.mark.parametrize(
    ("address", "kind"),
    [("s3://key:secret@bucket/cat", ImportError), ("nowhere://x/cat", ValueError), (Path("s3://bucket/cat"), ValueError)],
)
def test_no_address_becomes_a_local_folder(
    samples: Samples, address: str | Path, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as caught:
        router.save(samples["alpha_logo"], address, codec="png")
    assert isinstance(caught.value, router.RouterError)
    assert caught.value.hint
    assert "secret" not in str(caught.value)
    with pytest.raises(router.UsageError):
        router.JsonLines(address)
    with pytest.raises(router.UsageError, match="detector") as no_detector:
        router.Router(detector=address).score(samples["alpha_logo"])
    assert "secret" not in str(no_detector.value)
    with pytest.raises(router.RouterError):
        router.batch.run([], Path("s3://bucket/out"), router.batch.Options())
    assert list(tmp_path.iterdir()) == []


def test_policies_and_files_by_address(samples: Samples, tmp_path: Path) -> None:
    shipped = Path(router.__file__).parents[1] / "policies" / "archival.yaml"
    fsspec.filesystem("memory").pipe_file("/mine.yaml", shipped.read_bytes())
    assert router.decide(samples["alpha_logo"], policy="memory://mine.yaml").lane == "lossless"
    with pytest.raises(router.PolicyError, match="no file memory:"):
        router.Router("memory://none.yaml")
    written = router.save(samples["alpha_logo"], f"file://{tmp_path}/with%20space", codec="png")
    assert written == tmp_path / "with space.png"
    assert router.inspect(written.as_uri()).codec == "png"
