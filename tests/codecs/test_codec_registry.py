"""Which codecs there are, how they are found, and what is said when they cannot be had."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from router.codecs import registry
from router.codecs.base import Codec, Lane, ModelWeights
from router.codecs.conformance import synthetic
from router.codecs.jxl import JxlTranscodeCodec
from router.codecs.neural.codec import NeuralCodec
from router.codecs.png import PngCodec
from router.errors import CodecUnavailableError, StreamError, UsageError
from router.images.read import read
from router.reasons import ReasonCode
from router.routing.facts import Facts

CLASSICAL = ["avif", "jpeg", "jxl", "jxl-lossless", "png", "webp", "webp-lossless"]


@pytest.fixture
def clean_registry(monkeypatch):
    for name in ("_registered", "_classes", "_instances"):
        monkeypatch.setattr(registry, name, {})
    registry._references.cache_clear()
    yield monkeypatch
    registry._references.cache_clear()


def install(monkeypatch, folder: Path, name: str, references: dict[str, str], module: str) -> None:
    """A distribution with entry points and one module, as pip would leave it."""
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in references.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{registry.GROUP}]", *lines]))
    monkeypatch.syspath_prepend(folder)


def test_builtin_codecs_are_listed_in_one_place():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert registry.GROUP not in project.get("entry-points", {})
    assert {codec_id: found.codec_id for codec_id, found in registry.builtin_classes().items()} == {
        i: i for i in registry.BUILTIN
    }


def test_ids_are_sorted_and_hold_ours():
    assert list(registry.ids()) == sorted(registry.ids())
    assert set(registry.ids()) >= {*CLASSICAL, "jxl-transcode", "ncr"}


@pytest.mark.parametrize("codec_id", CLASSICAL)
def test_get_gives_one_shared_instance(codec_id):
    codec = registry.get(codec_id)
    assert codec.codec_id == codec_id
    assert registry.get(codec_id) is codec
    assert registry.get_from_config(codec.get_config()) == codec


def test_importing_the_registry_is_cheap():
    code = (
        "import sys, router.codecs.registry as r; r.ids(); print([m for m in ('PIL', 'torch', 'pillow_jxl') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_unknown_id_lists_the_known_ones():
    with pytest.raises(CodecUnavailableError) as caught:
        registry.get("no-such-codec")
    assert caught.value.code == ReasonCode.UNKNOWN_CODEC
    assert "jxl-lossless" in caught.value.hint


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"quality": 3}, ReasonCode.BAD_ARGUMENT),
        ({"id": "png", "colour": "blue"}, ReasonCode.BAD_SETTING),
        ({"id": "png", "level": 11}, ReasonCode.BAD_SETTING),
        ({"id": "jpeg", "subsampling": 444}, ReasonCode.BAD_SETTING),
        ({"id": "avif", "speed": True}, ReasonCode.BAD_SETTING),
    ],
)
def test_bad_configurations_are_usage_errors(config, code):
    with pytest.raises(UsageError) as caught:
        registry.get_from_config(config)
    assert caught.value.code == code


class Mine(PngCodec):
    codec_id = "mine"


class NewPng(PngCodec):
    """Takes the place of ours."""


def test_register_adds_and_replaces_only_when_told(clean_registry):
    registry.register(Mine)
    registry.register(Mine)  # the same again changes nothing
    assert isinstance(registry.get("mine"), Mine)
    assert "mine" in registry.ids()
    assert type(registry.get("png")) is PngCodec
    with pytest.raises(UsageError) as caught:
        registry.register(NewPng)
    assert caught.value.code == ReasonCode.BAD_ARGUMENT
    registry.register(NewPng, replace=True)
    assert isinstance(registry.get("png"), NewPng)


def test_codecs_of_installed_packages(clean_registry, tmp_path):
    module = """
from router.codecs.png import PngCodec
class Plug(PngCodec):
    codec_id = "plug"
    @staticmethod
    def recognises(data):
        return data.startswith(b"PLUG")
not_a_codec = 3
"""
    references = {
        "plug": "plug_package:Plug",
        "other-name": "plug_package:Plug",
        "number": "plug_package:not_a_codec",
        "absent": "plug_package:Missing",
        "needs-torch": "plug_missing_dependency:X",
        "png": "plug_package:Plug",
    }
    install(clean_registry, tmp_path, "plug_package", references, module)
    (tmp_path / "plug_missing_dependency.py").write_text("import surely_not_installed")

    plug = registry.get("plug")
    assert isinstance(plug, Codec)
    assert type(plug).__module__ == "plug_package"
    assert type(registry.get("png")) is PngCodec  # our ids are ours
    for name, code in {
        "other-name": ReasonCode.INTERNAL_ERROR,
        "number": ReasonCode.INTERNAL_ERROR,
        "absent": ReasonCode.INTERNAL_ERROR,
        "needs-torch": ReasonCode.MISSING_EXTRA,
    }.items():
        with pytest.raises(CodecUnavailableError) as caught:
            registry.get(name)
        assert caught.value.code == code
        assert caught.value.hint
    with pytest.raises(CodecUnavailableError, match="surely_not_installed"):
        registry.get("needs-torch")


def test_a_second_neural_codec_is_used_through_the_seam_alone(clean_registry, tmp_path):
    module = """
from router.codecs.base import Lane
from router.codecs.png import PngCodec
class Second(PngCodec):
    codec_id = "second"
    lane = Lane.NEURAL
    def get_config(self):
        return {"id": "second", "model": "theirs-1"}
"""
    install(
        clean_registry, tmp_path, "second_package", {"second": "second_package:Second", "broken": "second_package:No"}, module
    )
    assert tuple(registry.in_lane(Lane.NEURAL)) == ("ncr", "second")
    assert registry.first_in_lane(Lane.NEURAL).codec_id == "ncr"
    codec = registry.get("second")
    assert codec.weights() == ModelWeights("theirs-1", "")
    assert codec.decoding_in("exact") is codec
    sample = read(synthetic(20, 30, "RGB", 8))
    facts = Facts(sample, alpha=0.05, score=lambda: pytest.fail("nobody asked"))
    clean_registry.setattr(NeuralCodec, "unavailable", lambda self: "no weights here")
    device = facts.resolve("device")
    assert device["neural_available"] is True
    assert device["neural_problem"] == ""


def test_the_version_of_another_packages_codec_is_that_of_the_package(clean_registry, tmp_path):
    module = """
from router.codecs.base import Codec
from router.codecs.png import PngCodec
class Plug(PngCodec):
    codec_id = "versioned"
    libraries, version = Codec.libraries, Codec.version
"""
    install(clean_registry, tmp_path, "versioned_package", {"versioned": "versioned_package:Plug"}, module)
    assert registry.get("versioned").libraries() == {"versioned_package": "1.0"}
    assert registry.get("versioned").version() == "versioned_package 1.0"


@pytest.mark.parametrize("codec_id", registry.BUILTIN)
def test_our_codecs_know_their_version(codec_id):
    assert registry.get(codec_id).version().strip()
    assert all(registry.get(codec_id).libraries().values())


def test_installed_packages_are_asked_for_unknown_data(clean_registry, tmp_path):
    module = """
from router.codecs.png import PngCodec
class Plug(PngCodec):
    codec_id = "plug"
    @staticmethod
    def recognises(data):
        return data.startswith(b"PLUG")
"""
    references = {"plug": "plug_recognises:Plug", "broken": "plug_recognises:Missing"}
    install(clean_registry, tmp_path, "plug_recognises", references, module)
    assert registry.for_data(b"PLUG and more").codec_id == "plug"
    with pytest.raises(StreamError):
        registry.for_data(b"GULP")


@pytest.mark.parametrize("codec_id", CLASSICAL)
def test_for_data_finds_a_codec_that_reads_it(codec_id):
    sample = read(synthetic(20, 30, "RGB", 8))
    codec = registry.get(codec_id)
    data = codec.encode(sample, {})
    for bytes_ in (data, codec.with_xmp(data, b"<x/>")):
        found = registry.for_data(bytes_)
        assert found.media_type == codec.media_type
        assert found.read_xmp(bytes_) == codec.read_xmp(bytes_)
        assert (found.decode(bytes_).pixels == codec.decode(bytes_).pixels).all()


def test_for_data_tells_transcodes_and_neural_files(samples):
    jpeg = read(samples["photo_rocket"])
    assert isinstance(registry.for_data(JxlTranscodeCodec().encode(jpeg, {})), JxlTranscodeCodec)
    assert registry.for_data(b"\x8bNCR\r\n\x1a\n").codec_id == "ncr"


@pytest.mark.parametrize(
    "data", [b"", b"P6 1 1 255\nabc", b"GIF89a", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", b"RIFF\x04\x00\x00\x00WAVE"]
)
def test_for_data_refuses_the_rest(data):
    with pytest.raises(StreamError) as caught:
        registry.for_data(data)
    assert caught.value.code == ReasonCode.UNKNOWN_STREAM
