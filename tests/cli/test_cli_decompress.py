"""`codec-router decompress`: pixels and originals come back, names are kept, nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, files
from images.image_builders import photo, png, save
from sample_set import Samples

import router
from router.images.read import read


def test_a_transcode_gives_its_jpeg_back_byte_for_byte(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    source = samples["oriented_coffee"]
    assert cli("compress", source, "-o", tmp_path / "a", "--policy", "archival").code == 0
    done = cli("decompress", tmp_path / "a.jxl", "-o", tmp_path / "back.jpg", "--json")
    assert done.code == 0
    assert done.json[0]["mode"] == "original JPEG"
    assert (tmp_path / "back.jpg").read_bytes() == source.read_bytes()


def test_what_is_no_transcode_gives_no_jpeg(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    done = cli("decompress", samples["palette_badge"], "-o", tmp_path / "a.jpg")
    assert done.code == 5
    assert done.err.startswith("NOT_A_JPEG")
    assert ".png" in done.err
    assert files(tmp_path) == {}


@pytest.mark.parametrize("codec", ["png", "jxl-lossless"])
def test_16_bit_is_exact(cli: Cli, samples: Samples, tmp_path: Path, codec: str) -> None:
    source = samples["depth16_phantom"]
    cli("compress", source, "-o", f"{tmp_path}/out/", "--codec", codec)
    (document,) = cli("decompress", tmp_path / "out", "-o", tmp_path / "back", "--json").json
    assert "16 bit" in document["mode"]
    back = read(document["output"])
    assert back.bits == 16
    assert np.array_equal(back.pixels, read(source).pixels)


@pytest.mark.usefixtures("one_thread")
def test_the_neural_lane_and_its_evidence(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    call = ("compress", samples["photo_coffee"], "-o", tmp_path / "a", "--receiver", "self", "--quality", "45", "--json")
    (document,) = cli(*call).json
    assert document["output"].endswith(".ncr")
    assert document["record"]["lane"] == "neural"
    assert cli("inspect", tmp_path / "a.ncr", "--json").json[0]["record"] == document["record"]
    assert cli("decompress", tmp_path / "a.ncr", "-o", tmp_path / "a.png").code == 0
    assert np.array_equal(read(tmp_path / "a.png").pixels, router.decompress(tmp_path / "a.ncr", as_array=True))


def test_a_folder_keeps_its_structure(cli: Cli, folder: Path, tmp_path: Path) -> None:
    cli("compress", folder, "-o", tmp_path / "out", "--policy", "archival")
    done = cli("decompress", tmp_path / "out", "-o", tmp_path / "back")
    assert done.code == 0
    assert files(tmp_path / "back").keys() == {"a.jpg.jxl.png", "a.png.png", "sub/deeper/B.PNG.png"}
    assert len([line for line in done.out.splitlines() if line.startswith(str(tmp_path))]) == 3


def test_metadata_comes_along(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    cli("compress", samples["oriented_coffee"], "-o", tmp_path / "a", "--codec", "webp", "--target", "psnr=28")
    cli("decompress", tmp_path / "a.webp", "-o", tmp_path / "a.png")
    assert read(tmp_path / "a.png").metadata.icc == read(samples["oriented_coffee"]).metadata.icc
    assert router.inspect(tmp_path / "a.png") == router.inspect(tmp_path / "a.webp")


def test_nothing_is_overwritten(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(photo()))
    (tmp_path / "b.png").write_bytes(b"mine")
    done = cli("decompress", tmp_path / "a.png", "-o", tmp_path / "b.png", "--json")
    assert done.code == 4
    assert done.json[0]["error"]["code"] == "OUTPUT_EXISTS"
    assert (tmp_path / "b.png").read_bytes() == b"mine"
    assert cli("decompress", tmp_path / "a.png", "-o", tmp_path / "a.png", "--force").code == 4  # never its own input
    assert (tmp_path / "a.png").read_bytes() == png(photo())
    assert cli("decompress", tmp_path / "a.png", "-o", tmp_path / "b.png", "--force").code == 0
    assert files(tmp_path).keys() == {"a.png", "b.png"}


@pytest.mark.parametrize(
    ("name", "content", "code", "reason"),
    [
        ("a.ncr", b"\x8bNCR\r\n\x1a\n", 5, "TRUNCATED"),
        ("a.ncr", b"\x8bNCR\r\n\x1a\n\x02\0\0\0HEAD\x09\0\x1a\xa9\x9d\x0e", 5, "CHECKSUM_MISMATCH"),
        ("a.png", png(photo())[:-30], 5, None),
        ("a.jpg", save(photo(), "JPEG")[:-30], 5, None),
        ("a.bin", b"hello", 5, "UNKNOWN_STREAM"),
        ("a.png", b"", 5, "EMPTY_INPUT"),
    ],
)
def test_damaged_streams(cli: Cli, tmp_path: Path, name: str, content: bytes, code: int, reason: str | None) -> None:
    (tmp_path / name).write_bytes(content)
    plain = cli("decompress", tmp_path / name, "-o", tmp_path / "out.png")
    assert (plain.code, plain.out) == (code, "")
    as_json = cli("decompress", tmp_path / name, "-o", tmp_path / "out.png", "--json")
    assert (as_json.code, as_json.err) == (code, "")
    (document,) = as_json.json
    assert document["ok"] is False
    assert reason is None or document["error"]["code"] == reason
    assert files(tmp_path).keys() == {name}


def test_missing_and_several(cli: Cli, tmp_path: Path) -> None:
    assert cli("decompress", tmp_path / "none.ncr", "-o", tmp_path / "a.png").code == 3
    (tmp_path / "a.png").write_bytes(png(photo()))
    done = cli("decompress", tmp_path / "a.png", tmp_path / "none.ncr", "-o", tmp_path / "out", "--json")
    assert done.code == 6
    assert [d["ok"] for d in done.json] == [True, False]
    assert files(tmp_path / "out").keys() == {"a.png.png"}


def test_the_output_must_be_a_png_or_a_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(photo()))
    for output in (tmp_path / "b.webp", tmp_path / "b"):
        done = cli("decompress", tmp_path / "a.png", "-o", output)
        assert done.code == 2
        assert ".png" in done.err
    assert cli("decompress", tmp_path / "a.png", tmp_path / "a.png", "-o", tmp_path / "b.png").code == 0
