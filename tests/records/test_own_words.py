"""Only our own words go into a record: what libraries, plug-ins and artefacts say stays in the log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import router
from router.artefacts import DETECTORS
from router.codecs import registry
from router.codecs.base import DecodedImage, Settings
from router.codecs.png import PngCodec
from router.errors import CodecError, RouterError, StreamError, own_words
from router.images.sample import ImageSample
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
SECRETS = (
    "/home/ann smith/secret folder/x.json is gone",
    r"C:\Users\Ann Smith\secret folder\x",
    "secret folder/x y",
    "file:///secret folder",
    "~ann smith/secret folder",
)
LANES = [{"lane": "lossless", "codecs": ["plugin:odd", "png"]}]
POLICY = {"schema_version": 1, "name": "odd", "otherwise": {"lanes": LANES}}


class _Odd(PngCodec):
    codec_id = "odd"
    said = ""
    where = ""

    @classmethod
    def _raise(cls, where: str) -> None:
        if cls.where == where:
            raise RuntimeError(cls.said)
        if cls.where == f"{where}, typed":
            raise CodecError(cls.said, code=ReasonCode.ENCODE_FAILED)
        if cls.where == f"{where}, stream":
            raise StreamError(cls.said, code=ReasonCode.DAMAGED_STREAM)

    def prepare(self, sample: ImageSample) -> ImageSample:
        self._raise("prepare")
        return sample

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        self._raise("encode")
        return super().encode(sample, settings)

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        self._raise("decode")
        return super().decode(data, limits)

    def with_record(self, data: bytes, record: bytes, source_xmp: bytes | None) -> bytes:
        self._raise("record")
        return super().with_record(data, record, source_xmp)

    def get_config(self) -> dict[str, Any]:
        return {"id": "odd", "level": 6, "home": self.said}


@pytest.fixture
def odd() -> Iterator[type[_Odd]]:
    registry.register(_Odd)
    yield _Odd
    _Odd.where = _Odd.said = ""
    registry._registered.pop("odd", None)
    registry._instances.pop("odd", None)


@pytest.mark.parametrize("where", ["prepare", "encode", "decode", "record"])
@pytest.mark.parametrize("kind", ["", ", typed", ", stream"])
@pytest.mark.parametrize("said", SECRETS)
def test_a_plugin_says_nothing_in_the_record(odd: type[_Odd], where: str, kind: str, said: str) -> None:
    odd.where, odd.said = where + kind, said
    encoded = router.compress(PIXELS, policy=POLICY)
    text = encoded.record.to_json().decode()
    reasons = [r.detail for r in encoded.record.reasons]
    assert not any("secret" in r or "ann" in r.lower() for r in reasons), reasons
    assert "secret folder/x.json" not in text
    assert encoded.record.reasons[1:], "what failed is in the record"
    if where != "record":
        assert said in encoded.run.attempts[0].detail  # the log knows


def test_a_detector_in_a_folder_says_nothing_in_the_record(tmp_path: Path) -> None:
    shipped = next(folder for folder in Path(DETECTORS).iterdir() if folder.is_dir())
    folder = tmp_path / "ann smith" / "secret folder"
    shutil.copytree(shipped, folder)
    arrays = next(folder.glob("*.safetensors"))
    arrays.write_bytes(arrays.read_bytes()[:-1])
    rules = [{"name": "r", "when": "ood.in_distribution", "then": {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}}]
    encoded = router.Router(POLICY | {"otherwise": rules[0]["then"], "rules": rules}, detector=folder).compress(PIXELS)
    assert [r.code for r in encoded.record.reasons][:2] == ["RULE_ERROR", "ARTEFACT_DAMAGED"]
    assert "secret" not in encoded.record.to_json().decode()
    assert "secret folder" in encoded.run.to_json()


def test_what_a_condition_says_stays_in_the_log() -> None:
    rules = [{"name": "r", "when": "1 / (image.width - 24) > 0", "then": {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}}]
    encoded = router.compress(PIXELS, policy=POLICY | {"otherwise": rules[0]["then"], "rules": rules})
    assert encoded.record.reasons[0].detail == "r: the condition failed"
    assert "divide by zero" in encoded.run.to_json()


def test_people_are_told_all_of_it() -> None:
    error = StreamError(
        "it cannot be decoded", code=ReasonCode.DAMAGED_STREAM, foreign=RuntimeError("/a b/c is gone\nsecond line")
    )
    assert error.message == own_words(error) == "it cannot be decoded"
    assert error.told == "it cannot be decoded: RuntimeError: /a b/c is gone"
    assert error.told in str(error)
    assert own_words(error, ours=False) == "StreamError"
    assert own_words(OSError("/a b/c")) == "OSError"
    assert isinstance(error, RouterError)
