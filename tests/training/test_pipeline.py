"""The pipeline: what is unchanged is passed over, what failed goes on, and every command is one that its module takes."""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from training.codec.configuration import Configuration
from training.codec.photograph_set import PhotographSet
from training.codec.schedule import Schedule
from training.pipeline.__main__ import main
from training.pipeline.plan import Workspace, plan
from training.pipeline.run import StepFailedError, described, run
from training.pipeline.step import Step, contents

CONFIGURATIONS = sorted((Path(__file__).resolve().parents[2] / "training" / "configurations").glob("*.json"))
COPY = "import pathlib, sys; a, b = map(pathlib.Path, sys.argv[1:]); b.write_text(a.read_text() + a.read_text())"


@pytest.fixture
def steps(tmp_path: Path) -> list[Step]:
    """Three files, each twice the one before."""
    files = [tmp_path / name for name in "abcd"]
    files[0].write_text("x")
    code = tmp_path / "code.py"
    code.write_text("one = 1")

    def step(a: Path, b: Path) -> Step:
        return Step(b.name, (("-c", COPY, str(a), str(b)),), (a,), (b,), code=(code,))

    return [step(a, b) for a, b in itertools.pairwise(files)]


def ran(steps: list[Step], journal: Path, **options: object) -> list[str]:
    lines: list[str] = []
    run(steps, journal, tell=lines.append, **options)  # type: ignore[arg-type]
    return [line.split(":")[0] for line in lines if not line.startswith("  ") and "unchanged" not in line]


def test_only_what_depends_on_a_change_runs_again(steps: list[Step], tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    assert ran(steps, journal) == ["b", "c", "d"]
    assert (tmp_path / "d").read_text() == "x" * 8
    assert ran(steps, journal) == []
    (tmp_path / "c").write_text("other")  # somebody else's doing
    assert ran(steps, journal) == ["c"]
    (tmp_path / "d").unlink()
    assert ran(steps, journal) == ["d"]
    (tmp_path / "code.py").write_text("# a comment\none = 1")
    assert ran(steps, journal) == []
    (tmp_path / "a").write_text("y")
    assert described(steps, journal)[0].startswith("b: inputs, settings or code have changed")
    assert ran(steps, journal, again=["d"]) == ["b", "c", "d"]
    assert (tmp_path / "d").read_text() == "y" * 8


def test_a_failure_names_the_step_and_the_next_call_goes_on(steps: list[Step], tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    broken = [steps[0], Step("c", (("-c", "raise SystemExit(3)"),), (), (tmp_path / "c",)), steps[2]]
    with pytest.raises(StepFailedError, match="c failed") as caught:
        run(broken, journal, tell=lambda _: None)
    assert caught.value.code == 3
    with pytest.raises(ValueError, match="has not written"):
        run([Step("c", (("-c", ""),), (), (tmp_path / "c",))], journal, tell=lambda _: None)
    assert ran(steps, journal) == ["c", "d"]


def test_contents_know_names_and_bytes(tmp_path: Path) -> None:
    assert contents(tmp_path / "none") is None
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a").write_text("1")
    before = contents(tmp_path / "one")
    (tmp_path / "one" / "a").rename(tmp_path / "one" / "b")
    assert contents(tmp_path / "one") != before


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: file.stem)
def test_a_committed_configuration_states_everything(file: Path) -> None:
    assert json.loads(file.read_text()).keys() == Configuration.model_fields.keys()
    assert Configuration.read(file).photographs is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_every_command_is_one_that_its_module_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ParsedError(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, args: list[str]) -> None:
        parse(self, args)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    file = CONFIGURATIONS[0]
    steps = plan("run", file, Configuration.read(file), Workspace(tmp_path, tmp_path))
    assert [step.name for step in steps] == ["train", "export", "detector", "guard", "search", "savings", "bundle"]
    for step in steps:
        for dash_m, module, *arguments in step.commands:
            assert dash_m == "-m"
            with pytest.raises(ParsedError):
                importlib.import_module(module).main(arguments)


def test_what_a_configuration_lacks_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"latents": 64, "light": [24, 1, 40, 1]}')
    assert Configuration.read(file, {"latents": "32"}).model.latents == 32
    assert Configuration.read(file).model.light is not None
    with pytest.raises(SystemExit):
        main(["--config", str(file), "--data", str(tmp_path)])
    assert "needs `photographs` and `release`" in capsys.readouterr().err
    file.write_text('{"latent": 64}')
    with pytest.raises(ValidationError, match="latent"):
        Configuration.read(file)


def test_photographs_are_known_by_their_contents(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    stated = PhotographSet.of(tmp_path)
    assert stated.files == 2
    stated.check(tmp_path)
    (tmp_path / "b.jpg").write_bytes(b"another")
    with pytest.raises(ValueError, match="the configuration states 2"):
        stated.check(tmp_path)


def test_a_schedule_warms_up_stays_and_decays() -> None:
    schedule = Schedule(seconds=1000, steps=None, decay_from=0.6)
    assert schedule.factor(0, 0.0) == 0.01
    assert schedule.factor(5000, 0.59) == 1.0
    assert schedule.factor(5000, 0.8) == pytest.approx(0.5)
    assert schedule.factor(5000, 0.9999) == 0.005
    assert Schedule(1000, None, 1.0).factor(5000, 1.0) == 1.0
    assert schedule.share(100, 500) == 0.5
    again = Schedule(seconds=1000, steps=10, decay_from=0.6, first_step=100, first_seconds=500)
    assert again.share(100, 500) == 0
    assert again.share(109, 600) == pytest.approx(0.9)
