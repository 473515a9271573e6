"""A shelf that need not be there: without it nothing is kept, until it can be opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from codeclm.llm.directory import Unusable
from codeclm.llm.shelf import Job, Outcome, Shelf, Trouble

__all__ = ["PatientShelf"]

AGAIN_S = 30.0


class PatientShelf:
    """Serves by the shelf that ``open_shelf`` opens.

    Where the medium is the trouble, it tells so to ``tell`` and tries again, at most every 30 s. Raises any other
    UsageError of ``open_shelf``.
    """

    def __init__(
        self,
        open_shelf: Callable[[], Shelf],
        tell: Callable[[Trouble], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_shelf = open_shelf
        self._tell = tell
        self._clock = clock
        self._shelf: Shelf | None = None
        self._trouble = Trouble("")
        self._try()

    def serve(self, jobs: Sequence[Job]) -> list[Outcome]:
        """As the shelf does; every job is a Trouble where there is none."""
        if self._shelf is None and self._clock() >= self._again_s:
            self._try()
        if self._shelf is not None:
            try:
                return self._shelf.serve(jobs)
            except Unusable as error:
                self._shelf.close()
                self._shelf = None
                self._do_without(error)
        return [self._trouble] * len(jobs)

    def close(self) -> None:
        """Close the shelf, if there is one."""
        if self._shelf is not None:
            self._shelf.close()

    def _try(self) -> None:
        try:
            self._shelf = self._open_shelf()
        except Unusable as error:
            self._do_without(error)

    def _do_without(self, error: Unusable) -> None:
        self._trouble = Trouble(str(error))
        self._again_s = self._clock() + AGAIN_S
        self._tell(self._trouble)
