"""A resolver for tests: a photograph of 768 x 512 unless told otherwise, and a record of what was asked."""

from collections.abc import Mapping
from typing import Any

PHOTOGRAPH: dict[str, dict[str, Any]] = {
    "image": {
        "width": 768, "height": 512, "megapixels": 0.393216, "channels": 3, "bits": 8, "mode": "RGB", "has_alpha": False,
        "alpha_used": False, "gray": False, "colours": 20000, "has_icc": False, "wide_gamut": False, "hdr": False,
        "decodable": True,
    },
    "source": {
        "format": "png", "lossy": False, "lossy_known": True, "bytes": 600000, "bpp": 12.2, "is_file": True,
        "transcodable": False,
    },
    "ood": {"available": True, "score": 1.5, "p_value": 0.4, "in_distribution": True, "detector": "d1"},
    "gain": {"available": False},
    "cost": {"available": False},
    "device": {"cpus": 2, "gpu": False, "neural_available": True, "neural_problem": "neural extra not installed"},
}  # fmt: skip


class Facts:
    """Call it with a group; `asked` lists the groups in order, `read` the values that were looked at."""

    def __init__(self, *, fail: Mapping[str, Exception] | None = None, **changes: Mapping[str, Any]) -> None:
        self.values = {group: {**values, **changes.get(group, {})} for group, values in PHOTOGRAPH.items()}
        self.fail = dict(fail or {})
        self.asked: list[str] = []
        self.read: set[str] = set()

    def __call__(self, group: str) -> Mapping[str, Any]:
        assert group not in self.asked, f"{group} was asked for twice"
        self.asked.append(group)
        if group in self.fail:
            raise self.fail[group]
        return _Recording(group, self.values[group], self.read)

    def __deepcopy__(self, memo: Any) -> "Facts":
        return Facts(fail=self.fail, **self.values)


class _Recording(dict[str, Any]):
    def __init__(self, group: str, values: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(values)
        self._group, self._read = group, read

    def __getitem__(self, name: str) -> Any:
        self._read.add(f"{self._group}.{name}")
        return super().__getitem__(name)
