"""One tuning from folders to files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router.errors import EvidenceError, UsageError
from router.evaluation import harm as harms
from router.evaluation.tuning import curve, policy_text, table
from router.evaluation.tuning.choose import Goal, Tested, Tuned, checked_on, tune
from router.evaluation.tuning.table import Table
from router.extras import require
from router.files.named import write_atomically
from router.policy.compiled import CompiledPolicy
from router.policy.load import load, policy_file
from router.policy.yaml_source import parse_policy_text
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Session:
    """A base policy, the table to choose on, and what is aimed at."""

    base: CompiledPolicy
    base_file: Path
    table: Table
    goal: Goal

    @classmethod
    def open(cls, results: Sequence[Path], base: str, goal: Goal, targets: Sequence[float] | None) -> Session:
        """Reads `results`. Raises PolicyError, and as `table.read`."""
        policy = load(base)
        return cls(policy, policy_file(base), table.read(results, policy, targets), goal)

    def tuned(self, chosen_on: Table | None = None) -> Tuned:
        """The choice. Errors as `choose.tune`."""
        return tune(chosen_on or self.table, self.goal, fixed_guard=policy_text.fixed_guard(self.base))

    def tested(self, tuned: Tuned, on: Table, name: str) -> Tested:
        """That choice on other images."""
        return checked_on(on, tuned, name)

    def without_each_domain(self) -> list[Tested | tuple[str, EvidenceError]]:
        """For each domain: tuned without it, tested on it; or why the others do not suffice."""
        found: list[Tested | tuple[str, EvidenceError]] = []
        for domain in self.table.domains:
            inside = self.table.domain == domain
            try:
                tuned = self.tuned(self.table.rows(~inside))
            except EvidenceError as error:
                found.append((domain, error))
            else:
                found.append(self.tested(tuned, self.table.rows(inside), domain))
        return found

    def policy_yaml(self, tuned: Tuned, name: str) -> str:
        """The tuned policy's text, loaded once to be sure of it. Raises UsageError, PolicyError."""
        text = policy_text.tuned_text(
            self.base_file.read_text(encoding="utf-8-sig"), self.base, tuned, name=name, header=self._header(tuned)
        )
        from router.policy.compiled import compile_policy, validate

        source = parse_policy_text(text, name)
        compile_policy(validate(source), source)
        return text

    def _header(self, tuned: Tuned) -> list[str]:
        goal, found = self.goal, tuned.chosen
        what = "images" if goal.rate == "image" else "images with a neural result"
        targets = ", ".join(f"{target:g}" for target in self.table.targets)
        base = self.tested(tuned, self.table, "").base
        return [
            f"Tuned by `codec-router tune` from the policy {self.base.name} ({self.base.sha256[:12]}); docs/guide/tuning.md.",
            f"Measured: {found.images} images of {len(self.table.domains)} domains, SSIMULACRA2 {targets}; "
            f"{found.neural} have a neural result.",
            f"Claim: of {what} drawn like these, at most {100 * goal.epsilon:g} % are harmed (harm version {harms.VERSION},",
            f"at any of these targets), with confidence {100 * (1 - goal.delta):g} %: {found.harmed} of "
            f"{found.trials(goal.rate)} are. Nothing is claimed of images of other kinds.",
            f"Bytes: {found.against_avif:.3f} of always-AVIF's, where the base policy takes {base.against_avif:.3f} "
            f"with {base.harmed} harmed.",
        ]


def write(session: Session, tuned: Tuned, output: Path, *, overwrite: bool = False) -> list[Path]:
    """The policy, and beside it NAME-curve.csv and, where matplotlib is installed, NAME-curve.svg.

    Raises OutputExistsError without `overwrite`, OutputNotWritableError.
    """
    files = {
        output: session.policy_yaml(tuned, policy_name(output)),
        output.with_name(f"{output.stem}-curve.csv"): curve.csv_text(tuned),
        output.with_name(f"{output.stem}-curve.svg"): curve.svg_text(tuned),
    }
    return [write_atomically(path, text.encode("utf-8"), overwrite=overwrite) for path, text in files.items() if text is not None]


def policy_name(output: Path) -> str:
    """The new policy's name: that of its file. Raises UsageError (BAD_ARGUMENT) if policies cannot have it."""
    import re

    from router.policy.load import SUFFIXES

    if output.suffix not in SUFFIXES or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", output.stem):
        raise UsageError(
            f"{output.name} cannot name a policy",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Lower case letters, digits, - and _, and the suffix .yaml: for example balanced-tuned.yaml",
        )
    return output.stem


def require_packages() -> None:
    """Raises CodecUnavailableError (MISSING_EXTRA) where the report extra is not installed."""
    require("report", "tuning", "pandas", "pyarrow", "scipy", "ruamel.yaml")
