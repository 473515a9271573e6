"""Ends a run in which most items fail: better to find out why than to pay for the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from codeclm.engine.events import StepFailed, StepFinished, StepPostponed
from codeclm.engine.stage import Failed
from codeclm.errors import (
    ConnectionFailed,
    Declined,
    ItemError,
    ModelLoading,
    OutOfService,
    Overloaded,
    RateLimited,
    RunStopped,
    ServerError,
)
from codeclm.records import Example, Rejection

__all__ = ["FailureWatch"]

WINDOW = 200
CAPACITY = (RateLimited, OutOfService, Overloaded, ModelLoading, ServerError, ConnectionFailed)
"""The endpoint's trouble, not the items': its circuit breaker sees to that."""


class FailureWatch:
    """An observer that calls ``stop`` once where more than half of the last 200 items to end have failed.

    ``good`` are the types of what ends well.
    """

    wants = (StepFinished, StepFailed, StepPostponed)

    def __init__(
        self,
        stop: Callable[[RunStopped], None],
        good: tuple[type, ...] = (Example, Rejection),
    ) -> None:
        self._stop = stop
        self._good = good
        self._latest: deque[bool] = deque(maxlen=WINDOW)
        self._failures = 0
        self._is_over = False

    def __call__(self, event: object) -> None:
        match event:
            case StepFinished():
                for made in event.made:
                    if isinstance(made, self._good):
                        self._add(failed=False)
                    elif isinstance(made, Failed):  # a step that goes on all the same
                        self._failed(made.stage, made.error)
            case StepFailed() | StepPostponed():
                self._failed(event.stage, event.error)

    def _failed(self, stage: str, error: ItemError) -> None:
        if not isinstance(error, (*CAPACITY, Declined)):
            self._add(failed=True)
            self._check(stage, error)

    def _add(self, *, failed: bool) -> None:
        if len(self._latest) == WINDOW:
            self._failures -= self._latest[0]
        self._latest.append(failed)
        self._failures += failed

    def _check(self, stage: str, error: ItemError) -> None:
        if self._is_over or len(self._latest) < WINDOW or 2 * self._failures <= WINDOW:
            return
        self._is_over = True
        message = (
            f"{self._failures} of the last {WINDOW} items failed, the latest in {stage}: {error}"
        )
        self._stop(RunStopped(f"{message}; mend the cause, then go on with --retry-failed"))
