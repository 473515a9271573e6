"""A run directory: its lock, its settings, its summary; files replaced whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.disk import NO_LINK, REAL, Disk, replace_json
from codeclm.errors import UsageError
from codeclm.llm.directory import check_private

__all__ = [
    "DECODED",
    "OUTCOMES",
    "RUN",
    "SPENDING",
    "Kind",
    "RunDirectory",
    "check_ours",
    "read_json",
    "read_settings",
]

OUTCOMES = ("selected", "discarded", "failed")
DECODED = "decoded"
"""The file of what each unit of work was decoded into."""
SPENDING = "spending.json"
"""What may have been spent, where there is a budget: it may be there before the run has begun."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a directory is for: its name, as settings.json holds it, and the files of its outcomes."""

    name: str
    outcomes: tuple[str, ...]
    set_aside: tuple[str, ...]

    def check(self, path: Path, stored: Mapping[str, Any]) -> None:
        """Raises UsageError where what is ``stored`` in ``path`` is of another kind."""
        kind = stored.get("kind", RUN.name)
        if kind != self.name:
            raise UsageError(
                f"{path}: it holds no {self.name} but another kind ({kind}); give another directory"
            )


RUN = Kind(
    "run", OUTCOMES, (DECODED, *OUTCOMES)
)  # outcomes without their units are right, not the reverse


class RunDirectory:
    """Exclusive use of ``path`` while the block lasts; created (0700) if it is not there.

    Raises UsageError where the directory is another run's at this moment, holds other things, is another user's,
    can be written by others, or cannot be written.
    """

    def __init__(self, path: Path, disk: Disk = REAL, kind: Kind = RUN) -> None:
        self.path = path
        self._disk = disk
        self._kind = kind

    def __enter__(self) -> RunDirectory:
        check_ours(self.path, self._kind)
        self._made = not self.path.exists()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(self.path)
            self._lock = os.open(self.path / "run.lock", os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror})") from None
        self._take()
        if self._made:
            with suppress(OSError):  # a parent that may not be read
                self._disk.sync_directory(self.path.parent)
        self._sign(f"pid {os.getpid()} on {socket.gethostname()}\n")
        return self

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 200, 0).decode("utf-8", "replace").strip()
            os.close(self._lock)
            raise UsageError(
                f"{self.path}: another run is using it ({holder or 'unknown process'}); "
                "wait for it, or give another -o"
            ) from None
        except OSError as error:
            os.close(self._lock)
            raise UsageError(f"{self.path}: cannot be locked ({error.strerror})") from None

    def __exit__(self, *_: object) -> None:
        if not (self.path / "settings.json").exists():  # refused before anything was done
            self._leave_no_trace()
        else:
            self._sign("")
        os.close(self._lock)

    def _sign(self, holder: str) -> None:
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, holder.encode(), 0)

    def _leave_no_trace(self) -> None:
        (self.path / "run.lock").unlink()
        if self._made:
            with suppress(OSError):
                self.path.rmdir()

    def has_rows(self) -> bool:
        """Whether any outcome is on record; a run without one may be replaced by another."""
        files = (self.path / f"{name}.jsonl" for name in self._kind.outcomes)
        return any(file.exists() and file.stat().st_size for file in files)

    def has_failures(self) -> bool:
        """Whether any item failed."""
        file = self.path / "failed.jsonl"
        return file.exists() and file.stat().st_size > 0

    def set_rows_aside(self) -> None:
        """Keep the outcomes as ``NAME.jsonl.before``: they are made anew, from the cache where nothing failed."""
        for name in self._kind.set_aside:
            file = self.path / f"{name}.jsonl"
            if file.exists():
                file.replace(file.with_name(f"{file.name}.before"))

    def settings(self) -> dict[str, Any] | None:
        """What an earlier session stored; None where there was none."""
        return read_settings(self.path)

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Store the settings of the run."""
        replace_json(self.path / "settings.json", settings, self._disk)

    def summary(self) -> dict[str, Any] | None:
        """The summary on file; None where there is none."""
        return read_json(self.path / "summary.json")

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Store the summary."""
        replace_json(self.path / "summary.json", summary, self._disk)


def check_ours(path: Path, kind: Kind = RUN) -> None:
    """Raises UsageError where ``path`` is no directory, or one with content that is none of this ``kind``."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path}: not a directory; give another -o")
    try:
        names = {entry.name for entry in path.iterdir()} if path.exists() else set()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    early = {"run.lock", "cache", SPENDING}
    leftovers = {name for name in names if name in early or name.endswith(".new")}
    if names - leftovers:
        stored = read_settings(path)
        if stored is None:
            raise UsageError(
                f"{path}: not empty and not a run's directory; give a new or empty one"
            )
        kind.check(path, stored)


def read_settings(path: Path) -> dict[str, Any] | None:
    """The settings that a run stored in ``path``; None where no run did."""
    stored = read_json(path / "settings.json")
    return stored if stored and isinstance(stored.get("decisive"), dict) else None


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``; None where there is no file. Raises UsageError where it is no object."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: not an object")
    return value
