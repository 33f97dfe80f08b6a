"""Walking the lanes of a plan until one candidate passes the guard; every failure is kept as a reason.

In the order of the data: `forecast.py` says what a codec will take, `schedule.py` what it may take, `encoding.py` encodes within
that, `rivals.py` compares where the guard is strict, `journal.py` keeps what happened; `walk.py` takes these along the lanes.
"""

from router.walk.journal import Outcome, Refused
from router.walk.walk import Walk

__all__ = ["Outcome", "Refused", "Walk"]
