"""What happened in a run, line by line, in a file: time, level, what, and its fields as key=value.

No key of an endpoint ever gets there, and nothing that a model was asked or has answered: of errors only the name of
their class, for their words may quote either. The whole reason of a failed item is in failed.jsonl, under its id.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from codeclm.disk import NO_LINK
from codeclm.engine.events import RunDrained, StepFailed, StepPostponed
from codeclm.engine.stage import Failed
from codeclm.errors import CodecLMError, Declined, ItemError, UsageError
from codeclm.llm.events import (
    CacheTrouble,
    CallFailed,
    EndpointBack,
    EndpointDown,
    Paused,
    Retried,
)
from codeclm.printable import printable
from codeclm.progress.facts import RunBegan, RunEnded
from codeclm.progress.snapshot import Snapshot
from codeclm.progress.view import NoView
from codeclm.rows import failure_row
from codeclm.version import __version__

__all__ = ["LogFile"]

MOST_BYTES, FILES_KEPT = 20 << 20, 4
PLAIN_WORD = re.compile(r"[\w./:@%+,-]+", re.ASCII)
FOREIGN_WORDS = re.compile(r": (?!cannot )")
"""Where an endpoint's or a model's words may begin in a reason: what is left is ours."""


@dataclass(frozen=True, slots=True)
class _Line:
    level: int
    event: str
    fields: Mapping[str, object]


class LogFile(NoView):
    """Appends to ``path``, which is for this user alone; at 20 MB it goes on in a new file, and four are kept.

    Entering raises UsageError where it cannot be written. Later trouble with it is no reason to stop a run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._limits: dict[str, int] = {}

    def __enter__(self) -> LogFile:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK
            os.close(os.open(self._path, flags, 0o600))
            self._handler = _Handler(self._path)
        except OSError as error:
            raise UsageError(
                f"{self._path}: cannot be written ({error.strerror}); give another --log-file"
            ) from None
        self._write(logging.INFO, "started", codeclm=__version__, pid=os.getpid())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            code = error.exit_code if isinstance(error, CodecLMError) else 1
            name, reason = type(error).__name__, _ours(str(error))
            known = reason if isinstance(error, CodecLMError) else ""
            self._write(logging.ERROR, "left", error=name, exit_code=code, reason=known)
        self._handler.close()

    def show(self, snapshot: Snapshot) -> None:
        """Only changes of the limits of calls in flight are seen here."""
        for row in snapshot.endpoints:
            allowed = row.statistics.limits.allowed
            before = self._limits.setdefault(row.name, allowed)
            if before != allowed:
                self._limits[row.name] = allowed
                self._write(
                    logging.INFO, "limit", endpoint=row.name, calls_in_flight=allowed, before=before
                )

    def say(self, line: str) -> None:
        """What a person is told is in the events too, and there without foreign words."""

    def notice(self, event: object) -> None:
        line = _fact(event) or _of_calls(event) or _of_items(event)
        if line is not None:
            self._write(line.level, line.event, **line.fields)

    def _write(self, level: int, event: str, **fields: object) -> None:
        pairs = [f"{name}={_value(value)}" for name, value in fields.items() if value != ""]
        message = " ".join([event, *pairs])
        record = logging.LogRecord("codeclm", level, "", 0, message, None, None)
        self._handler.emit(record)


class _Handler(RotatingFileHandler):
    """Lines with the time in UTC; what cannot be written is left out."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
        formatter = logging.Formatter(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name for it
        pass


def _fact(event: object) -> _Line | None:
    match event:
        case RunBegan():
            fields = {
                "directory": event.directory,
                "session": event.sessions,
                "settings_sha256": event.settings_sha256,
                "models": ",".join(event.models),
                "wanted": event.wanted,
            }
            return _Line(logging.INFO, "begins", fields)
        case RunDrained(reason):
            fields = {"error": type(reason).__name__, "reason": _ours(str(reason))}
            return _Line(logging.WARNING, "stopping", fields)
        case RunEnded():
            names = ("selected", "discarded", "failed", "pending")
            fields = {
                "state": event.state,
                "exit_code": event.exit_code,
                "error": event.error,
                "reason": _ours(event.reason),
                **{name: event.counts.get(name, 0) for name in names},
                "calls": event.calls.get("calls", 0),
                "cache_hits": event.calls.get("cache_hits", 0),
                "cost": "" if event.cost is None else round(event.cost, 4),
                "wall_time_s": round(event.wall_time_s, 1),
            }
            return _Line(logging.WARNING if event.reason else logging.INFO, "ended", fields)
    return None


def _of_calls(event: object) -> _Line | None:
    match event:
        case Retried(model, stage, error, wait_s):
            fields = {"model": model, "stage": stage, "error": error, "wait_s": round(wait_s, 2)}
            return _Line(logging.WARNING, "retry", fields)
        case CallFailed(model, stage, error):
            return _Line(
                logging.WARNING, "call_failed", {"model": model, "stage": stage, "error": error}
            )
        case Paused(model, wait_s):
            return _Line(logging.WARNING, "pause", {"model": model, "wait_s": round(wait_s, 2)})
        case EndpointDown(model, reason):
            return _Line(logging.ERROR, "outage", {"model": model, "reason": _ours(reason)})
        case EndpointBack(model, down_for_s):
            fields = {"model": model, "down_for_s": round(down_for_s, 1)}
            return _Line(logging.INFO, "outage_over", fields)
        case CacheTrouble(reason):
            return _Line(logging.WARNING, "cache_trouble", {"reason": reason})
    return None


def _of_items(event: object) -> _Line | None:
    match event:
        case StepFailed(stage, item, error):
            level = logging.INFO if isinstance(error, Declined) else logging.WARNING
            name = "declined" if isinstance(error, Declined) else "item_failed"
            fields = {"id": _id(stage, item, error), "stage": stage, "error": type(error).__name__}
            return _Line(level, name, fields)
        case StepPostponed(stage, item, error):
            fields = {"id": _id(stage, item, error), "stage": stage, "error": type(error).__name__}
            return _Line(logging.WARNING, "item_postponed", fields)
    return None


def _id(stage: str, item: object, error: ItemError) -> str:
    """Under which the item is, or will be, on file."""
    return str(failure_row(Failed(item, stage, error))["id"])


def _ours(reason: str) -> str:
    """What is sure to be our words; they come first."""
    return FOREIGN_WORDS.split(reason, maxsplit=1)[0]


def _value(value: object) -> str:
    text = printable(str(value))
    if PLAIN_WORD.fullmatch(text):
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
