"""The sample images of tests/data/samples, found by name or kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

SAMPLES = Path(__file__).parent / "data" / "samples"


class Samples(Mapping[str, Path]):
    """The sample images by name without suffix (`samples["photo_rocket"]`); tests/data/SOURCES.md says what each of them is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths = {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}

    def __getitem__(self, name: str) -> Path:
        return self._paths[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def of_kind(self, kind: str) -> list[Path]:
        """The samples whose name starts with `kind` and an underscore, by name; at least one."""
        found = [path for name, path in self._paths.items() if name.partition("_")[0] == kind]
        assert found, f"no sample of kind {kind!r}"
        return found
