"""The seeds that rows name by their ids, read again where the source is still there and unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.seeds import SeedFile

__all__ = ["SeedTexts"]


class SeedTexts:
    """``settings`` are those that the run stored. The file is checked once for each of its states."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        told = settings.get("input")
        told = told if isinstance(told, Mapping) else {}
        decisive = settings.get("decisive")
        self._content = decisive.get("input") if isinstance(decisive, Mapping) else None
        self.source = str(told.get("source") or "")
        self._field = str(told.get("field") or "instruction")
        self._checked: tuple[int, int] | None = None
        self._why = ""

    def find(self, ids: Collection[str]) -> dict[str, str]:
        """The seeds of these ids, as far as they can be read."""
        wanted = set(ids)
        found: dict[str, str] = {}
        if not wanted or self.why_not():
            return found
        try:
            for seed in SeedFile(Path(self.source), self._field, skip_bad_lines=True):
                if seed.id in wanted:
                    found.setdefault(seed.id, seed.instruction)
                    if len(found) == len(wanted):
                        break
        except (UsageError, OSError):
            return found
        return found

    def why_not(self) -> str:
        """Why the seeds cannot be shown; empty where they can be."""
        path = Path(self.source)
        try:
            now = path.stat()
            if not path.is_file():
                return "the seeds did not come from a file"
            if self._checked != (now.st_mtime_ns, now.st_size):
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                self._checked = now.st_mtime_ns, now.st_size
                self._why = "" if digest == self._content else f"{path} has changed since the run"
        except (OSError, ValueError):
            return "the file of the seeds is not here any more, or they did not come from one"
        return self._why
