"""Which photographs a run was trained on: their number and one hash, `python -m training.codec.photograph_set DIR`."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from training.codec.data import photograph_files


class PhotographSet(BaseModel):
    """A folder of photographs as a configuration states it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str = Field(description="name of the folder below the folder of all data")
    files: int = Field(ge=2)
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="over one line a file, sorted: SHA-256, two spaces, relative path")

    @classmethod
    def of(cls, folder: Path) -> PhotographSet:
        """What lies below a folder."""
        files = photograph_files(folder)
        lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(folder).as_posix()}\n" for f in files]
        return cls(folder=folder.name, files=len(files), sha256=hashlib.sha256("".join(sorted(lines)).encode()).hexdigest())

    def check(self, folder: Path) -> None:
        """Raise ValueError unless these are the photographs in `folder`, whatever its name."""
        found = self.of(folder)
        if (found.files, found.sha256) != (self.files, self.sha256):
            raise ValueError(
                f"{folder} holds {found.files} photographs ({found.sha256[:12]}), the configuration states {self.files} "
                f"({self.sha256[:12]}): state those, or use a configuration without `photographs`"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(PhotographSet.of(parser.parse_args().folder.resolve()).model_dump_json(indent=1))


if __name__ == "__main__":
    main()
