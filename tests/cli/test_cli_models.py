"""`codec-router models audit` and `migrate`: what an archive needs, and leaving a model with nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Cli, files
from PIL import Image
from sample_set import Samples

import router
from router.codecs.neural.weights import CARD_FILE, ENVIRONMENT, WEIGHTS_FILE, find_model
from router.containers import ncr as container

GONE = "retired.1"


@pytest.fixture(scope="module")
def ncr(samples: Samples) -> bytes:
    pixels = np.asarray(Image.open(samples["photo_cat"]))[:96, :130]
    return router.compress(pixels, codec="ncr", settings={"rate": 30_000}, on_guard_fail="release").data


def renamed(ncr: bytes, **changes: Any) -> bytes:
    """The file, naming another model or other weights."""
    file = container.parse(ncr)
    return container.write(replace(file, model=replace(file.model, **changes)))


@pytest.fixture
def archive(ncr: bytes, tmp_path: Path) -> Path:
    """Three files of the model that is here, one of a model that is not, and things that are no input."""
    root = tmp_path / "archive"
    (root / "sub" / "deeper").mkdir(parents=True)
    (root / ".hidden").mkdir()
    for name in ("a.ncr", "b.jpg.ncr", "sub/deeper/A.NCR", ".hidden/h.ncr", ".h.ncr"):
        (root / name).write_bytes(ncr)
    (root / "sub" / "gone.ncr").write_bytes(renamed(ncr, model_id=GONE))
    (root / "notes.txt").write_text("no image")
    return root


KNOWN = ("a.ncr", "b.jpg.ncr", "sub/deeper/A.NCR")


def model(ncr: bytes) -> container.ModelReference:
    return container.parse(ncr).model


# audit


def test_audit_counts_by_model(cli: Cli, archive: Path, ncr: bytes) -> None:
    done = cli("models", "audit", archive, "--json")
    assert done.code == 5  # a model that is needed is not here
    known, gone = sorted(done.json, key=lambda d: d["id"] == GONE)
    format_version = str(container.parse(ncr).header.version)
    assert known == {
        "input": model(ncr).model_id,
        "ok": True,
        "id": model(ncr).model_id,
        "sha256": model(ncr).sha256.hex(),
        "status": "installed",
        "files": 3,
        "bytes": 3 * len(ncr),
        "formats": {format_version: 3},
    }
    assert (gone["id"], gone["status"], gone["ok"], gone["files"]) == (GONE, "missing", False, 1)
    table = cli("models", "audit", archive)
    assert table.code == 5
    for word in (model(ncr).model_id, "installed", GONE, "missing"):
        assert word in table.out


def test_audit_of_what_can_be_read_here(cli: Cli, archive: Path) -> None:
    (archive / "sub" / "gone.ncr").unlink()
    assert cli("models", "audit", archive).code == 0
    assert cli("models", "audit", archive / "a.ncr", "--json").json[0]["files"] == 1


def test_audit_tells_other_weights_from_a_missing_model(cli: Cli, archive: Path, ncr: bytes) -> None:
    (archive / "other.ncr").write_bytes(renamed(ncr, sha256=bytes(32)))
    done = cli("models", "audit", archive, "--json")
    assert {(d["id"], d["sha256"], d["status"]) for d in done.json} == {
        (model(ncr).model_id, model(ncr).sha256.hex(), "installed"),
        (model(ncr).model_id, "00" * 32, "other weights"),
        (GONE, model(ncr).sha256.hex(), "missing"),
    }


def test_audit_hashes_the_weights_that_are_here(
    cli: Cli, archive: Path, ncr: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = find_model(model(ncr).model_id)
    folder = tmp_path / "models" / GONE
    shutil.copytree(card.folder, folder)
    (folder / CARD_FILE).write_text(replace(card, id=GONE).to_json())
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "models"))
    assert cli("models", "audit", archive).code == 0
    (folder / WEIGHTS_FILE).write_bytes(b"damaged")
    done = cli("models", "audit", archive, "--json")
    assert done.code == 5
    assert {d["id"]: d["status"] for d in done.json} == {model(ncr).model_id: "installed", GONE: "damaged"}


def test_audit_tells_every_file_that_it_cannot_read(cli: Cli, archive: Path, ncr: bytes, samples: Samples) -> None:
    (archive / "cut.ncr").write_bytes(ncr[:-20])
    (archive / "empty.ncr").write_bytes(b"")
    (archive / "png.ncr").write_bytes(samples["photo_cat"].read_bytes())
    (archive / "head.ncr").write_bytes(ncr[:20] + bytes(10) + ncr[30:])
    (archive / "link.ncr").symlink_to(archive / "nothing.ncr")
    (archive / "loop.ncr").symlink_to(archive / "loop.ncr")
    os.mkfifo(archive / "pipe.ncr")
    done = cli("models", "audit", archive, archive / "none.ncr", "--json")
    assert done.code == 6
    assert {Path(d["input"]).name: d["error"]["code"] for d in done.json if "error" in d} == {
        "cut.ncr": "TRUNCATED",
        "empty.ncr": "TRUNCATED",
        "png.ncr": "UNKNOWN_STREAM",
        "head.ncr": "CHECKSUM_MISMATCH",
        "link.ncr": "NOT_FOUND",
        "loop.ncr": "UNREADABLE",
        "pipe.ncr": "NOT_A_FILE",
        "none.ncr": "NOT_FOUND",
    }
    assert {d["id"]: d["files"] for d in done.json if "id" in d} == {model(ncr).model_id: 3, GONE: 1}
    assert all(d["ok"] is False for d in done.json if "error" in d)
    plain = cli("models", "audit", archive)
    assert plain.code == 6
    assert "cut.ncr" in plain.err
    assert GONE in plain.out


def test_audit_sees_damage_anywhere_unless_it_is_to_be_quick(cli: Cli, archive: Path, ncr: bytes) -> None:
    (archive / "sub" / "gone.ncr").unlink()
    bad = bytearray(ncr)
    bad[len(ncr) // 2] ^= 1
    (archive / "bad.ncr").write_bytes(bad)
    done = cli("models", "audit", archive, "--json")
    assert done.code == 6
    assert [d["error"]["code"] for d in done.json if "error" in d] == ["CHECKSUM_MISMATCH"]
    assert [d["files"] for d in done.json if "id" in d] == [3]
    quick = cli("models", "audit", archive, "--quick", "--json")
    assert quick.code == 0
    assert [d["files"] for d in quick.json] == [4]


def test_audit_of_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.ncr").write_bytes(b"no image")
    assert cli("models", "audit", tmp_path).code == 5
    (tmp_path / "bad.ncr").unlink()
    for path in (tmp_path, tmp_path / "none"):
        done = cli("models", "audit", path, "--json")
        assert (done.code, done.err) == (3, "")
        assert [d["error"]["code"] for d in done.json] == ["NOT_FOUND"]


def test_audit_tells_folders_that_it_cannot_search(cli: Cli, archive: Path) -> None:
    folder = os.open(archive, os.O_RDONLY)
    for _ in range(20):  # each name is fine, the whole path is too long for the system
        os.mkdir("x" * 250, dir_fd=folder)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    done = cli("models", "audit", archive, "--json")
    assert done.code == 6
    assert [d["error"]["code"] for d in done.json if "error" in d] == ["UNREADABLE"]


def test_a_file_that_two_arguments_name_counts_once(cli: Cli, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(archive)
    shutil.copy(archive / "a.ncr", archive / "noted")
    paths = [archive, archive / "sub", archive / "a.ncr", tmp_path / "link", archive / "noted", archive / ".hidden"]
    for order in (paths, paths[::-1]):
        done = cli("models", "audit", *order, "--json")
        assert sorted(d["files"] for d in done.json) == [1, 5]  # `noted` and the hidden one were named


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_audit_loads_nothing_heavy(archive: Path, options: tuple[str, ...]) -> None:
    heavy = ("torch", "numpy", "PIL", "scipy", "constriction", "imagecodecs", "compressai")
    code = (
        f"import sys\nsys.argv = {['codec-router', 'models', 'audit', str(archive), *options]!r}\n"
        "from router.cli.main import main\ntry: main()\nexcept SystemExit as e: assert e.code == 5\n"
        f"assert not [m for m in {heavy!r} if m in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# migrate


def test_migrate_keeps_structure_and_leaves_the_sources(cli: Cli, archive: Path, tmp_path: Path, ncr: bytes) -> None:
    before, out = files(archive), tmp_path / "out"
    done = cli("models", "migrate", archive, "-o", out, "--json")
    assert done.code == 6  # one file's model is not here
    assert files(archive) == before
    assert files(out).keys() == {f"{name}.png" for name in KNOWN}
    failed = [d for d in done.json if not d["ok"]]
    assert [(d["input"], d["error"]["code"]) for d in failed] == [(str(archive / "sub" / "gone.ncr"), "UNKNOWN_MODEL")]
    for document in (d for d in done.json if d["ok"]):
        written = Path(document["output"])
        assert written == out / f"{Path(document['input']).relative_to(archive)}.png"
        assert document["record"] == router.inspect(written).model_dump(mode="json", exclude_none=True)
        assert document["as_recorded"] is None
        assert document["migrated"] is True
        assert (document["bytes"], document["source_bytes"]) == (written.stat().st_size, len(ncr))
        assert np.array_equal(router.decompress(written, as_array=True), router.decompress(ncr, as_array=True, decoding="exact"))
        with Image.open(written) as image:
            assert image.format == "PNG"


def test_migrate_for_people(cli: Cli, archive: Path, tmp_path: Path) -> None:
    done = cli("models", "migrate", archive, "-o", tmp_path / "out")
    assert done.code == 6
    assert "3 migrated" in done.out
    assert f"{tmp_path}/out/a.ncr.png" in done.out
    assert "gone.ncr" in done.err
    assert GONE in done.err


def test_migrate_again_refuses_and_says_so(cli: Cli, archive: Path, tmp_path: Path, ncr: bytes) -> None:
    (archive / "sub" / "gone.ncr").unlink()
    call = ("models", "migrate", archive, "-o", tmp_path / "out", "--json")
    assert cli(*call).code == 0
    (tmp_path / "out" / "a.ncr.png").write_bytes(b"mine")
    (archive / "new.ncr").write_bytes(ncr)
    again = cli(*call)
    assert again.code == 6
    assert sorted(d["error"]["code"] for d in again.json if not d["ok"]) == ["OUTPUT_EXISTS"] * 3
    assert [Path(d["output"]).name for d in again.json if d["ok"]] == ["new.ncr.png"]
    assert (tmp_path / "out" / "a.ncr.png").read_bytes() == b"mine"
    assert cli(*call).code == 4  # all of them
    assert cli(*call, "--force").code == 0
    assert router.inspect(tmp_path / "out" / "a.ncr.png").migrated_from is not None


def test_migrate_one_file(cli: Cli, archive: Path, tmp_path: Path, ncr: bytes) -> None:
    source = archive / "a.ncr"
    for out, written in (("x", "x.jxl"), ("y.jxl", "y.jxl"), ("z/", "z/a.ncr.jxl")):
        (document,) = cli("models", "migrate", source, "-o", f"{tmp_path}/{out}", "--codec", "jxl-lossless", "--json").json
        assert document["output"] == str(tmp_path / written)
        assert np.array_equal(
            router.decompress(document["output"], as_array=True), router.decompress(ncr, as_array=True, decoding="exact")
        )
    again = cli("models", "migrate", source, "-o", tmp_path / "y.jxl", "--codec", "jxl-lossless")
    assert again.code == 4


def test_migrate_never_overwrites_its_source(cli: Cli, tmp_path: Path, ncr: bytes) -> None:
    source = tmp_path / "named.png"
    source.write_bytes(ncr)
    done = cli("models", "migrate", source, "-o", source, "--force", "--json")
    assert done.code == 4
    assert done.json[0]["error"]["code"] == "OUTPUT_EXISTS"
    assert files(tmp_path) == {"named.png": ncr}


def test_migrate_to_what_the_guard_saw(cli: Cli, archive: Path, tmp_path: Path, ncr: bytes) -> None:
    call = ("models", "migrate", archive / "a.ncr", "-o", tmp_path / "a", "--decoding")
    assert cli(*call, "fp64", "--json").code == 2
    (document,) = cli(*call, "fp32", "--json").json
    assert document["as_recorded"] is True
    assert np.array_equal(router.decompress(document["output"], as_array=True), router.decompress(ncr, as_array=True))
    other = router.inspect(ncr).model_copy(update={"pixels_sha256": "0" * 64})
    (archive / "a.ncr").write_bytes(container.replace(ncr, record=other.to_json()))
    assert "other pixels than its record names" in cli(*call, "fp32", "--force").out


def test_migrate_to_a_lossy_codec(cli: Cli, archive: Path, tmp_path: Path) -> None:
    call = ("models", "migrate", archive / "a.ncr", "-o", tmp_path / "a")
    (document,) = cli(*call, "--codec", "avif", "--quality", "60", "--json").json
    assert document["output"] == str(tmp_path / "a.avif")
    assert document["record"]["target"]["value"] == 60
    assert document["record"]["guard"]["passed"]
    assert document["record"]["migrated_from"]["record"]["lane"] == "neural"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--codec", "avif"), 2),
        (("--quality", "90"), 2),
        (("--codec", "ncr"), 2),
        (("--codec", "none"), 4),
        (("--codec", "avif", "--quality", "900"), 2),
    ],
)
def test_migrate_refuses_odd_targets_before_work(
    cli: Cli, archive: Path, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    done = cli("models", "migrate", archive, "-o", tmp_path / "out", *options, "--json")
    assert done.code == code
    assert [(d["input"], d["ok"]) for d in done.json] == [(str(archive), False)]
    assert not (tmp_path / "out").exists()


def test_migrate_one_model_only(cli: Cli, archive: Path, tmp_path: Path, ncr: bytes) -> None:
    call = ("models", "migrate", archive, "-o", tmp_path / "out", "--model")
    done = cli(*call, model(ncr).model_id, "--json")
    assert done.code == 0
    left = [d for d in done.json if not d["migrated"]]
    assert left == [{"input": str(archive / "sub" / "gone.ncr"), "ok": True, "migrated": False, "model": GONE}]
    assert files(tmp_path / "out").keys() == {f"{name}.png" for name in KNOWN}
    assert "1 left out" in cli(*call, model(ncr).model_id, "--force").out


def test_migrate_of_a_model_that_no_file_needs_is_no_success(cli: Cli, archive: Path, tmp_path: Path) -> None:
    call = ("models", "migrate", archive, "-o", tmp_path / "out", "--model", "mistyped")
    done = cli(*call, "--json")
    assert done.code == 2
    assert [d.get("migrated") for d in done.json] == [False] * 4 + [None]
    assert done.json[-1]["error"]["code"] == "BAD_ARGUMENT"
    plain = cli(*call)
    assert plain.code == 2
    assert "mistyped" in plain.err
    assert not (tmp_path / "out").exists()


def test_migrate_goes_on_after_damage(cli: Cli, archive: Path, tmp_path: Path, ncr: bytes) -> None:
    flipped = bytearray(ncr)
    flipped[-60] ^= 1  # in the tile: behind it are 42 bytes of `bind` and `ENDS`
    (archive / "flipped.ncr").write_bytes(flipped)
    (archive / "cut.ncr").write_bytes(ncr[:-20])
    done = cli("models", "migrate", archive, "-o", tmp_path / "out", "--json")
    assert done.code == 6
    assert {Path(d["input"]).name: d["error"]["code"] for d in done.json if not d["ok"]} == {
        "flipped.ncr": "CHECKSUM_MISMATCH",
        "cut.ncr": "TRUNCATED",
        "gone.ncr": "UNKNOWN_MODEL",
    }
    assert files(tmp_path / "out").keys() == {f"{name}.png" for name in KNOWN}


@pytest.mark.parametrize(
    "arguments",
    [
        lambda root: [root / "one", root / "two"],
        lambda root: [root / "one" / "x.ncr", root / "two"],
        lambda root: [root / "one", root / "two" / "x.ncr"],
        lambda root: [root / "one" / "x.ncr", root / "two" / "x.ncr"],
    ],
)
def test_two_files_never_share_an_output(cli: Cli, tmp_path: Path, ncr: bytes, arguments: Callable[[Path], list[Path]]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.ncr").write_bytes(ncr)
    done = cli("models", "migrate", *arguments(tmp_path), "-o", f"{tmp_path}/out/", "--force", "--json")
    assert done.code == 6
    assert [d["ok"] for d in done.json] == [True, False]
    assert done.json[1]["error"]["code"] == "BAD_ARGUMENT"
    assert "same output name" in done.json[1]["error"]["message"]
    assert router.inspect(tmp_path / "out" / "x.ncr.png").migrated_from is not None


def test_migrate_beside_the_sources(cli: Cli, archive: Path) -> None:
    (archive / "sub" / "gone.ncr").unlink()
    before = files(archive)
    assert cli("models", "migrate", archive, "-o", archive).code == 0
    assert files(archive).keys() == before.keys() | {f"{name}.png" for name in KNOWN}
    assert {name: data for name, data in files(archive).items() if name in before} == before


def test_migrate_several_into_a_file_is_refused(cli: Cli, archive: Path, tmp_path: Path) -> None:
    assert cli("models", "migrate", archive, "-o", tmp_path / "out.png").code == 2
    assert cli("models", "migrate", archive / "a.ncr", archive / "b.jpg.ncr", "-o", tmp_path / "out.png").code == 2


def test_help_names_both(cli: Cli) -> None:
    shown = cli("models", "--help").out
    assert "audit" in shown
    assert "migrate" in shown
