"""What a method is given, and what it returns: a pipeline and its source."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass

from codeclm.engine.events import Observer
from codeclm.engine.pipeline import Pipeline
from codeclm.errors import RunStopped
from codeclm.llm.chat import ChatModel
from codeclm.methods.quota import Chosen, Quota

__all__ = ["Job", "Parties", "Party"]


@dataclass(frozen=True, slots=True)
class Party:
    """A model in its role.

    ``temperature`` and ``max_tokens`` overrule the method's, where given. ``name`` tells models of your own apart in
    a cache on disk: another name, other answers. ``structured_output`` has it asked for JSON by a schema.
    """

    model: ChatModel
    max_in_flight: int = 64
    temperature: float | None = None
    max_tokens: int | None = None
    name: str = ""
    structured_output: bool = False


@dataclass(frozen=True, slots=True)
class Parties:
    """The models of a method: strong writes and responds, target responds, judge (strong if None) rates."""

    strong: Party
    target: Party
    judge: Party | None = None

    @property
    def rating(self) -> Party:
        """The party that judges."""
        return self.judge or self.strong

    @property
    def max_in_flight(self) -> int:
        """Calls that all endpoints together allow at once."""
        parties = {id(party.model): party for party in (self.strong, self.target, self.rating)}
        return sum(party.max_in_flight for party in parties.values())


@dataclass(frozen=True, slots=True)
class Job:
    """Work ready to run: ``pipeline.open(source)``, under the eyes of what ``watch`` returns.

    ``counts`` tells what became of the input so far. ``quota`` is what ends it where a number of selected examples is
    wanted.
    """

    pipeline: Pipeline
    source: AsyncIterable[object]
    counts: Callable[[], Mapping[str, int]]
    quota: Quota | None = None

    def watch(self, stop: Callable[[RunStopped], None]) -> Sequence[Observer]:
        """Observers that the run needs; they may ``stop`` it."""
        if self.quota is None:
            return ()
        self.quota.attach(stop)
        return (self.quota,)

    @property
    def chosen(self) -> Chosen | None:
        """The selected examples that are wanted, once the run is over; None for all of them."""
        return None if self.quota is None else self.quota.chosen()
