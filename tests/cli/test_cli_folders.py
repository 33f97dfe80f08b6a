"""Folders: images are found by content too, what is left out is counted and named, what may not be searched is a failure."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli
from PIL import Image

import router
from router.errors import InputError
from router.evaluation.measure.pictures import pictures_in
from router.folders import LeftOut, images_below

PIXELS = (np.arange(64 * 64 * 3) % 251).astype(np.uint8).reshape(64, 64, 3)


def _encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind)
    return file.getvalue()


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Four images, two of them with names that do not say so; four kinds that are not read; other files; a hidden one."""
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "a.png").write_bytes(_encoded("PNG"))
    (root / "b.pbm").write_bytes(b"P4\n64 64\n" + bytes(512))
    (root / "DSC0001").write_bytes(_encoded("JPEG"))
    (root / "sub" / "image.dat").write_bytes(_encoded("WEBP"))
    (root / "c.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    (root / "d.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    (root / "sub" / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(100))
    (root / "e.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40))
    (root / "f.CR2").write_bytes(b"II*\0\x10\0\0\0CR\2\0" + bytes(100))
    (root / "notes.txt").write_text("P1 is a flight, BM a currency")
    (root / "README").write_text("no image")
    (root / ".hidden.heic").write_bytes(b"")
    (root / "linked").symlink_to(root / "sub")
    return root


LEFT_OUT = {
    "HEIC/HEIF": ["c.heic"],
    "DICOM": ["d.dcm", "sub/IM0001"],
    "JPEG 2000": ["e.jp2"],
    "camera raw": ["f.CR2"],
    "linked folder": ["linked"],
}
FOUND = ["DSC0001", "a.png", "b.pbm", "sub/image.dat"]


def test_images_are_found_and_the_rest_is_named_by_kind(mixed: Path) -> None:
    left_out = LeftOut()
    found = images_below(mixed, left_out=left_out)
    assert [str(path.relative_to(mixed)) for path in found] == FOUND
    kinds = {kind: sorted(str(path.relative_to(mixed)) for path in paths) for kind, paths in left_out.kinds.items()}
    assert kinds == LEFT_OUT
    assert left_out.others == {".txt": 1, "no suffix": 1}
    assert not left_out.problems


@pytest.mark.parametrize("command", ["compress", "decide", "score", "decompress"])
def test_commands_tell_what_they_left_out(cli: Cli, mixed: Path, tmp_path: Path, command: str) -> None:
    options = {
        "compress": ("-o", tmp_path / "out", "--codec", "png"),
        "decide": ("--policy", "archival"),
        "score": (),
        "decompress": ("-o", tmp_path / "out"),
    }[command]
    done = cli(command, mixed, *options, "--json")
    assert (done.code, done.err) == (0, "")
    *documents, told = done.json
    assert [d["input"] for d in documents] == [str(mixed / name) for name in FOUND]
    assert told["ok"]
    assert {kind: sorted(names) for kind, names in told["left_out"].items()} == {
        kind: [str(mixed / name) for name in names] for kind, names in LEFT_OUT.items()
    }
    assert told["other_files"] == {".txt": 1, "no suffix": 1}
    if command == "decide":
        done = cli(command, mixed, *options)
        for part in ("1 HEIC/HEIF", "c.heic", "2 DICOM", "1 JPEG 2000", "1 camera raw"):
            assert part in done.err
        assert "left out, no images: 1 .txt, 1 no suffix" in done.err


def test_an_evaluation_and_a_fit_search_alike(mixed: Path) -> None:
    from router.detector.fit.corpus import image_files

    left_out = LeftOut()
    assert sorted(str(p.path.relative_to(mixed)) for p in pictures_in([mixed], left_out)) == FOUND
    assert set(left_out.kinds) == set(LEFT_OUT)
    assert [str(path.relative_to(mixed)) for path in image_files(mixed)] == FOUND


def test_neural_files_are_found_by_content(cli: Cli, tmp_path: Path) -> None:
    encoded = router.compress(PIXELS, codec="ncr", settings={"rate": 30000}, on_guard_fail="release")
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.ncr", "b", "c.bin"):
        (folder / name).write_bytes(encoded.data)
    (folder / "d.txt").write_text("no image")
    (need,) = cli("models", "audit", folder, "--json").json
    assert need["files"] == 3
    assert len(cli("decompress", folder, "-o", tmp_path / "out", "--json").json) == 3


WITHOUT_RIGHTS = "-dac_override,-dac_read_search"


def _as_ordinary_user(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line, without the rights by which root may enter any folder."""
    command = [sys.executable, "-c", "from router.cli.main import main; main()", *(str(a) for a in arguments)]
    if os.geteuid() == 0:
        program = shutil.which("setpriv")
        assert program is not None, "tests that run as root need setpriv (util-linux)"
        command = [program, f"--bounding-set={WITHOUT_RIGHTS}", f"--inh-caps={WITHOUT_RIGHTS}", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_folder_that_may_not_be_searched_is_a_failure(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "locked").mkdir(parents=True)
    for name in ("a.png", "locked/b.png"):
        (folder / name).write_bytes(_encoded("PNG"))
    (folder / "locked").chmod(0)
    try:
        done = _as_ordinary_user("compress", folder, "-o", tmp_path / "out", "--codec", "png", "--json")
        assert done.returncode == 6, done.stderr
        assert '"UNREADABLE"' in done.stdout
        assert str(folder / "locked") in done.stdout
        done = _as_ordinary_user("decide", folder, "--policy", "archival")
        assert done.returncode == 6
        assert "cannot be searched" in done.stderr
    finally:
        (folder / "locked").chmod(0o755)


def test_what_cannot_be_searched_is_an_error_of_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from router.detector.fit.corpus import image_files

    (tmp_path / "a.png").write_bytes(_encoded("PNG"))
    for name in ("in the way", "gone"):
        (tmp_path / name).mkdir()
    real = os.scandir

    def scandir(path: Path) -> object:
        if path.name == "gone":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for search in (image_files, lambda folder: pictures_in([folder])):
        with pytest.raises(InputError, match="cannot be searched"):
            search(tmp_path)
