"""A job at work: who looks on, who may stop it, what is told meanwhile, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.engine.events import Observer, RunDrained, StepFailed, StepPostponed
from codeclm.errors import BudgetExhausted, RunStopped
from codeclm.llm.events import Answered, CacheTrouble, EndpointBack, EndpointDown, Listener
from codeclm.llm.providers import Models
from codeclm.methods.job import Job
from codeclm.progress import RunEnded, View
from codeclm.session import Session
from codeclm.watch import FailureWatch

__all__ = ["Finished", "Stopper", "ended", "exit_code", "how_it_ended", "telling", "work_on"]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: its exit code, its summary, its dataset if complete, the reason if stopped early.

    ``says_how``: the reason itself tells how to go on.
    """

    exit_code: int
    summary: Mapping[str, Any]
    dataset: Path | None
    reason: str = ""
    says_how: bool = False


class Stopper:
    """Lets somebody outside end a run so that it can be resumed: steps under way finish, nothing new starts."""

    def __init__(self) -> None:
        self._stop: Callable[[RunStopped], None] | None = None
        self._reason: RunStopped | None = None

    @property
    def asked(self) -> bool:
        """Whether the run was asked to stop."""
        return self._reason is not None

    def attach(self, stop: Callable[[RunStopped], None]) -> None:
        """Tell what stops the run; it is called at once if that was asked for before."""
        self._stop = stop
        if self._reason is not None:
            stop(self._reason)

    def stop(self, reason: str | RunStopped) -> None:
        """Stop the run."""
        self._reason = RunStopped(reason) if isinstance(reason, str) else reason
        if self._stop is not None:
            self._stop(self._reason)


async def work_on(
    job: Job,
    models: Models,
    session: Session,
    view: View,
    stopper: Stopper,
    observers: Sequence[Observer] = (),
) -> RunStopped | None:
    """Work to the end of ``job``; the reason where it was stopped."""

    def stop(reason: RunStopped) -> None:
        running.drain(reason)

    watches = (_Watch(models, view), FailureWatch(stop, job.pipeline.outcomes))
    async with job.pipeline.open(
        job.source, [*watches, session.rounds, *observers, *job.watch(stop)]
    ) as running:
        stopper.attach(running.drain)
        return await session.consume(running, view)


class _Watch:
    """An observer: what fails is told to the view; once the run is drained, what waits for a limit need not wait."""

    wants = (RunDrained, StepFailed, StepPostponed)

    def __init__(self, models: Models, view: View) -> None:
        self._models = models
        self._view = view

    def __call__(self, event: object) -> None:
        self._view.notice(event)
        if isinstance(event, RunDrained):
            self._models.drain(event.reason)


def telling(view: View, listeners: Sequence[Listener]) -> Listener:
    """Tells ``listeners`` what the LLM layers tell, and the person at once what matters."""

    def on_event(event: object) -> None:
        for listener in listeners:
            listener(event)
        if type(event) is Answered:  # each call has one
            return
        view.notice(event)
        match event:
            case CacheTrouble(reason):
                view.say(f"warning: {reason}; the run goes on, such answers would be paid again")
            case EndpointDown(model, reason):
                view.say(f"{model} is out of service: {reason}; it is tried every few seconds")
            case EndpointBack(model, down_for_s):
                view.say(f"{model} answers again after {down_for_s:.0f} s")

    return on_event


async def ended(session: Session, reason: RunStopped | None) -> Finished:
    """Close the books; how it ended."""
    summary, dataset = await session.end(complete=reason is None, reason=reason)
    if reason is not None:
        says_how = isinstance(reason, BudgetExhausted)
        return Finished(reason.exit_code, summary, dataset, str(reason), says_how)
    return Finished(exit_code(summary), summary, dataset)


def exit_code(summary: Mapping[str, Any]) -> int:
    """That of a complete run."""
    selection = summary.get("selection")
    is_short = selection and selection["selected"] < selection["wanted"]
    return 3 if summary.get("failed_by_stage") or is_short else 0


def how_it_ended(
    finished: Finished, calls: Mapping[str, int], reason: RunStopped | None
) -> RunEnded:
    """``finished`` as views are told it; ``calls`` are those of this session."""
    summary = finished.summary
    return RunEnded(
        exit_code=finished.exit_code,
        state=summary["state"],
        reason=finished.reason,
        error=type(reason).__name__ if reason is not None else "",
        counts=summary["counts"],
        calls=dict(calls),
        cost=(summary.get("cost") or {}).get("paid"),
        wall_time_s=summary["wall_time_s"],
        dataset=finished.dataset,
    )
