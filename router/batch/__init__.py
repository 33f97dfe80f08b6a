"""Many images: one pure work function, engines behind one seam, a journal that lets a run go on where it stopped.

In the order of the data: `task.py` (what is to be done), `options.py` and `restoration.py` (how), `journal.py` and `index.py`
(what is done already), `work.py` (one image in one process), `placing.py` (its output), `local.py` (worker processes of this
machine), `here.py` (none, for few images), `row.py` (what became of an image), `summary.py`, and `run.py`, which joins them.
"""

from __future__ import annotations

from router.batch.options import Job, Options
from router.batch.restoration import Restoration
from router.batch.row import Row, State
from router.batch.run import run
from router.batch.summary import Summary
from router.batch.task import Task

__all__ = ["Job", "Options", "Restoration", "Row", "State", "Summary", "Task", "run"]
