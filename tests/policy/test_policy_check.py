"""`check`: everything that is wrong with a policy at once, with line and column; what will surprise; what `load` says of it."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from work import calls

from router.errors import PolicyError
from router.policy.check import check
from router.policy.expressions import Environment
from router.policy.load import load, policy_file, shipped_names
from router.policy.problems import MAX_PROBLEMS, ProblemCode
from router.policy.reach import alternatives, always

FILES = Path(__file__).parents[1] / "data" / "policies"

# (line, column, code, what stands there in the file, the whole hint or its beginning)
FOUND = {
    "fields": [
        (3, 7, 'WRONG_VALUE', 'My', ''),
        (5, 3, 'WRONG_VALUE', 'Premium', ''),
        (6, 17, 'WRONG_VALUE', 'integer', 'Did you mean int?'),
        (7, 31, 'WRONG_VALUE', 'many', ''),
        (9, 12, 'WRONG_VALUE', '170', ''),
        (10, 10, 'WRONG_VALUE', 'ful', 'Did you mean full?'),
        (11, 3, 'DUPLICATE_FIELD', 'guard', 'It stands in line 10 already'),
        (12, 3, 'UNKNOWN_FIELD', 'metadata_los', 'Did you mean metadata_loss?'),
        (15, 5, 'UNKNOWN_FIELD', 'if', 'Did you mean when?'),
        (17, 7, 'UNKNOWN_FIELD', 'qualty', 'Did you mean quality?'),
        (20, 11, 'DUPLICATE_NAME', 'first', ''),
        (22, 63, 'WRONG_VALUE', '0', ''),
        (22, 77, 'WRONG_TYPE', '"', 'Write it without quotes: 100'),
        (22, 85, 'CONTRADICTION', 'fixed_target', 'Add quality: or target: here'),
        (23, 5, 'UNKNOWN_FIELD', 'lane', 'lane stands in a lane'),
        (25, 11, 'WRONG_TYPE', 'true', "Put it into quotes: 'true'"),
        (26, 19, 'WRONG_VALUE', '[', ''),
        (26, 32, 'CONTRADICTION', '60', 'Quality is a target in SSIMULACRA2'),
        (26, 53, 'WRONG_VALUE', 'vmaf', ''),
        (27, 5, 'MISSING_FIELD', 'when', ''),
        (29, 7, 'WRONG_TYPE', '-', ''),
        (30, 1, 'UNKNOWN_FIELD', 'other', 'Did you mean otherwise?'),
        (34, 14, 'CONTRADICTION', 'neural', 'Name a classical or lossless lane here'),
    ],
    "conditions": [
        (8, 24, 'UNKNOWN_INPUT', 'True', 'Write true'),
        (8, 29, 'CEL_SYNTAX', 'and', 'Write &&'),
        (8, 33, 'CEL_SYNTAX', 'not', 'Write !'),
        (13, 7, 'UNKNOWN_INPUT', 'image.widht', 'Did you mean image.width?'),
        (14, 29, 'CEL_TYPE', '>', 'Doubles are written with a point: 4.0'),
        (15, 12, 'UNKNOWN_INPUT', 'context.levl', 'Did you mean context.level?'),
        (19, 19, 'CEL_TYPE', '>', 'The other side is an int: write 10'),
        (21, 24, 'CEL_SYNTAX', '=', 'Write =='),
        (24, 23, 'UNKNOWN_INPUT', 'source.formt', 'Did you mean source.format?'),
        (24, 39, 'UNKNOWN_INPUT', 'width', 'Did you mean image.width?'),
        (27, 54, 'CEL_SYNTAX', 'in', 'Write square ones: x in [1, 2]'),
        (30, 23, 'CEL_SYNTAX', 'between', 'Write x >= 1 && x <= 9'),
        (30, 39, 'CEL_SYNTAX', 'or', 'Write ||'),
        (31, 24, 'UNKNOWN_INPUT', 'jpeg', 'Text is written in quotes: "jpeg"'),
        (34, 11, 'UNKNOWN_FUNCTION', 'len', 'Did you mean size?'),
        (34, 51, 'UNKNOWN_FUNCTION', 'startswith', 'Did you mean startsWith?'),
        (34, 70, 'UNKNOWN_FUNCTION', 'image.has_alpha', ''),
        (37, 27, 'CEL_TYPE', '<', ''),
        (37, 44, 'CEL_TYPE', '=', ''),
        (37, 67, 'CEL_TYPE', '!', ''),
        (40, 11, 'CEL_TYPE', 'image.megapixels', ''),
        (43, 35, 'CEL_SYNTAX', '', 'A round bracket is not closed'),
        (46, 11, 'YAML_SYNTAX', '!', "Put it into quotes: '!image.hdr ...'"),
    ],
    "lanes": [
        (2, 17, 'WRONG_VALUE', '2', ''),
        (9, 18, 'WRONG_VALUE', 'losless', 'Did you mean lossless?'),
        (10, 38, 'UNKNOWN_CODEC', 'avfi', 'Did you mean avif?'),
        (10, 44, 'UNKNOWN_CODEC', 'JPG', 'Did you mean jpeg?'),
        (10, 49, 'WRONG_LANE', 'png', ''),
        (11, 37, 'WRONG_TYPE', 'avif', 'Write a list: [avif]'),
        (12, 37, 'WRONG_LANE', 'jxl', 'Did you mean jxl-lossless?'),
        (13, 42, 'DUPLICATE_NAME', 'png', ''),
        (13, 56, 'WRONG_VALUE', 'smalest', 'Did you mean smallest?'),
        (15, 11, 'UNKNOWN_INPUT', 'image.hdrr', 'Did you mean image.hdr?'),
        (19, 26, 'UNKNOWN_CODEC', '"', 'Write webp'),
        (22, 15, 'UNKNOWN_SETTING', 'sped', 'Did you mean speed?'),
        (23, 24, 'BAD_SETTING', '[', ''),
        (24, 28, 'BAD_SETTING', '"', ''),
        (25, 13, 'UNKNOWN_CODEC', 'jpeg', ''),
        (26, 22, 'CONTRADICTION', '0.1', ''),
        (31, 39, 'CONTRADICTION', '[', ''),
        (32, 11, 'MISSING_FIELD', '{', 'For example codecs: [jxl-transcode]'),
        (34, 12, 'WRONG_VALUE', '-1', ''),
    ],
    "surprises": [
        (3, 7, 'SHIPPED_NAME', 'balanced', ''),
        (5, 3, 'NO_EFFECT', 'unused', ''),
        (10, 5, 'NEVER_APPLIES', 'name', ''),
        (13, 5, 'NEVER_APPLIES', 'name', ''),
        (17, 25, 'NO_EFFECT', '=', 'Did you mean jpeg?'),
        (17, 51, 'NO_EFFECT', 'in', 'Did you mean tiff?'),
        (22, 25, 'NO_EFFECT', '>', 'Its values go from -1 to 1'),
        (23, 12, 'NO_FALLBACK', 'lanes', ''),
        (23, 50, 'NO_EFFECT', 'must_save', 'Add a classical lane'),
        (27, 45, 'NO_EFFECT', 'wepb', 'Did you mean webp?'),
        (30, 26, 'NO_EFFECT', '<', 'It is 1, 2, 3 or 4'),
        (31, 46, 'NOT_INSTALLED', '"', ''),
        (32, 5, 'NEVER_APPLIES', 'name', ''),
        (35, 1, 'NEVER_APPLIES', 'otherwise', ''),
    ],
}  # fmt: skip


def lines(name):
    return (FILES / f"{name}.yaml").read_text("utf-8").split("\n")


@pytest.mark.parametrize("name", FOUND)
def test_every_problem_is_found_at_its_place(name):
    problems = check(FILES / f"{name}.yaml").problems
    assert [(*problem.place, str(problem.code)) for problem in problems] == [entry[:3] for entry in FOUND[name]]
    assert problems == sorted(problems, key=lambda problem: problem.place)
    for problem, (line, column, _, stands, hint) in zip(problems, FOUND[name], strict=True):
        assert lines(name)[line - 1][column - 1 :].startswith(stands)
        assert problem.hint.startswith(hint)
        shown = problem.line("p.yaml", hint=True)
        assert shown.isprintable()
        assert "\\n" not in shown
        assert problem.warning is (name == "surprises")


@pytest.mark.parametrize("name", ["fields", "conditions", "lanes"])
def test_loading_names_the_same_problems(name):
    path = FILES / f"{name}.yaml"
    problems = check(path).problems
    assert len(problems) > MAX_PROBLEMS
    with pytest.raises(PolicyError) as caught:
        load(path)
    details = caught.value.details
    assert details["errors"][:-1] == [problem.line(str(path), hint=True) for problem in problems[:MAX_PROBLEMS]]
    assert details["errors"][-1] == f"and {len(problems) - MAX_PROBLEMS} more"
    assert details["problems"] == [problem.to_dict(str(path)) for problem in problems[:MAX_PROBLEMS]]
    assert (details["line"], details["column"]) == problems[0].place
    assert caught.value.hint == f"`codec-router policies check {path}` shows them all"
    assert check(path).policy is None


def test_shipped_policies_have_nothing_to_say_of_them_and_may_be_copied(tmp_path):
    for name in shipped_names():
        copy = tmp_path / "mine.yaml"
        copy.write_bytes(policy_file(name).read_bytes())
        for found in (check(name), check(copy)):
            assert found.problems == []
            assert found.policy.sha256 == load(name).sha256


HEAD = "schema_version: 1\nname: x\nrules:\n  - name: r\n"
TAIL = "    then: {lanes: [{lane: passthrough}]}\notherwise: {lanes: [{lane: passthrough}]}\n"


def conditions(tmp_path, *whens):
    path = tmp_path / "p.yaml"
    rules = "".join(f"  - name: r{i}\n    when: |\n      {when}\n    then: {{lanes: [{{lane: passthrough}}]}}\n" for i, when in
                    enumerate(whens))  # fmt: skip
    path.write_text(f"schema_version: 1\nname: x\nrules:\n{rules}otherwise: {{lanes: [{{lane: passthrough}}]}}\n")
    return check(path).problems


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ("schema_version: 1\nname: x\nrules:\n\t- name: r\n", 4, 1, "Indent with spaces"),
        (HEAD + '    when: "png" == source.format\n' + TAIL, 5, 17, "quotes"),
        (HEAD + "    when: !image.hdr && image.gray\n" + TAIL, 5, 23, "quotes"),
        (HEAD + "     when: image.hdr\n" + TAIL, 5, 10, "indentation"),
        (HEAD + "    when: 'image.hdr\n" + TAIL, 8, 1, "begins at line 5, column 11"),
        (HEAD + "    when: image.hdr\n" + TAIL.replace("]}\n", "\n", 1), 7, 1, "begins at line 6"),
        (HEAD + "    when: *hdr\n" + TAIL, 5, 11, "quotes"),
        (HEAD + "    when: image.hdr\x07\n" + TAIL, 5, 20, "escape"),
        ("", None, None, "policies show balanced"),
    ],
)
def test_errors_of_yaml_have_a_place_and_a_way_out(tmp_path, text, line, column, hint):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    (problem,) = check(path).problems
    assert (problem.place or (None, None)) == (line, column)
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("when", "column", "hint"),
    [
        ("image.bits = 8", 12, "Write =="),
        ("image.bits === 8", 12, "Write =="),
        ("image.width => 8", 13, "Write >="),
        ("image.width <> 8", 13, "Write !="),
        ("image.hdr & image.gray", 11, "Write &&"),
        ("image.hdr | image.gray", 11, "Write ||"),
        ("image.hdr is not true", 11, "Write !="),
        ("source.format not in ['png']", 15, "Write !(x in list)"),
        ("NOT image.hdr", 1, "Write !"),
        ("source.format == “png”", 18, 'Write straight ones: "png"'),
        ("image.width > 1,000", 16, "Numbers have a point for fractions"),
        ("image.megapixels > 5MP", 21, "Numbers have no unit"),
        ("image.width ** 2 > 9", 14, "There is no power"),
        ("source.format like 'p%'", 15, "Parts of text"),
        ("source.format == 'png", 18, "Text ends with the quote"),
        ("if image.hdr then true", 1, "A choice is written"),
        ("image.hdr &&", 13, "`&&` has nothing behind it"),
        ("image.hdr)", 10, "There are more closing brackets"),
        ("None == image.width", 1, "Nothing is null"),
        ("image.format == 'png'", 1, "Did you mean source.format?"),
        ("available", 1, "Did you mean cost.available, gain.available or ood.available?"),
        ("ood > 0.5", 1, "ood is a group of inputs"),
        ("image-width > 5", 1, "Did you mean image.width?"),
        ("receiver.heic", 1, "receiver has "),
        ("picture.wide", 1, "Inputs are written group.name"),
        ("context.colour", 1, "Declare the key"),
        ("image.hdr && !image.width", 14, "`!` takes conditions"),
        ("source.format in 'png'", 15, "Write a list"),
        ("source.format == 3", 15, "A number and a text"),
        ("dyn(image.width)", 1, "Compare it with something"),
    ],
)
def test_conditions_of_other_languages_are_understood(tmp_path, when, column, hint):
    first = conditions(tmp_path, when)[0]
    assert first.place == (6, column + 6)
    assert first.hint.startswith(hint)


@pytest.mark.parametrize(
    ("before", "late", "never"),
    [
        ("image.width > 100", "image.width > 200", True),
        ("image.width > 200", "image.width > 100", False),
        ("image.width > 100", "image.width >= 101", True),
        ("image.megapixels > 1.0", "image.megapixels >= 1.0", False),
        ("100 < image.width", "image.width == 150", True),
        ("image.hdr", "image.gray && image.hdr", True),
        ("image.hdr && image.gray", "image.hdr", False),
        ("image.hdr || image.gray", "image.gray && image.width > 5", True),
        ("!(image.hdr || image.gray)", "!image.gray && !image.hdr", True),
        ("!(image.hdr && image.gray)", "!image.gray", True),
        ("!image.hdr", "image.hdr", False),
        ("source.format in ['png', 'jpeg']", "source.format == 'png'", True),
        ("source.format != 'png'", "source.format == 'jpeg'", True),
        ("source.format == 'png'", "source.format in ['png', 'jpeg']", False),
        ("source.format.startsWith('j')", "image.hdr && source.format.startsWith('j')", True),
        ("receiver.models.exists(m, m == 'a')", "receiver.models.exists(m, m == 'a')", True),
        ("receiver.models.exists(m, m == 'a')", "receiver.models.exists(m, m == 'b')", False),
        ("image.width * 2 > 100", "image.width * 2 > 100 && true", True),
        ("true", "image.hdr", True),
        ("image.width / image.height > 1", "image.width > 5", False),
    ],
)
def test_a_rule_is_said_to_be_late_only_where_that_is_certain(tmp_path, before, late, never):
    found = [problem for problem in conditions(tmp_path, before, late) if problem.path[:2] == ("rules", 1)]
    assert [problem.code for problem in found] == [ProblemCode.NEVER_APPLIES] * never


@pytest.mark.parametrize(
    "when",
    ["false", "image.hdr && !image.hdr", "image.width < 5 && image.width > 5", "image.bits == 8 && image.bits == 16",
     "image.width > 5 && image.width < 6", "source.format in []"],
)  # fmt: skip
def test_conditions_that_are_never_true(tmp_path, when):
    assert ProblemCode.NEVER_APPLIES in [problem.code for problem in conditions(tmp_path, when)]


ATOMS = [
    "image.width > 100", "image.width >= 100", "100 > image.width", "image.width == 100", "image.width != 100",
    "image.width in [99, 101]", "image.megapixels > 1.0", "image.megapixels <= 1.0", "1.0 != image.megapixels", "image.hdr",
    "!image.hdr", "image.hdr == false", "source.format == 'png'", "source.format != 'png'",
    "source.format in ['png', 'gif']", "image.width * 2 > 200", "image.gray", "true", "false",
    "(image.hdr ? image.gray : image.width > 100)", "image.bits < 16", "image.bits != 8", "100 / image.width > 0",
]  # fmt: skip
CONDITIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=5,
)
GRID = [
    dict(zip(("image.width", "image.megapixels", "image.hdr", "image.gray", "source.format", "image.bits"), values, strict=True))
    for values in itertools.product(
        (1, 99, 100, 101), (0.5, 1.0, 2.0), (True, False), (True, False), ("png", "gif", "jpeg"), (8, 16)
    )
]
ENVIRONMENT = Environment({})


@settings(max_examples=80, deadline=None)
@given(CONDITIONS, CONDITIONS)
def test_no_image_comes_to_a_rule_that_is_said_to_be_out_of_reach(first, second):
    compiled = [ENVIRONMENT.compile(text) for text in (first, second)]
    taken = [alternatives(condition.checked.root) for condition in compiled]
    covered = all(any(mine.within(other) for other in taken[0]) for mine in taken[1])
    for values in GRID if covered or always(taken[0]) else ():
        before, late = (condition.evaluate(values).value for condition in compiled)
        assert not (late and before is False)
        assert before is not False or not always(taken[0])


def test_wrong_declarations_do_not_make_conditions_wrong(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "schema_version: 1\nname: x\ncontext:\n  a: {type: number, default: 1}\n  b: 3\nrules:\n"
        "  - {name: r, when: context.a > 3 && context.b, then: {lanes: [{lane: passthrough}]}}\n"
        "  - {name: s, when: context.a + image.width == image.hdr, then: {lanes: [{lane: passthrough}]}}\n"
        "otherwise: {lanes: [{lane: passthrough}]}\n"
    )
    assert [str(problem.field) for problem in check(path).problems] == ["context.a.type", "context.b"]


def test_lines_and_columns_hold_with_any_line_break_and_character(tmp_path):
    path = tmp_path / "p.yaml"
    text = (
        HEAD.replace("name: x", "name: x\ndescription: 'für \U0001f5bc'")
        + "    when: source.format == 'ü\U0001f5bc' && image.hdrr\n"
        + TAIL
    )
    for line_break in ("\n", "\r\n"):
        path.write_bytes(b"\xef\xbb\xbf" * (line_break == "\n") + text.replace("\n", line_break).encode())
        (problem,) = check(path).problems
        assert problem.place == (6, 36)


def test_checking_takes_twice_the_work_for_a_file_twice_as_long(tmp_path):
    path = tmp_path / "p.yaml"
    long = " && ".join(f"(image.width > {i} || image.height > {i})" for i in range(40))
    head = HEAD[: -len("  - name: r\n")]

    def wrong(rules: int) -> str:
        body = "".join(f"  - {{name: r, when: 'imag.width > {i} and x', thn: {{lnes: []}}}}\n" for i in range(rules))
        return f"schema_version: 1\nname: x\nrules:\n{body}"

    def unreachable(rules: int) -> str:
        body = "".join(f"  - name: r{i}\n    when: {long}\n    then: {{lanes: [{{lane: passthrough}}]}}\n" for i in range(rules))
        return f"{head}{body}otherwise: {{lanes: [{{lane: passthrough}}]}}\n"

    def work(text: str) -> int:
        path.write_text(text)
        return calls(lambda: check(path))

    assert work(wrong(400)) < 2.3 * work(wrong(200))
    assert len(check(path).problems) > 400
    assert work(unreachable(24)) < 2.6 * work(unreachable(12))
    assert check(path).problems


def test_names_and_values_in_a_file_make_no_lines_of_their_own(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text('"a\\nerror: b\\x1b[31m": 1\nname: "x\\ny"\n')
    shown = [problem.line(str(path), hint=True) for problem in check(path).problems]
    assert all(line.isprintable() for line in shown)
    assert any(re.search(r"a error: b\\x1b", line) for line in shown)
