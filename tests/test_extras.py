"""The command that a hint names can be typed where the package came from."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from router import extras


@pytest.mark.parametrize(
    ("direct_url", "argument"),
    [
        ({"url": "file:///home/someone/codec-router", "dir_info": {"editable": True}}, ".[neural]"),
        ({"url": "file:///home/someone/codec-router", "dir_info": {}}, ".[neural]"),
        (
            {"url": "file:///tmp/codec_router-0.1-none-any.whl", "archive_info": {}},
            "codec_router-0.1-none-any.whl[neural]",
        ),
        (
            {"url": "https://example.org/codec-router.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}},
            "codec-router[neural] @ git+https://example.org/codec-router.git",
        ),
        (None, "codec-router[neural]"),
    ],
)
def test_a_hint_is_what_pip_takes(
    direct_url: dict[str, Any] | None, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "codec_router-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.4\nName: codec-router\nVersion: 0.1.0\n")
    if direct_url is not None:
        (folder / "direct_url.json").write_text(json.dumps(direct_url))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    extras._origin.cache_clear()
    try:
        hint = extras.install_hint("neural")
        assert shlex.split(hint) == ["pip", "install", argument]
        assert "someone" not in hint
        assert extras.from_checkout() == argument.startswith(".")
    finally:
        extras._origin.cache_clear()
