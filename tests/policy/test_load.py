"""Loading: names, files and mappings; every error names file, line and field; the hash is of the meaning."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from router.codecs import registry
from router.containers.metadata import Metadata
from router.errors import PolicyError, UsageError
from router.images.sample import ImageSample, Source
from router.policy.builtin import builtin_lanes, builtin_media_types
from router.policy.load import load, shipped_names
from router.policy.schema import Policy, policy_json_schema
from router.reasons import ReasonCode

POLICIES = Path(__file__).parents[2] / "policies"
CLASSICAL = {"lanes": [{"lane": "classical", "codecs": ["avif", "jpeg"]}]}
MINIMAL = {"schema_version": 1, "name": "mine", "otherwise": CLASSICAL}

TEXT = """\
schema_version: 1
name: mine
context:
  years: {type: int, default: 3, record: true}
rules:
  - name: first
    when: image.width > 10
    then:
      quality: 80
      lanes:
        - {lane: lossless, codecs: [png]}
  - name: second
    when: |
      image.width > 5 &&
        context.years > 2
    then:
      lanes:
        - lane: classical
          codecs: [avif]
otherwise:
  lanes:
    - {lane: classical, codecs: [webp, jpeg]}
"""


def write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    return path


def refused(policy, code=ReasonCode.POLICY_INVALID):
    with pytest.raises(PolicyError) as caught:
        load(policy)
    assert caught.value.code is code
    return caught.value


def with_(**changes):
    return {**copy.deepcopy(MINIMAL), **changes}


def rule(when="true", name="r", **then):
    return {"name": name, "when": when, "then": {**CLASSICAL, **then}}


@pytest.mark.parametrize("name", ["archival", "balanced", "medical", "realtime", "web"])
def test_shipped(name):
    policy = load(name)
    assert policy.name == name
    assert name in shipped_names()
    jsonschema.validate(yaml.safe_load((POLICIES / f"{name}.yaml").read_text("utf-8")), policy_json_schema())
    assert load(str(POLICIES / f"{name}.yaml")).sha256 == policy.sha256
    assert load(policy) is policy
    assert load(policy.policy).sha256 == policy.sha256


def test_only_balanced_can_go_neural_and_only_it_reads_the_detector():
    assert {name for name in shipped_names() if load(name).may_go_neural} == {"balanced"}
    assert {name for name in shipped_names() if "ood" in load(name).groups} == {"balanced"}


def test_no_lossy_lane_in_the_policies_that_promise_none():
    for name in ("medical", "archival"):
        policy = load(name)
        actions = [policy.otherwise, policy.on_error, *(r.action for r in policy.rules)]
        lanes = {lane.lane for action in actions for lane in action.lanes}
        assert lanes <= {"lossless", "transcode", "passthrough"}


def test_policies_know_every_builtin_codec_by_its_lane_and_media_type():
    assert list(builtin_lanes()) == list(builtin_media_types()) == list(registry.BUILTIN)
    assert builtin_lanes()["jxl-transcode"] == "transcode"
    assert builtin_media_types()["webp-lossless"] == "image/webp"


def test_shipped_settings_are_settings_of_the_codecs():
    pixels = np.zeros((16, 16, 3), np.uint8)
    sample = ImageSample(
        width=16, height=16, channels=3, bits=8, source=Source("array", False), metadata=Metadata(), load=lambda: pixels
    )
    tried = 0
    for name in shipped_names():
        policy = load(name)
        for action in (policy.otherwise, policy.on_error, *(r.action for r in policy.rules)):
            for lane in action.lanes:
                for codec_id, values in lane.settings.items():
                    assert registry.get(codec_id).encode(sample, values)
                    tried += 1
    assert tried > 5


@pytest.mark.parametrize("name", ["balancd", "nothing", "../balanced", "x.yaml", "a/b", Path("balanced"), ""])
def test_not_found_lists_what_is_shipped(name):
    error = refused(name, ReasonCode.POLICY_NOT_FOUND)
    assert "archival, balanced, medical, realtime, web" in error.hint


def test_other_types():
    with pytest.raises(UsageError):
        load(3)


def test_a_file(tmp_path):
    policy = load(write(tmp_path, TEXT))
    assert [r.name for r in policy.rules] == ["first", "second"]
    assert policy.rules[1].groups == {"image", "context"}


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("codecs: [png]", "codecs: [pgn]", 11, "rules[0].then.lanes[0].codecs[0]", "unknown codec 'pgn'"),
        ("codecs: [png]", "codecs: [avif]", 11, "rules[0].then.lanes[0].codecs[0]", "belongs to the classical lane"),
        ("codecs: [png]", "codecs: []", 11, "rules[0].then.lanes[0].codecs", "at least one"),
        ("codecs: [png]", "codecs: [png, png]", 11, "rules[0].then.lanes[0].codecs[1]", "twice"),
        ("quality: 80", "quality: 180", 9, "rules[0].then.quality", "less than or equal to 100"),
        ("quality: 80", "quality: '80'", 9, "rules[0].then.quality", "valid number"),
        ("quality: 80", "qualty: 80", 9, "rules[0].then.qualty", "unknown field"),
        ("quality: 80", "guard: hard", 9, "rules[0].then.guard", "'hard' is not one of"),
        ("quality: 80", "fixed_target: true", 9, "rules[0].then.fixed_target", "no quality or target"),
        ("quality: 80", "budgets: {max_bytes: -1}", 9, "rules[0].then.budgets.max_bytes", "greater than or equal to 1"),
        ("quality: 80", "quality: 80\n      quality: 70", 10, "rules[0].then.quality", "given twice"),
        ("name: second", "name: first", 12, "rules[1].name", "used twice"),
        ("name: second", "name: otherwise", 12, "rules[1].name", "reserved"),
        ("name: second", "title: second", 12, "rules[1].name", "missing"),
        ("context.years > 2", "context.year > 2", 15, "rules[1].when", r"unknown input 'context.year'"),
        ("image.width > 10", "image.width > 10.0", 7, "rules[0].when", "no matching overload"),
        ("default: 3", "default: true", 4, "context.years.default", "not of type int"),
        ("default: 3", "default: x", 4, "context.years.default", "not of type int"),
        ("  years:", "  Years:", 4, "context.Years", "pattern"),
        ("  years:", "  in:", 4, "context.in", "reserved word"),
        ("schema_version: 1", "schema_version: 2", 1, "schema_version", "not one of 1"),
        ("name: mine", "name: no", 21, "", None),
        ("otherwise:", "otherwhise:", 20, "otherwhise", "unknown field"),
        ("name: mine", "name: &a mine", 2, "", "anchors"),
        ("name: mine", "name: *a", 2, "", "anchors"),
        ("name: mine", "name: !!python/name:os.system", 2, "name", "tag"),
        ("name: mine", "name: 2", 2, "name", "valid string"),
        ("name: mine", "1: mine", 2, "", "must be text"),
        ("name: mine", "name: [", 4, "", "expected|did not find"),
        ("name: mine", "---\nname: mine", 2, "", "single document|expected a single"),
        ("name: mine", "name: " + "[" * 60 + "]" * 60, 2, "", "nested deeper"),
        ("name: mine", "name: mine\x07", 2, "", "not YAML"),
        ("name: mine", "otherwise2: {<<: {a: 1}}", 2, "otherwise2", "unknown field"),
    ],
)  # fmt: skip
def test_errors_name_file_line_and_field(tmp_path, old, new, line, field, says):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    path = write(tmp_path, text)
    if says is None:  # `no` is text here, not false
        assert load(path).name == "no"
        return
    error = refused(path)
    mine = [entry for entry in error.details["errors"] if field in entry and re.search(says, entry)]
    assert mine, error
    assert re.match(rf"{re.escape(str(path))}:{line}:\d+: ", mine[0]), mine[0]
    assert f"{field}: " in mine[0] or not field


def test_rule_errors_say_which_rule():
    error = refused(with_(rules=[rule(name="fine"), rule("ood.pvalue > 0.1", name="bad")]))
    assert error.details["rule"] == "bad"
    assert error.details["expression_column"] == 1
    assert error.hint == "Did you mean ood.p_value?"


def test_all_problems_are_named_at_once():
    rules = [rule("image.widht > 1", name="a"), rule("image.height", name="b")]
    assert len(refused(with_(rules=rules)).details["errors"]) == 2
    assert len(refused(with_(x=1, y=2)).details["errors"]) == 2


@pytest.mark.parametrize(
    "raw", [b"", b"# nothing\n", b"\xff\xfe\x00", b"a: b\n" * 40000, b"- 1\n", b"just text", b"name: \xe9\n"]
)
def test_files_that_are_no_policy(tmp_path, raw):
    path = tmp_path / "p.yaml"
    path.write_bytes(raw)
    assert str(path) in refused(path).message


def test_yaml_is_read_without_its_traps(tmp_path):
    text = TEXT + "description: 2026-01-02\n"
    policy = load(write(tmp_path, text.replace("{type: int, default: 3, record: true}", "{type: string, default: yes}").replace(
        "context.years > 2", 'context.years == "yes"'))).policy  # fmt: skip
    assert policy.context["years"].default == "yes"
    assert policy.description == "2026-01-02"
    refused(write(tmp_path, text.replace("default: 3", "default: 0x10")))


def test_hash_is_of_the_meaning(tmp_path):
    base = load(write(tmp_path, TEXT)).sha256
    same = TEXT.replace("schema_version: 1\nname: mine\n", "# a comment\nname: 'mine'\nschema_version: 1\n")
    same = same.replace("quality: 80", "quality: 80.0").replace(
        "image.width > 5 &&\n        context", "image.width > 5 &&   context"
    )
    assert load(write(tmp_path, same)).sha256 == base
    assert load(yaml.safe_load(TEXT)).sha256 == base
    for old, new in (("quality: 80", "quality: 81"), ("width > 10", "width > 11"), ("[webp, jpeg]", "[jpeg, webp]")):
        assert load(write(tmp_path, TEXT.replace(old, new))).sha256 != base


def test_mappings():
    assert load(MINIMAL).name == "mine"
    assert (
        load({**MINIMAL, "otherwise": {"lanes": ({"lane": "classical", "codecs": ("avif", "jpeg")},)}}).sha256
        == load(MINIMAL).sha256
    )
    loop: dict = with_()
    loop["otherwise"] = loop
    for bad in (with_(name=float("nan")), with_(description=b"x"), with_(rules={1, 2}), {**MINIMAL, 3: 4}, loop, {}):
        refused(bad)


@pytest.mark.parametrize(
    "lane",
    [
        {"lane": "neural", "codecs": ["avif"]},
        {"lane": "classical", "codecs": ["ncr"]},
        {"lane": "transcode", "codecs": ["jxl"]},
        {"lane": "lossless", "codecs": ["jxl"]},
        {"lane": "passthrough", "codecs": ["png"]},
        {"lane": "classical"},
        {"lane": "magic", "codecs": ["png"]},
        {"lane": "classical", "codecs": ["plugin:avif"]},
        {"lane": "classical", "codecs": ["heic"]},
        {"lane": "classical", "codecs": ["avif"], "settings": {"jpeg": {"quality": 3}}},
        {"lane": "classical", "codecs": ["avif"], "settings": {"avif": {"speed": [1]}}},
        {"lane": "classical", "codecs": ["avif"], "choose": "best"},
        {"lane": "classical", "codecs": "avif"},
        {"lane": "classical", "codecs": ["a\nb"]},
    ],
)
def test_lanes_that_make_no_sense(lane):
    assert "otherwise.lanes[0]" in refused(with_(otherwise={"lanes": [lane]})).message


@pytest.mark.parametrize(
    "target", [{"metric": "vmaf", "value": 90}, {"metric": "ms-ssim", "value": 2.0}, {"metric": "bpp", "value": 0}, {"value": 3}]
)
def test_targets_are_checked(target):
    assert "otherwise.target" in refused(with_(otherwise={**CLASSICAL, "target": target})).message


def test_quality_or_target():
    both = {"quality": 70, "target": {"metric": "psnr", "value": 40}}
    refused(with_(defaults=both))
    refused(with_(otherwise={**CLASSICAL, **both}))
    assert load(with_(defaults={"target": both["target"]})).default_target.metric == "psnr"
    assert load(MINIMAL).default_target.value == 70.0


def test_limits():
    refused(with_(rules=[rule(name=f"r{i}") for i in range(65)]))
    refused(with_(rules=[rule("true || " * 300 + "true")]))
    refused(with_(otherwise={**CLASSICAL, "reason": "x" * 201}))
    refused(with_(otherwise={"lanes": []}))


def test_on_error():
    neural = {"lane": "neural", "codecs": ["ncr"]}
    error = refused(with_(on_error={"lanes": [neural]}))
    assert "on_error.lanes[0].lane" in error.message
    lossless = {"lane": "lossless", "codecs": ["png"]}
    assert [lane.lane for lane in load(with_(otherwise={"lanes": [neural, lossless]})).on_error.lanes] == ["lossless"]
    assert [lane.lane for lane in load(with_(otherwise={"lanes": [neural]})).on_error.lanes] == ["classical", "lossless"]
    assert load(with_(on_error={"lanes": [lossless]})).on_error.lanes[0].codecs == ("png",)


def test_json_schema():
    schema = policy_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    json.dumps(schema)
    jsonschema.validate(MINIMAL, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**MINIMAL, "extra": 1}, schema)


def test_the_documented_example_loads():
    text = (POLICIES.parent / "docs" / "guide" / "policies.md").read_text("utf-8")
    assert load(yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])).name == "shop"


def test_policies_are_frozen():
    policy = load(MINIMAL).policy
    with pytest.raises(ValueError):
        policy.name = "other"
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
