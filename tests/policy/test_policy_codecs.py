"""What a policy says of codecs is held against what they declare: when it loads, when it decides, and before bytes go out."""

import itertools
from typing import ClassVar

import numpy as np
import pytest

from router import Router
from router.codecs import registry
from router.codecs.base import Lane
from router.codecs.jpeg import JpegCodec
from router.codecs.neural.codec import NeuralCodec
from router.codecs.options import FloatRange, IntRange, OneOf, Switch
from router.codecs.png import PngCodec
from router.errors import PolicyError
from router.policy.load import load
from router.reasons import ReasonCode

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
PNG = {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}
PLACES = ("rules", "otherwise", "on_error")


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    for name in ("_registered", "_classes", "_instances"):
        monkeypatch.setattr(registry, name, {})


def policy(place, lane):
    action = {"lanes": [lane, *PNG["lanes"]]}
    fields = {"schema_version": 1, "name": "tried", "otherwise": PNG}
    if place == "rules":
        return fields | {"rules": [{"name": "r", "when": "true", "then": action}]}
    return fields | {place: action}


def lane_of(codec, settings, lane=None):
    return {"lane": lane or str(registry.get_class(codec).lane), "codecs": [codec], "settings": {codec: settings}}


def values(option):
    if isinstance(option, IntRange):
        good, bad = [option.low, option.high], [option.low - 1, option.high + 1, option.low + 0.5, str(option.low), True]
    else:
        good, bad = list(option.names), ["", "no-such", option.names[0].upper() + " ", 1, 444, False]
    return good, bad


BUILTIN = [(codec, name) for codec in sorted(registry.BUILTIN) for name in sorted(registry.get_class(codec).accepted())]


@pytest.mark.parametrize(("codec", "name"), BUILTIN)
def test_every_setting_of_every_codec_is_checked_when_a_policy_loads(codec, name):
    good, bad = values(registry.get_class(codec).accepted()[name])
    for place, value in itertools.product(PLACES, good):
        if place != "on_error" or codec != "ncr":
            load(policy(place, lane_of(codec, {name: value})))
    for place, (key, value) in itertools.product(PLACES, [*((name, v) for v in bad), (name + "e", good[0]), (name[0], good[0])]):
        with pytest.raises(PolicyError) as caught:
            load(policy(place, lane_of(codec, {key: value})))
        assert caught.value.code is ReasonCode.POLICY_INVALID
        if place != "on_error" or codec != "ncr":
            assert caught.value.details["field"].endswith(f"lanes[0].settings.{codec}.{key}")


def test_a_wrong_setting_is_named_with_its_line(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "schema_version: 1\nname: p\notherwise:\n  lanes:\n    - lane: classical\n      codecs: [avif, webp]\n"
        "      settings:\n        avif:\n          speeed: 3\n        webp: {method: 9}\n"
    )
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert caught.value.details["errors"] == [
        f"{path}:9:11: otherwise.lanes[0].settings.avif.speeed: avif has no setting 'speeed'. "
        "Did you mean speed? It has: quality, speed, subsampling",
        f"{path}:10:24: otherwise.lanes[0].settings.webp.method: webp: method must be an integer from 0 to 6, not 9",
    ]


class Mine(PngCodec):
    codec_id = "mine"
    options: ClassVar = {"level": IntRange(0, 9), "share": FloatRange(0.0, 1.0), "fast": Switch(), "kind": OneOf(("a", "b"))}

    def encode(self, sample, settings):
        return super().encode(sample, {})


class Silent(Mine):
    codec_id = "silent"
    options = None


@pytest.mark.parametrize(
    ("codec", "settings", "loads"),
    [
        ("mine", {"level": 3, "share": 0.5, "fast": True, "kind": "a"}, True),
        ("mine", {"share": 1}, True),
        ("mine", {"share": 1.5}, False),
        ("mine", {"fast": 1}, False),
        ("mine", {"kind": "c"}, False),
        ("mine", {"other": 1}, False),
        ("silent", {}, True),
        ("silent", {"level": 3}, False),
        ("not-installed", {"anything": 3}, True),
    ],
)
def test_plugins_are_held_to_what_they_declare(codec, settings, loads):
    registry.register(Mine)
    registry.register(Silent)
    asked = policy("otherwise", lane_of(f"plugin:{codec}", settings, "lossless"))
    if loads:
        load(asked)
        return
    with pytest.raises(PolicyError) as caught:
        load(asked)
    assert f"settings.plugin:{codec}." in caught.value.message
    if codec == "silent":
        assert "Codec.options" in caught.value.hint


def test_settings_of_a_plugin_that_comes_later_are_checked_before_it_encodes():
    router = Router(policy("otherwise", lane_of("plugin:mine", {"levvel": 3}, "lossless")))
    registry.register(Mine)
    record = router.compress(PIXELS).record
    assert record.codec == "png"
    assert [(r.codec, r.code) for r in record.reasons if r.codec] == [("mine", "BAD_SETTING")]


def foreign(lane_, **fields):
    base = NeuralCodec if lane_ is Lane.NEURAL else PngCodec
    return type("Foreign", (base,), {"codec_id": "foreign", "lane": lane_, "media_type": "image/foreign", **fields})


LANES = [lane for lane in Lane if lane is not Lane.PASSTHROUGH]


@pytest.mark.parametrize(("own", "written"), [(a, b) for a, b in itertools.product(LANES, LANES) if a is not b])
@pytest.mark.parametrize("place", PLACES)
def test_a_codec_stays_in_its_own_lane(own, written, place):
    asked = policy(place, {"lane": str(written), "codecs": ["plugin:foreign"]})
    late = None if place == "on_error" and written is Lane.NEURAL else Router(asked)
    registry.register(foreign(own))
    with pytest.raises(PolicyError, match=f"belongs to the {own} lane|must not lead to the neural lane"):
        load(asked)
    if late is None or place == "on_error":
        return
    for receiver in (None, "self", {"accept": "image/foreign, image/*", "models": ["foreign"]}):
        record = late.compress(PIXELS, receiver=receiver).record
        assert (record.lane, record.codec) == ("lossless", "png")
        assert ("foreign", "WRONG_LANE") in {(r.codec, r.code) for r in record.reasons}


def test_a_neural_plugin_needs_consent_wherever_it_stands():
    asked = policy("on_error", {"lane": "classical", "codecs": ["plugin:foreign"]})
    asked["rules"] = [{"name": "boom", "when": "1 / (image.width - image.width) == 1", "then": PNG}]
    router = Router(asked)
    registry.register(foreign(Lane.NEURAL))
    for receiver in (None, "self", "image/foreign, image/*"):
        record = router.compress(PIXELS, receiver=receiver).record
        assert (record.policy.rule, record.lane, record.codec) == ("on_error", "lossless", "png")


def test_what_a_built_in_id_was_replaced_by_is_asked_too():
    router = Router(policy("otherwise", {"lane": "classical", "codecs": ["jpeg"]}))
    registry.register(type("Jpeg", (NeuralCodec,), {"codec_id": "jpeg"}), replace=True)
    assert router.compress(PIXELS).record.codec == "png"


def test_the_lane_of_what_is_released_is_that_of_the_plan():
    class Sly(JpegCodec):
        codec_id = "sly"

        def __init__(self):
            super().__init__()
            self.lane = Lane.NEURAL

    registry.register(Sly)
    record = Router(policy("otherwise", {"lane": "classical", "codecs": ["plugin:sly"]})).compress(PIXELS, quality=30).record
    assert (record.lane, record.codec) == ("lossless", "png")
    assert ("sly", "WRONG_LANE") in {(r.codec, r.code) for r in record.reasons}
