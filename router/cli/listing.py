"""A search that runs ahead of the work, so that what there is to do is known long before it is done."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence

from router.cli.inputs import InputFile

AHEAD = 10_000
"""Files that are known before their turn comes: more would only take memory."""


class Listing:
    """Files as a thread finds them, to be gone through once; or a list of them.

    Attributes:
        files: where they are a list.
        found: how many there are so far.
        complete: whether that is all.
    """

    def __init__(self, files: Iterable[InputFile]) -> None:
        self.files: Sequence[InputFile] = files if isinstance(files, list) else ()
        self.found = len(self.files)
        self.complete = isinstance(files, list)
        self._queue: queue.Queue[InputFile | BaseException | None] = queue.Queue(AHEAD)
        self._files = files

    def __iter__(self) -> Iterator[InputFile]:
        if self.files:
            yield from self.files
            return
        threading.Thread(target=self._search, daemon=True).start()
        while (file := self._queue.get()) is not None:
            if isinstance(file, BaseException):
                raise file
            yield file

    def _search(self) -> None:
        try:
            for file in self._files:
                self.found += 1
                self._queue.put(file)
        except BaseException as error:  # it is the caller's
            self._queue.put(error)
        self.complete = True
        self._queue.put(None)
