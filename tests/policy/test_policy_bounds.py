"""Policies come from strangers too: what they take to load and to evaluate is bounded, and what is wrong is a typed error."""

import os
import subprocess
import sys

import pytest
from facts_for_policies import Facts
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import PolicyError
from router.policy import bounds
from router.policy.check import check
from router.policy.engine import decide
from router.policy.expressions import Environment
from router.policy.load import load
from router.policy.receiver import Receiver
from router.policy.syntax import Checked
from router.policy.yaml_source import MAX_FILE_BYTES
from router.reasons import ReasonCode

PNG = {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}
HEAD = "schema_version: 1\nname: x\notherwise: {lanes: [{lane: lossless, codecs: [png]}]}\n"
ENV = Environment({"s": "string", "t": "string"})


def ones(count):
    return "[" + ",".join("1" * count) + "]"


def refused(policy):
    with pytest.raises(PolicyError) as caught:
        load(policy)
    assert caught.value.code is ReasonCode.POLICY_INVALID
    assert len(str(caught.value)) < 6000
    return caught.value


BOMBS = {
    "text that grows tenfold": "['a']" + ".map(a, a+a+a+a+a+a+a+a+a+a)" * 8 + ".exists(a, a.size() > 0)",
    "text that doubles": "['a']" + ".map(a, a + a)" * 22 + ".exists(a, a == 'b')",
    "bytes that double": "[b'a']" + ".map(a, a + a)" * 22 + ".exists(a, a == b'b')",
    "lists that double": "[[1]]" + ".map(a, a + a)" * 22 + ".exists(a, a.size() == 1)",
    "lists in lists": "[[1]]" + ".map(a, [a, a])" * 21 + " == []",
    "maps in maps": "[{'a': 1}].map(a, {'a': a, 'b': a}).map(a, [a, a])" + ".map(a, [a, a])" * 19 + " == []",
    "a list copied turn by turn": f"[{ones(100)}].map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a)[0].map(b, b+1).size() > 1",
    "a loop in a loop": f"{ones(200)}.exists(x, {ones(50)}.exists(y, context.s + context.t == 'a'))",
    "a filter that builds": f"{ones(100)}.filter(x, {ones(100)}.map(y, context.s + 'x').size() > 0).size() > 1",
    "models by models": "receiver.models.map(m, receiver.models.map(n, n + m)).size() > 1",
    "expressions by texts": "receiver.models.exists(m, receiver.models.exists(n, m.matches(n)))",
    "a text made again": "[context.s]" + ".map(a, string(a) + a)" * 10 + ".exists(a, a == '')",
}


@pytest.mark.parametrize("condition", BOMBS.values(), ids=BOMBS)
def test_conditions_that_could_take_much_do_not_load(condition):
    error = refused({"schema_version": 1, "name": "x", "context": {k: {"type": "string", "default": ""} for k in "st"},
                     "rules": [{"name": "r", "when": condition, "then": PNG}], "otherwise": PNG})  # fmt: skip
    assert "rules[0].when" in error.message
    assert "are allowed" in error.message or "recursion" in error.message


@pytest.mark.parametrize(
    "condition",
    [
        "receiver.models.exists(m, m.startsWith('photo'))", "'x' in receiver.models", "source.format in ['png', 'gif']",
        "context.s + context.t == 'ab'", "receiver.models.map(m, m + context.s).exists(m, m == 'ab')",
        "(context.s + '/' + context.t).matches('^[a-z]+/[a-z]*$')", f"{ones(900)}.map(x, x + 1).size() == 900",
        "{'a': 1, 'b': 2}[context.s] == 1", "context.s.matches(context.t)", "['a', 'b'].filter(x, x != context.s).size() == 1",
    ],
)  # fmt: skip
def test_conditions_of_the_usual_kind_do(condition):
    values = {"context.s": "a", "context.t": "b", "receiver.models": ["photo-1", "b"], "source.format": "png"}
    assert ENV.compile(condition).evaluate(values).value is not None


def test_all_conditions_together_are_bounded():
    costly = "receiver.models.map(m, m + context.s).exists(m, m == 'ab')"
    policy = {"schema_version": 1, "name": "x", "context": {"s": {"type": "string", "default": ""}}, "otherwise": PNG}
    rules = [{"name": f"r{i}", "when": costly, "then": PNG} for i in range(5)]
    load({**policy, "rules": rules[:4]})
    assert "all conditions together" in refused({**policy, "rules": rules}).message


_ATOMS = st.sampled_from(["[1]", "[1, 2, 3]", "receiver.models", "['a', 'bc']", "[context.s]"])
_STEPS = st.sampled_from(
    [
        ".map(x, x)",
        ".map(x, [x, x])",
        ".filter(x, true)",
        " + {}",
        ".map(x, {}.size())",
        ".map(x, {})",
        ".map(x, string(x))",
        ".filter(x, x == x)",
    ]
)


@settings(max_examples=60, deadline=None)
@given(_ATOMS, st.lists(_STEPS, max_size=4))
def test_no_value_is_longer_than_its_bound(atom, steps):
    text = atom
    for step in steps:
        text = f"({text}{step.replace('{}', atom).replace('{{', '{').replace('}}', '}')})"
    try:
        raw = ENV._env.compile(f"{text}.size() > 0")
    except RuntimeError:  # of no type
        return
    checked = Checked(raw.serialize())
    bound = bounds._Bound(ENV._sizes)
    size = bound.of(checked.root.children[0].children[0], {}, 1)
    if bound.built > bounds.MOST_BUILT:
        return
    values = {"receiver.models": ["m" * 200] * 64, "context.s": "s" * 1000}
    assert ENV.compile(f"{text}.size() > {size.length}").evaluate(values).value is False


UNKNOWN = "".join(f"f{i}: 1\n" for i in range(2000))
RULE = "- {{name: r{0}, when: '{1}', then: {{lanes: [{{lane: passthrough}}]}}}}\n"
HOSTILE = {
    "2,000 unknown fields": HEAD + UNKNOWN,
    "unknown settings": HEAD.replace("[png]", "[png], settings: {png: {" + ",".join(f"s{i}: 1" for i in range(500)) + "}}"),
    "an infinite number": HEAD + "defaults: {quality: 1e999}\n",
    "minus infinity": HEAD + "defaults: {quality: -1e999}\n",
    "infinity in a setting": HEAD.replace("[png]", "[png], settings: {png: {level: 1e999}}"),
    "infinity in a budget": HEAD.replace("}]}", "}], budgets: {encode_ms: 1e400}}"),
    "a long integer": HEAD + "defaults: {quality: " + "9" * 100 + "}\n",
    "an integer of 5,000 digits": HEAD + "defaults: {quality: " + "9" * 5000 + "}\n",
    "an integer beyond 64 bits": HEAD.replace("[png]", "[png], settings: {png: {level: 9223372036854775808}}"),
    "a surrogate": HEAD + 'description: "\\ud800"\n',
    "a surrogate in a name": HEAD + '"\\ud800": 1\n',
    "an anchor": "a: &x [1, 2]\nb: *x\n",
    "a merge key": "a: &x {b: 1}\nc: {<<: *x}\n",
    "a tag": "!!python/object/apply:os.system [ls]\n",
    "brackets": "[" * 100_000,
    "braces": "{" * 100_000,
    "dashes": "- " * 60_000,
    "question marks": "? " * 60_000,
    "many entries": "[" + "1," * 60_000 + "]",
    "many fields": "".join(f"{i:x}a: 1\n" for i in range(6_000)),
    "a long field": HEAD + "? " + "k" * 100_000 + "\n: 1\n",
    "a long value": HEAD + "defaults: {guard: " + "z" * 100_000 + "}\n",
    "a long condition": HEAD + "rules:\n" + RULE.format(0, "a" * 100_000),
    "many rules": HEAD + "rules:\n" + "".join(RULE.format(i, "true") for i in range(200)),
    "too many bytes": "#" * (MAX_FILE_BYTES + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    assert str(path) in refused(path).message
    found = check(path)
    assert found.policy is None
    assert max(len(problem.line(str(path), hint=True)) for problem in found.problems) < 1500


def test_of_many_problems_the_first_ones_are_named_with_their_hints():
    error = refused({"schema_version": 1, "name": "x", "otherwise": PNG, "ruls": [], **{f"f{i}": 1 for i in range(2000)}})
    assert error.details["errors"][0] == "ruls: unknown field. Did you mean rules?"
    assert len(error.details["errors"]) == 11
    assert error.details["errors"][-1] == "and 1991 more"


def test_mappings_are_bounded_like_files():
    shared = ["x"]
    for _ in range(20):
        shared = [shared] * 50
    long = {"name": "x" * 200_000}
    for bad in ({"rules": shared}, long, {"k" * 200_000: 1}, {"a": 10**400}, {"a": 1 << 64}, {"\ud800": 1}, {"a": "\udcff"}):
        refused({"schema_version": 1, "otherwise": PNG, **bad})


@pytest.mark.parametrize(
    "name", ["a" * 300 + ".yaml", "a" * 5000 + ".yaml", "x\0.yaml", "\udcff.yaml", "\0", "p/" * 3000 + "x.yaml"]
)
def test_names_that_no_file_can_have_are_not_found(name):
    with pytest.raises(PolicyError) as caught:
        load(name)
    assert caught.value.code is ReasonCode.POLICY_NOT_FOUND


def test_a_folder_and_a_pipe_are_no_policy_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    for path in (tmp_path / "pipe.yaml", tmp_path / "folder.yaml"):
        with pytest.raises(PolicyError):
            load(path)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_a_hostile_condition_and_an_accept_value_take_neither_memory_nor_time():
    """In a process of its own, where the memory can be limited; `ru_maxrss` would begin with the size of this one."""
    code = (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from router.policy.expressions import Environment\nfrom router.policy.receiver import Receiver\n"
        "env = Environment({'s': 'string'})\n"
        f"for text in {[c for c in BOMBS.values() if 'context.t' not in c] + [f'{ones(990)}.map(x, x + 1).size() > 0']!r}:\n"
        "    try:\n        env.compile(text).evaluate({'context.s': 'x' * 1024, 'receiver.models': ['m' * 256] * 64})\n"
        "    except Exception as error:\n        assert type(error).__name__ == 'PolicyError', error\n"
        "print(next(int(line.split()[1]) >> 10 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 300


def test_consent_cannot_be_had_by_an_infinite_score():
    neural = {"lanes": [{"lane": "neural", "codecs": ["ncr"]}]}
    for when in (
        "image.megapixels / 0.0 > 1.0",
        "ood.score / 0.0 > 1.0",
        "gain.low * 1e300 < 0.0",
        "1.0 / (image.megapixels - image.megapixels) > 0.0",
    ):
        policy = load(
            {"schema_version": 1, "name": "x", "rules": [{"name": "r", "when": when, "then": neural}], "otherwise": PNG}
        )
        decision = decide(policy, Facts(), Receiver.parse("self"))
        assert (decision.rule, decision.lane) == ("on_error", "lossless")
        assert decision.reasons[0].code is ReasonCode.RULE_ERROR
