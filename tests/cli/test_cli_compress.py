"""`codec-router compress`: names, structure, exit codes, and that nothing is overwritten or half-written."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, files
from images.image_builders import jxl_stub, photo, png, save
from PIL import Image
from sample_set import Samples

import router

QUICK = ("--target", "psnr=25")


def test_one_file_to_one_file(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    done = cli("compress", samples["portrait_hopper"], "-o", tmp_path / "out.webp", "--codec", "webp", *QUICK)
    assert done.code == 0
    assert files(tmp_path).keys() == {"out.webp"}
    assert "out.webp written" in done.out
    assert router.inspect(tmp_path / "out.webp").codec == "webp"


def test_the_suffix_tells_the_format(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    for name, written in (("x", "x.png"), ("x.avif", "x.avif.png"), ("y.PNG", "y.PNG"), ("v1.2", "v1.2.png")):
        (document,) = cli("compress", samples["palette_badge"], "-o", tmp_path / name, "--codec", "png", "--json").json
        assert document["output"] == str(tmp_path / written)
        assert (tmp_path / written).is_file()


@pytest.mark.parametrize("ending", ["/", ""])
def test_one_file_into_a_folder(cli: Cli, samples: Samples, tmp_path: Path, ending: str) -> None:
    if not ending:
        (tmp_path / "out").mkdir()
    assert cli("compress", samples["palette_badge"], "-o", f"{tmp_path}/out{ending}", "--codec", "png").code == 0
    assert files(tmp_path).keys() == {"out/palette_badge.png"}


def test_a_folder_keeps_its_structure_and_names_do_not_collide(cli: Cli, folder: Path, tmp_path: Path) -> None:
    done = cli("compress", folder, "-o", tmp_path / "out", "--policy", "archival", "--json")
    assert done.code == 0
    assert files(tmp_path / "out").keys() == {"a.jpg.jxl", "a.png", "sub/deeper/B.PNG"}
    assert [d["input"] for d in done.json] == [str(folder / n) for n in ("a.jpg", "a.png", "sub/deeper/B.PNG")]
    assert {d["record"]["lane"] for d in done.json} == {"transcode", "passthrough"}
    assert (tmp_path / "out" / "a.png").read_bytes() == (folder / "a.png").read_bytes()


def test_inputs_that_want_one_name_each_get_their_own(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    shutil.copy(samples["palette_badge"], tmp_path / "a.png")
    shutil.copy(samples["alpha_logo"], tmp_path / "a")
    for order in (("a", "a.png"), ("a.png", "a")):
        out = tmp_path / f"out {order[0]}" / "folder"
        done = cli("compress", *(tmp_path / n for n in order), "-o", out, "--codec", "png", "--force", "--json")
        assert done.code == 0
        assert len({d["output"] for d in done.json}) == 2
        for document, name in zip(done.json, order, strict=True):
            assert np.array_equal(
                router.decompress(document["output"], as_array=True), router.decompress(tmp_path / name, as_array=True)
            )


def test_one_name_from_two_folders_is_refused_before_work(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    paths = [tmp_path / n / "x.png" for n in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        shutil.copy(samples["palette_badge"], path)
    done = cli("compress", *paths, "-o", tmp_path / "out")
    assert done.code == 2
    assert "same output name" in done.err
    assert not (tmp_path / "out").exists()
    assert cli("compress", tmp_path, "-o", tmp_path / "out", "--codec", "png").code == 0
    assert files(tmp_path / "out").keys() == {"one/x.png", "two/x.png"}


def test_a_file_named_twice_is_taken_once(cli: Cli, folder: Path, tmp_path: Path) -> None:
    done = cli("compress", folder / "a.png", folder / "." / "a.png", "-o", f"{tmp_path}/out/", "--codec", "png", "--json")
    assert done.code == 0
    assert len(done.json) == 1


def test_existing_outputs_stay_unless_forced(cli: Cli, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    call = ("compress", folder, "-o", out, "--codec", "png", "--json")
    done = cli(*call)
    assert done.code == 6
    by_name = {Path(d["input"]).name: d for d in done.json}
    assert by_name["a.png"]["error"]["code"] == "OUTPUT_EXISTS"
    assert (out / "a.png").read_bytes() == b"mine"
    assert files(out).keys() == {"a.png", "a.jpg.png", "sub/deeper/B.PNG"}
    assert cli("compress", folder / "a.png", "-o", out / "a.png", "--codec", "png").code == 4
    assert (out / "a.png").read_bytes() == b"mine"
    assert cli(*call, "--force").code == 0
    assert (out / "a.png").read_bytes() != b"mine"


def test_an_input_is_never_overwritten(cli: Cli, folder: Path) -> None:
    before = files(folder)
    done = cli("compress", folder, "-o", folder, "--codec", "png", "--force", "--json")
    assert done.code == 6
    assert [d["error"]["code"] for d in done.json if not d["ok"]] == ["OUTPUT_EXISTS", "OUTPUT_EXISTS"]
    after = files(folder)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"a.jpg.png"}


def test_outputs_inside_the_input_folder_are_no_inputs(cli: Cli, folder: Path) -> None:
    for _ in range(2):
        done = cli("compress", folder, "-o", folder / "out", "--codec", "png", "--force", "--json")
        assert done.code == 0
        assert len(done.json) == 3


def test_one_bad_file_does_not_stop_the_others(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "sub" / "cut.png").write_bytes((folder / "a.png").read_bytes()[:200])
    done = cli("compress", folder, tmp_path / "missing.png", "-o", tmp_path / "out", "--codec", "png")
    assert done.code == 6
    assert files(tmp_path / "out").keys() == {"a.png", "a.jpg.png", "sub/deeper/B.PNG"}
    assert {line.split()[0] for line in done.err.splitlines()} == {"NOT_AN_IMAGE", "DAMAGED_IMAGE", "NOT_FOUND", "left"}
    assert "left out, no images: 1 .txt" in done.err
    assert "3 files written" in done.out
    as_json = cli("compress", folder, tmp_path / "missing.png", "-o", tmp_path / "out", "--codec", "png", "--force", "--json")
    assert as_json.code == 6
    assert len(as_json.json) == 6
    assert [d["ok"] for d in as_json.json].count(False) == 3
    assert as_json.err == ""


def test_no_temporary_file_stays(cli: Cli, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "a.png").mkdir(parents=True)  # in the way
    cli("compress", folder, "-o", out, "--codec", "png")
    cli("compress", folder, "-o", out, "--codec", "png", "--force")
    assert {path.name for path in out.iterdir()} == {"a.png", "a.jpg.png", "sub", ".codec-router"}


@pytest.mark.parametrize(
    ("name", "content", "options", "code", "reason"),
    [
        ("a.png", b"no image", (), 3, "NOT_AN_IMAGE"),
        ("a.png", b"", (), 3, "EMPTY_INPUT"),
        ("a.jxl", jxl_stub(1 << 30, 1 << 30), (), 4, "SIDE_TOO_LONG"),
        ("a.png", png(photo()), ("--codec", "jxl-transcode"), 4, "NOT_A_JPEG"),
        ("a.png", png(photo(channels=4)), ("--codec", "jpeg"), 4, "CANNOT_CARRY_ALPHA"),
        ("a.png", png(photo()), ("--receiver", "text/html"), 4, "NO_LANE_LEFT"),
        ("a.png", png(photo()), ("--codec", "jpeg", "--quality", "99.9"), 1, "TARGET_UNREACHABLE"),
        ("a.png", png(photo()), ("--codec", "none"), 4, "UNKNOWN_CODEC"),
        ("a.png", png(photo()), ("--policy", "none"), 2, "POLICY_NOT_FOUND"),
        ("a.png", png(photo()), ("--quality", "101"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--quality", "70", "--target", "psnr=30"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--target", "psnr"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--target", "beauty=3"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--metadata", "some"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--context", "nothing"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--context", "unknown=1"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--context", "allow_neural=maybe"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("-c", "allow_neural=true", "-c", "allow_neural=false"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--release-failed",), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--receiver", "image/"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--receiver-model", "m"), 2, "BAD_ARGUMENT"),
        ("a.png", png(photo()), ("--log", "/no/such/folder/log"), 1, "OUTPUT_NOT_WRITABLE"),
    ],
)
def test_failures(cli: Cli, tmp_path: Path, name: str, content: bytes, options: tuple[str, ...], code: int, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out"
    plain = cli("compress", tmp_path / name, "-o", out, *options)
    assert (plain.code, plain.out) == (code, "")
    assert plain.err.startswith(reason)
    assert len(plain.err.splitlines()) == 1
    as_json = cli("compress", tmp_path / name, "-o", out, *options, "--json")
    assert (as_json.code, as_json.err) == (code, "")
    (document,) = as_json.json
    assert document["input"] == str(tmp_path / name)
    assert document["ok"] is False
    assert document["error"]["code"] == reason
    assert files(tmp_path).keys() == {name}


def test_what_all_inputs_share_fails_once_for_people_and_for_each_in_json(cli: Cli, folder: Path, tmp_path: Path) -> None:
    names = [folder / "a.png", folder / "a.jpg"]
    assert cli("compress", *names, "-o", tmp_path / "out", "--quality", "101").err.count("BAD_ARGUMENT") == 1
    assert [d["input"] for d in cli("compress", *names, "-o", tmp_path / "out", "--quality", "101", "--json").json] == [
        str(n) for n in names
    ]


@pytest.mark.parametrize(
    "arguments", [("compress",), ("compress", "a.png"), ("compress", "a.png", "-o", "b", "--surprise"), ("pack",)]
)
def test_usage_errors(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert done.out == ""


def test_several_inputs_need_a_folder(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    for output in (tmp_path / "file", tmp_path / "out.webp"):
        done = cli("compress", folder, "-o", output)
        assert done.code == 2
        assert "folder" in done.err
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert cli("compress", folder, "-o", f"{tmp_path}/out.webp/", "--codec", "png").code == 0


def test_a_folder_without_images_fails_alone(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("compress", tmp_path / "empty", "-o", tmp_path / "out").code == 3
    done = cli("compress", tmp_path / "empty", folder, "-o", tmp_path / "out", "--codec", "png", "--json")
    assert done.code == 6
    assert [d["ok"] for d in done.json] == [False, True, True, True]


def test_passthrough_keeps_the_name(cli: Cli, tmp_path: Path) -> None:
    image = Image.fromarray(photo())
    for name, kind in (("a.jpeg", "JPEG"), ("b.JPG", "JPEG"), ("c.tiff", "TIFF"), ("d.png", "PNG")):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(save(image, kind))
    done = cli("compress", tmp_path / "in", "-o", tmp_path / "out", "--policy", "archival", "-c", "retention_years=50", "--json")
    assert done.code == 0
    assert {d["record"]["lane"] for d in done.json} == {"passthrough"}
    assert files(tmp_path / "out") == files(tmp_path / "in")


NAMES = [
    "ünïcödé 图.png",
    "with space.png",
    "[red]markup.png",
    "[bold].png",
    ":cat:.png",
    "-dash.png",
    "back\\.png",
    "new\nline.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(cli: Cli, samples: Samples, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in" / name
    source.parent.mkdir()
    shutil.copy(samples["palette_badge"], source)
    (document,) = cli("compress", source, "-o", f"{tmp_path}/out/", "--codec", "png", "--json").json
    assert document["input"] == str(source)
    assert Path(document["output"]).read_bytes()
    visible = name.replace("\n", "\\n")
    shown = cli("compress", source, "-o", f"{tmp_path}/again/", "--codec", "png", "--explain")
    assert shown.code == 0
    assert shown.out.count(visible) >= 3  # table, explanation, last line
    assert visible in cli("compress", source, "-o", f"{tmp_path}/out/", "--codec", "png").err  # it is there already
    assert visible in cli("decompress", tmp_path / "out" / name, "-o", f"{tmp_path}/back/").out
    assert visible in cli("score", source).out
    assert visible in cli("decide", source).out


def test_a_name_that_is_no_text(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"\xff\xfe.png")
    shutil.copy(samples["palette_badge"], source)
    done = cli("compress", tmp_path, "-o", tmp_path / "out", "--codec", "png")
    assert done.code == 0
    assert "\\udcff\\udcfe.png" in done.out
    (document,) = cli("decide", source, "--json").json
    assert document["input"] == str(source)


def test_explain(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    done = cli("compress", samples["palette_badge"], "-o", tmp_path / "a", "--explain")
    table, explained = done.out.split(" written, ")
    assert "p (ood)" in table
    assert "graphics: only 8 colours" in table
    for word in ("rule graphics: matched", "rule hdr: not matched", "image.hdr is false. image.hdr = false", "1 encoding,"):
        assert word in explained
    assert "lossless/webp-lossless: done" in explained
    assert explained.count("image.colours = 8") == 1
    (document,) = cli("compress", samples["palette_badge"], "-o", tmp_path / "b", "--explain", "--json").json
    assert {"rule", "outcome"} <= document["rules"][0].keys()
    assert document["attempts"][0]["codec"] == "webp-lossless"


def test_the_log_has_a_line_for_each_output_that_was_written(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    log, out = tmp_path / "runs.jsonl", tmp_path / "out"
    for expected in (3, 3, 6):
        cli("compress", folder, "-o", out, "--codec", "png", "--log", log, *(("--force",) if expected == 6 else ()))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert len(lines) == expected
    assert {"record", "seconds", "attempts", "host", "started_at"} <= lines[0].keys()


@pytest.mark.parametrize(("years", "lane"), [("10", "lossless"), ("31", "passthrough")])
def test_context_has_the_type_the_policy_declares(cli: Cli, samples: Samples, tmp_path: Path, years: str, lane: str) -> None:
    call = (
        "compress",
        samples["chart_rates"],
        "-o",
        tmp_path / "a",
        "-p",
        "archival",
        "-c",
        f"retention_years={years}",
        "--json",
    )
    (document,) = cli(*call).json
    assert document["record"]["lane"] == lane
    assert document["record"]["context"] == {"retention_years": int(years)}
    assert "int" in cli(*call[:-2], "retention_years=ten").err
    assert "retention_years" in cli(*call[:-2], "retention_year=10").err


def test_a_policy_file(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("schema_version: 1\nname: mine\notherwise: {lanes: [{lane: lossless, codecs: [png]}]}\n")
    (document,) = cli("compress", samples["portrait_hopper"], "-o", tmp_path / "a", "-p", policy, "--json").json
    assert document["record"]["policy"]["name"] == "mine"
    policy.write_text("schema_version: 1\nname: mine\notherwise: {lanes: [{lane: losless, codecs: [png]}]}\n")
    done = cli("compress", samples["portrait_hopper"], "-o", tmp_path / "b", "-p", policy)
    assert done.code == 2
    assert "mine.yaml" in done.err


def test_targets(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    call = ("compress", samples["portrait_hopper"], "-o", tmp_path / "a", "--codec", "jpeg", "--json", "--force")
    (document,) = cli(*call, "--target", "psnr=30").json
    assert document["record"]["target"]["achieved"] >= 29.75
    (document,) = cli(*call, "--target", "max_bytes=9000").json
    assert document["bytes"] <= 9000


@pytest.mark.parametrize(
    ("accept", "suffixes"),
    [("image/avif,image/webp,*/*;q=0.8", {".webp", ".avif"}), ("image/png", {".png"}), ("*/*", {".png", ".jpg"})],
)
def test_receivers(cli: Cli, samples: Samples, tmp_path: Path, accept: str, suffixes: set[str]) -> None:
    call = ("compress", samples["chart_rates"], "-o", f"{tmp_path}/", "--policy", "web", "--receiver", accept, "--json")
    (document,) = cli(*call).json
    assert Path(document["output"]).suffix in suffixes


@pytest.mark.usefixtures("one_thread")
def test_the_guard_of_a_forced_codec(cli: Cli, samples: Samples, tmp_path: Path) -> None:
    dots = np.full((128, 160, 3), 120, np.uint8)
    for y, x in itertools.product((10, 11), (10, 11)):
        dots[y::16, x::16] = 150
    source = tmp_path / "dots.png"
    source.write_bytes(png(dots))
    call = ("compress", source, "-o", tmp_path / "a", "--codec", "ncr", "--target", "psnr=5", "--json")
    done = cli(*call)
    assert done.code == 4
    assert done.json[0]["error"]["code"].startswith("GUARD_")
    assert "--release-failed" in done.json[0]["error"]["hint"]
    assert files(tmp_path).keys() == {"dots.png"}
    (released,) = cli(*call, "--release-failed").json
    assert released["record"]["guard"]["passed"] is False
    assert router.inspect(tmp_path / "a.ncr").guard.passed is False  # type: ignore[union-attr]


def test_limits_can_be_lifted(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "long.png"
    source.write_bytes(png(np.zeros((1, 70_000, 1), np.uint8)))
    assert cli("compress", source, "-o", tmp_path / "a").code == 4
    assert "--no-limits" in cli("compress", source, "-o", tmp_path / "a").err
    assert cli("compress", source, "-o", tmp_path / "a", "--no-limits", "--codec", "png").code == 0
    assert cli("decompress", tmp_path / "a.png", "-o", tmp_path / "b.png").code == 4
    assert cli("decompress", tmp_path / "a.png", "-o", tmp_path / "b.png", "--no-limits").code == 0
    assert cli("decide", source, "--no-limits").code == 0


def test_the_first_frame(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "moving.png"
    frames = [Image.fromarray(photo(seed=k)) for k in (0, 1)]
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=50)
    done = cli("compress", source, "-o", tmp_path / "a", "--codec", "png")
    assert done.code == 3
    assert "ANIMATED" in done.err
    assert "--first-frame" in done.err
    assert cli("compress", source, "-o", tmp_path / "a", "--codec", "png", "--first-frame").code == 0
    assert np.array_equal(router.decompress(tmp_path / "a.png", as_array=True), photo())
    assert cli("score", source).code == 3
    assert cli("score", source, "--first-frame").code == 0
    assert cli("decide", source, "--first-frame").code == 0
