"""The database of answers: bytes by name, opened, used and closed by one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from codeclm.errors import UsageError
from codeclm.llm.directory import HeldDirectory, Unusable
from codeclm.llm.inspection import Broken, cause, inspect, is_damage, translate
from codeclm.llm.rawcache import (
    DATABASE,
    FOUND_AT_ONCE,
    SETTINGS,
    TROUBLE,
    Columns,
    RawCache,
    RawDisk,
)
from codeclm.llm.rescue import legible_rows
from codeclm.llm.seal import BadRow, seal, unseal

__all__ = ["AT_ONCE", "BUSY_S", "FILES", "Job", "KeptRow", "Outcome", "Shelf", "Trouble"]

FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
BUSY_S = 5
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with one job; ``reason`` is the same for all that fail for it."""

    reason: str


KeptRow = tuple[str, bytes, float]
"""Key, value, and when it was kept (seconds since 1970)."""

Job = tuple[str, bytes | None]
Outcome = bytes | Trouble | None


class Shelf:
    """What is in ``directory``, which is held by this object alone.

    SQLite before 3.51.3 can lose commits when two connections of one database checkpoint at once: there is one.
    A damaged database is renamed, never deleted; a new one is begun with what can still be read, and ``tell`` is
    told. Raises UsageError for what is not ours or not safe, Unusable where the medium is the trouble; with
    ``mend`` off, Broken where the database is damaged.
    """

    def __init__(
        self,
        directory: Path,
        busy_s: float = BUSY_S,
        tell: Callable[[Trouble], None] = lambda trouble: None,
        *,
        mend: bool = True,
    ) -> None:
        self._busy_s = busy_s
        self._tell = tell
        self._held = HeldDirectory(directory, FILES)
        self.path = directory / DATABASE
        try:
            self._open(mend=mend)
        except BaseException:
            self._held.release()
            raise

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self.cache.run("SELECT 1 FROM Cache LIMIT 1")

    def serve(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Write where a job has a value, in one commit; then read where it has none.

        Raises Unusable where a damaged database was set aside and no new one could be begun.
        """
        now = time.time()
        rows = [(key, value, now) for key, value in jobs if value is not None]
        failure = self._write(rows) if rows else None
        read = self._read([key for key, value in jobs if value is None])
        return [next(read) if value is None else failure for _, value in jobs]

    def close(self) -> None:
        """Fold the write-ahead log into the database and let go of the directory."""
        try:
            with suppress(*TROUBLE):
                self.cache.close()
        finally:
            self._held.release()

    def keep(self, rows: Iterable[KeptRow]) -> None:
        """Write ``rows`` in one commit. Raises what TROUBLE lists."""
        try:
            with self.cache.transact():
                self.cache.keep((key, seal(key, value), at) for key, value, at in rows)
        except TROUBLE:
            with suppress(*TROUBLE):
                self.cache.abandon()
            raise

    def unseal(self, key: str, sealed: bytes) -> bytes:
        """The value of a row of this database. Raises BadRow where it was damaged."""
        return unseal(key, sealed, old=self._old)

    def set_aside(self, reason: str, *, rows: bool = True) -> None:
        """Rename the database and begin a new one, with the rows of the old one that are whole.

        Raises Unusable where that is not possible.
        """
        with suppress(AttributeError, *TROUBLE):  # there may be no connection yet
            self.cache.close()
        what = f"{self.path} was damaged ({reason})"
        try:
            aside = self._held.set_aside()
            what += f" and is set aside as {aside}"
            self._connect()
            kept = self._rescue(self.path.with_name(aside)) if rows else 0
        except TROUBLE as error:
            raise Unusable(f"{what}; a new one cannot be begun: {cause(error)}") from None
        self._tell(Trouble(f"{what}; {kept:,} of its answers could be kept"))

    def _open(self, *, mend: bool) -> None:
        with self._named():
            try:
                with self._named():
                    self._connect()
            except Broken as broken:
                if not mend:
                    raise
                self.set_aside(str(broken), rows=broken.rows)

    def _connect(self) -> None:
        self._held.create_private(DATABASE)
        self._old = inspect(self.path, self._busy_s) == 0
        self.cache = RawCache(str(self.path.parent), self._busy_s, RawDisk, **SETTINGS)
        self.cache.slim()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Give foreign errors the name of what they mean."""
        try:
            yield
        except UsageError:
            raise
        except TROUBLE as error:
            raise translate(self.path, error) from None

    def _rescue(self, aside: Path) -> int:
        kept, rows = 0, legible_rows(aside)
        while batch := list(islice(rows, AT_ONCE)):
            self.keep(batch)
            kept += len(batch)
        return kept

    def _read(self, keys: Sequence[str]) -> Iterator[Outcome]:
        whole = len(keys) - len(keys) % FOUND_AT_ONCE
        for start in range(0, whole, FOUND_AT_ONCE):
            yield from self._read_together(keys[start : start + FOUND_AT_ONCE])
        for key in keys[whole:]:
            yield from self._read_together([key])

    def _read_together(self, keys: Sequence[str]) -> list[Outcome]:
        try:
            found = self.cache.find(keys)
        except TROUBLE as error:
            if len(keys) > 1:  # no more is given up than what cannot be read
                return [outcome for key in keys for outcome in self._read_together([key])]
            return [Trouble(f"a kept answer could not be read: {cause(error)}")]
        return [self._value(key, found[key]) if key in found else None for key in keys]

    def _value(self, key: str, columns: Columns) -> Outcome:
        try:
            return self.unseal(key, self.cache.value_of(columns))
        except BadRow:
            return Trouble("a kept answer was damaged and is asked for again")

    def _write(self, rows: list[KeptRow]) -> Trouble | None:
        try:
            try:
                self.keep(rows)
            except TROUBLE as error:
                if not is_damage(error):
                    raise
                self.set_aside(cause(error))
                self.keep(rows)
        except TROUBLE as error:
            return Trouble(f"an answer could not be kept: {cause(error)}")
        return None
