"""A search that runs ahead of the work, so that what there is to do is known long before it is done."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from router.cli.inputs import InputFile

CHUNK, AHEAD = 200, 50
"""Files that are handed over at once, since threads that take turns for each cost more than the search; and so many such chunks
are known before their turn comes: more would only take memory."""
_SOON = 0.2
"""Seconds after which fewer files are handed over."""


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
        self._queue: queue.Queue[list[InputFile] | BaseException | None] = queue.Queue(AHEAD)
        self._files = files

    def __iter__(self) -> Iterator[InputFile]:
        if self.files:
            yield from self.files
            return
        threading.Thread(target=self._search, daemon=True).start()
        while (found := self._queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield from found

    def _search(self) -> None:
        try:
            chunk: list[InputFile] = []
            handed_over = time.monotonic()
            for file in self._files:
                self.found += 1
                chunk.append(file)
                if len(chunk) == CHUNK or time.monotonic() - handed_over > _SOON:
                    self._queue.put(chunk)
                    chunk, handed_over = [], time.monotonic()
            self._queue.put(chunk)
        except BaseException as error:  # it is the caller's
            self._queue.put(error)
        self.complete = True
        self._queue.put(None)
