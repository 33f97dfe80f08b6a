"""Where measurements are kept: one JSON file per machine in the user's cache folder, and what of it holds today.

The folder is `platformdirs.user_cache_path("codec-router")` (platformdirs: small, well kept, knows where each system keeps
caches), or what the environment variable CODEC_ROUTER_CACHE names. Caches may be deleted at any time; all that is lost is the
measurement. A file's name is a hash of the machine's facts, so that one home folder can serve several machines.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.errors import ArtefactError
from router.files.named import write_atomically
from router.prediction.costs.machine import this_machine, torch_threads, versions
from router.prediction.costs.model import REMEDY, CostEntry, CostModel, Machine, entry_key
from router.process.forks import Lock
from router.reasons import ReasonCode

ENVIRONMENT = "CODEC_ROUTER_CACHE"
LARGEST_FILE = 1 << 20


class Costs:
    """The stored model and what of it holds now: an entry measured with other versions or threads counts as absent.

    Attributes:
        model: as stored; None where nothing usable is.
        problem: why a file that is there is not used; None where there is none, or it is fine.
    """

    def __init__(self, model: CostModel | None = None, problem: ArtefactError | None = None) -> None:
        self.model = model
        self.problem = problem
        self._known = {} if model is None else {e.key: e for e in model.entries}

    def find(self, kind: str, name: str, settings: Mapping[str, Any] | None = None) -> CostEntry | None:
        """The entry of exactly this configuration, if it holds here and now."""
        entry = self._known.get(entry_key(kind, name, settings or {}))
        return entry if entry is not None and holds(entry) else None

    @property
    def available(self) -> bool:
        """Whether any entry holds."""
        return any(holds(e) for e in self._known.values())

    @property
    def start_up(self) -> float:
        """Seconds for the first neural encoding of a process, see `CostModel.start_up`; 0 without a model."""
        return 0.0 if self.model is None else self.model.start_up

    def to_dict(self) -> dict[str, Any]:
        """For the log: whether there is a model, of when, and what is wrong with the file."""
        document: dict[str, Any] = {"available": self.available}
        if self.model is not None:
            document["measured_at"] = self.model.measured_at
        if self.problem is not None:
            document["problem"] = {"code": str(self.problem.code), "message": self.problem.message}
        return document


NONE = Costs()
"""Nothing is known."""


def holds(entry: CostEntry) -> bool:
    """Whether what was measured is what would run now."""
    threads = torch_threads()
    same_threads = entry.threads is None or threads is None or entry.threads == threads
    return same_threads and dict(entry.versions) == versions(entry.kind, entry.name)


def cost_file(machine: Machine | None = None) -> Path:
    """The file of `machine`, of this one by default; it may not be there."""
    facts = json.dumps(vars(machine or this_machine()), sort_keys=True)
    return _folder() / f"costs-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.json"


def load() -> Costs:
    """What is known about this machine; read again only when the file has changed. Never raises: see `Costs.problem`."""
    path = cost_file()
    try:
        status = path.stat()
    except OSError:
        return NONE
    stamp = (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
    with _lock:
        if stamp not in _read:
            _read.clear()
            _read[stamp] = _load(path)
        return _read[stamp]


def save(model: CostModel) -> Path:
    """Keep `model` for its machine; the file is whole or not there. Raises OutputNotWritableError."""
    return write_atomically(cost_file(model.machine), model.to_json().encode(), overwrite=True)


def _load(path: Path) -> Costs:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise _unusable("the file is too large")
        model = CostModel.from_json(data)
        if model.machine != this_machine():
            raise _unusable("it was measured on another machine")
    except OSError as error:
        return Costs(problem=_unusable(f"the file cannot be read: {error.strerror}"))
    except ArtefactError as error:
        return Costs(problem=error)
    return Costs(model)


def _folder() -> Path:
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("codec-router", appauthor=False)


def _unusable(what: str) -> ArtefactError:
    return ArtefactError(f"the cost model cannot be used: {what}", code=ReasonCode.ARTEFACT_DAMAGED, hint=REMEDY)


_lock = Lock()
_read: dict[tuple[str, int, int, int], Costs] = {}
