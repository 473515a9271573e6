"""Progress for machines: JSON lines, one object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from codeclm.errors import CodecLMError
from codeclm.progress.facts import RunBegan, RunEnded
from codeclm.progress.recent import Recent
from codeclm.progress.record import progress_record
from codeclm.progress.snapshot import Snapshot
from codeclm.progress.view import NoView
from codeclm.version import __version__

__all__ = ["SCHEMA", "JsonView"]

SCHEMA = 1


def _now() -> datetime:
    return datetime.now(UTC)


class JsonView(NoView):
    """Each line has ``schema``, ``event`` and ``time``. Fields may be added to a schema, and none taken away.

    Events: ``start`` (the first), ``begin`` (the checks are over, the work begins), ``progress`` (about every second),
    ``message`` (what a person is told), ``end`` (the last one, however the run ends, with its exit code).
    """

    is_for_machines = True

    def __init__(
        self, print_line: Callable[[str], None], clock: Callable[[], datetime] = _now
    ) -> None:
        self._print, self._clock = print_line, clock
        self._recent: Recent | None = None
        self._is_over = False

    def __enter__(self) -> JsonView:
        self._write("start", {"codeclm": __version__, "pid": os.getpid()})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or self._is_over:
            return
        known = isinstance(error, CodecLMError)
        self._write(
            "end",
            {
                "exit_code": error.exit_code if isinstance(error, CodecLMError) else 1,
                "state": "stopped",
                "reason": str(error) if known else "",
                "error": type(error).__name__,
            },
        )

    def show(self, snapshot: Snapshot) -> None:
        if self._recent is None:
            self._recent = Recent(snapshot)
        self._recent.add(snapshot)
        self._write("progress", progress_record(self._recent))

    def say(self, line: str) -> None:
        self._write("message", {"text": line})

    def notice(self, event: object) -> None:
        match event:
            case RunBegan():
                self._write("begin", _plain(event))
            case RunEnded():
                self._is_over = True
                self._write("end", _plain(event))

    def _write(self, event: str, fields: dict[str, Any]) -> None:
        time = self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"schema": SCHEMA, "event": event, "time": time, **fields}
        self._print(json.dumps(line))


def _plain(fact: RunBegan | RunEnded) -> dict[str, Any]:
    """Its fields, with paths as text."""
    fields = asdict(fact)
    return {
        name: str(value) if name in ("directory", "dataset") and value is not None else value
        for name, value in fields.items()
    }
