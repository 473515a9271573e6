"""Where answers are kept, seen from the event loop."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from codeclm.llm.batches import BatchThread
from codeclm.llm.events import CacheTrouble, Listener
from codeclm.llm.keyfilter import KeyFilter
from codeclm.llm.patient import PatientShelf
from codeclm.llm.shelf import BUSY_S, Job, Outcome, Shelf, Trouble

__all__ = ["AnswerStore", "MemoryStore", "StoreStatistics"]


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """Counts since opening; ``failed`` reads count as misses too."""

    hits: int
    misses: int
    writes: int
    failed_reads: int
    failed_writes: int


class AnswerStore:
    """Answers on disk, in a directory of this user held by this process; an async context manager.

    ``put`` is done after the commit: what it has acknowledged survives the death of the process.
    Trouble with the disk is soft: it is told once a reason to ``on_event``, and the answer is just
    not kept; so it is where the directory cannot be opened for want of room, say, until it can be. A
    damaged database is set aside. ``busy_s`` is how long a foreign lock on the file is waited for.
    Entering raises UsageError where the directory is not safe, not ours, or in use.
    """

    def __init__(
        self, directory: Path, on_event: Listener = lambda event: None, *, busy_s: float = BUSY_S
    ) -> None:
        self._thread = BatchThread[Job, Outcome, bytes | None](
            lambda: PatientShelf(
                lambda: self._opened(Shelf(directory, busy_s, self._report)), self._report
            ),
            self._deliver,
            "answer store",
        )
        self._on_event = on_event
        self._began_empty = False
        self._put = KeyFilter()
        self._told: set[str] = set()
        self._hits = self._misses = self._writes = self._failed_reads = self._failed_writes = 0

    async def __aenter__(self) -> AnswerStore:
        await self._thread.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._thread.__aexit__(kind, error, trace)

    def statistics(self) -> StoreStatistics:
        """The counts of this moment."""
        return StoreStatistics(
            self._hits, self._misses, self._writes, self._failed_reads, self._failed_writes
        )

    def get(self, key: str) -> Future[bytes | None]:
        """What was put under ``key``, or None; a store that began empty knows at once what it cannot have."""
        if self._began_empty and key not in self._put:
            self._misses += 1
            return self._thread.done(None)
        return self._thread.ask((key, None), hurry=False)

    def put(self, key: str, value: bytes) -> Future[bytes | None]:
        """Keep ``value``; done after the commit, or after its failure was told."""
        self._put.add(key)
        return self._thread.ask((key, value))

    def _deliver(self, job: Job, outcome: Outcome) -> bytes | None:
        is_read = job[1] is None
        if isinstance(outcome, Trouble):
            self._failed_reads += is_read
            self._failed_writes += not is_read
            self._misses += is_read
            self._tell(outcome)
            return None
        if outcome is not None:
            self._hits += 1
        elif is_read:
            self._misses += 1
        else:
            self._writes += 1
        return outcome

    def _opened(self, shelf: Shelf) -> Shelf:
        """Called in the thread, before anything is asked of ``shelf``."""
        self._began_empty = shelf.is_empty
        return shelf

    def _report(self, trouble: Trouble) -> None:
        """Called in the thread, with what befell the whole of it."""
        self._thread.on_loop(self._tell, trouble)

    def _tell(self, trouble: Trouble) -> None:
        if trouble.reason not in self._told:
            self._told.add(trouble.reason)
            self._on_event(CacheTrouble(trouble.reason))


class MemoryStore:
    """Answers for the life of the process, where no directory is given."""

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        """What was put under ``key``, or None."""
        return self._answers.get(key)

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value``."""
        self._answers[key] = value
