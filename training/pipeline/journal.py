"""Which steps are done, with what fingerprints and in how much time: one JSON file a run."""

from __future__ import annotations

import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from router.files.named import write_atomically
from training.pipeline.step import Step


class Done(BaseModel):
    """A step that came to its end."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    produced: str
    seconds: float
    finished: datetime.datetime


class StepJournal(BaseModel):
    """Steps by name."""

    steps: dict[str, Done] = {}

    @classmethod
    def read(cls, file: Path) -> StepJournal:
        """Empty if there is no file. Raises ValidationError."""
        return cls.model_validate_json(file.read_bytes()) if file.exists() else cls()

    def reason(self, step: Step) -> str | None:
        """Why a step is to be run; None if it is done, nothing that it depends on has changed, and its outputs are there."""
        done = self.steps.get(step.name)
        if done is None:
            return "not done yet"
        if done.fingerprint != step.fingerprint():
            return "inputs, settings or code have changed"
        produced = step.produced()
        if produced is None:
            return "outputs are missing"
        return None if produced == done.produced else "outputs have changed"

    def add(self, file: Path, step: Step, fingerprint: str, seconds: float) -> None:
        """Note a step that has just ended, on disk when this returns. Raises ValueError if an output is missing."""
        produced = step.produced()
        if produced is None:
            missing = ", ".join(str(path) for path in step.outputs if not path.exists())
            raise ValueError(f"{step.name} has not written {missing}")
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self.steps[step.name] = Done(fingerprint=fingerprint, produced=produced, seconds=round(seconds, 1), finished=now)
        write_atomically(file, (self.model_dump_json(indent=1) + "\n").encode(), overwrite=True)
