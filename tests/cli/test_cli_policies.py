"""`codec-router policies`: what is wrong with a policy, told to people and to programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import Cli

from router.policy.load import load, policy_file

FILES = Path(__file__).parents[1] / "data" / "policies"


def test_a_printed_policy_is_one_to_start_from(cli: Cli, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(cli("policies", "show", "balanced").out, "utf-8")
    assert mine.read_bytes() == policy_file("balanced").read_bytes()  # comments too
    done = cli("policies", "check", mine, "web")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"{mine}: loads, nothing found", "web: loads, nothing found"]
    text = mine.read_text("utf-8")
    mine.write_text(text.replace("name: balanced", "name: mine").replace("gain.bytes_saved > 0.15", "gain.bytes_saved > 0.2"))
    assert cli("policies", "check", mine).out == f"{mine}: loads, nothing found\n"
    assert load(mine).name == "mine"


@pytest.mark.parametrize(("name", "errors"), [("fields", 23), ("conditions", 23), ("lanes", 19)])
def test_every_mistake_has_a_line_of_its_own(cli: Cli, name: str, errors: int) -> None:
    path = FILES / f"{name}.yaml"
    done = cli("policies", "check", path)
    assert done.code == 2
    assert "\\n" not in done.out
    *lines, last = done.out.splitlines()
    places = [tuple(map(int, found.groups())) for line in lines if (found := re.match(rf"{path}:(\d+):(\d+): error: ", line))]
    assert len(places) == errors
    assert places == sorted(places)
    assert all(line.startswith((f"{path}:", "    ")) for line in lines)
    assert last == f"{path}: does not load, {errors} errors"


def test_findings_as_objects(cli: Cli) -> None:
    conditions, surprises = FILES / "conditions.yaml", FILES / "surprises.yaml"
    done = cli("policies", "check", conditions, surprises, "--json")
    assert done.code == 6
    wrong, strange = done.json
    assert (wrong["input"], wrong["ok"], strange["ok"]) == (str(conditions), False, True)
    assert wrong["problems"][3] == {
        "file": str(conditions), "line": 13, "column": 7, "field": "rules[1].when", "code": "UNKNOWN_INPUT", "severity": "error",
        "message": "rule block: unknown input 'image.widht'", "hint": "Did you mean image.width?",
    }  # fmt: skip
    assert {problem["severity"] for problem in strange["problems"]} == {"warning"}


def test_warnings_alone_are_no_failure(cli: Cli) -> None:
    done = cli("policies", "check", FILES / "surprises.yaml")
    assert done.code == 0
    assert done.out.splitlines()[-1].endswith("surprises.yaml: loads, 14 warnings")


def test_what_is_not_there(cli: Cli, tmp_path: Path) -> None:
    done = cli("policies", "check", tmp_path / "none.yaml", "balancd")
    assert done.code == 2
    assert "Did you mean balanced?" in done.err
    assert [document["error"]["code"] for document in cli("policies", "check", "balancd", "--json").json] == ["POLICY_NOT_FOUND"]


def test_a_command_that_needs_the_policy_says_the_same(cli: Cli, samples: dict[str, Path], tmp_path: Path) -> None:
    path = FILES / "lanes.yaml"
    done = cli("compress", samples["portrait_hopper"], "-o", tmp_path / "out", "--policy", path)
    assert done.code == 2
    assert "\\n" not in done.err
    lines = done.err.splitlines()
    assert [line.removeprefix("POLICY_INVALID ").split(": ")[0] for line in lines[:10]] == [
        f"{path}:{place}" for place in ("2:17", "9:18", "10:38", "10:44", "10:49", "11:37", "12:37", "13:42", "13:56", "15:11")
    ]
    assert lines[10:] == ["and 9 more", f"`codec-router policies check {path}` shows them all"]
