"""Exactly so many selected examples: which units of work make them, and when no further one is needed.

Units have places: draw-major, entries in seed order. The examples are those of the shortest run of places from the
first on that yields enough, so they depend on no order of arrival. What is admitted is always such a run of places:
once it holds enough that are selected, what is wanted is in it, and only its outcomes are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from codeclm.engine.events import StepFailed, StepFinished, StepPostponed, StepStarted
from codeclm.errors import Enough, RunStopped
from codeclm.number_set import IdSet
from codeclm.records import (
    Again,
    Comparison,
    Draft,
    Entry,
    Example,
    Unit,
    Verdict,
    draft_id,
    draft_of,
)

__all__ = ["Chosen", "Quota"]

Room = Literal["room", "try again", "enough"]

_UNDER_WAY = (Draft, Again, Comparison, Verdict)


@dataclass(slots=True)
class _Place:
    """What is known of one unit: how many instructions it may still give, those under way, those selected."""

    most: int = 0
    open: set[str] = field(default_factory=set)
    selected: set[str] = field(default_factory=set)

    @property
    def under_way(self) -> int:
        return self.most + len(self.open)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The examples that a run ends with. ``instructions`` are those of the units that make them."""

    ids: IdSet
    last: str
    instructions: int

    def __contains__(self, identity: object) -> bool:
        return str(identity) <= self.last and str(identity) in self.ids


class Quota:
    """Told by the source which unit has which place, and as an observer what came of it.

    ``is_selected`` knows the selected instructions of earlier sessions, ``is_repeat`` those that are near-duplicates.
    At most ``window`` units are begun beyond the first that is not finished: so many may turn out to be in vain.
    """

    def __init__(
        self,
        wanted: int,
        is_selected: Callable[[str], bool] = lambda _: False,
        is_repeat: Callable[[str], bool] = lambda _: False,
        window: int = 1_000,
    ) -> None:
        self.wanted = wanted
        self.is_met = False
        self.instructions = 0  # that the units of the places passed were asked for
        self._is_selected, self._is_repeat = is_selected, is_repeat
        self._stop: Callable[[RunStopped], None] = lambda reason: None
        self._window = window
        self._next = 0  # the first place whose unit is not finished
        self._ahead = 0  # the first place that is not admitted
        self._chosen = IdSet()
        self._chosen_count = 0
        self._places: dict[int, _Place] = {}
        self._asked: dict[int, int] = {}
        self._where: dict[str, int] = {}  # of each seed, unit and instruction that is not passed
        # What waits for its second try: how much of a unit, or whether an instruction.
        self._idle: dict[str, tuple[int, int]] = {}
        self._selected = self._judged = self._known = self._under_way = self._open = 0
        self._changed = asyncio.Event()

    def attach(self, stop: Callable[[RunStopped], None]) -> None:
        """Tell what ends the run once there are enough."""
        self._stop = stop
        if self.is_met:
            stop(self._enough())

    @property
    def under_way(self) -> int:
        """Instructions that may still be selected."""
        return self._under_way

    async def room(self) -> Room:
        """Wait until a further unit may be needed, or what was put off must be tried again, or there are enough."""
        while not self.is_met:
            is_full = self._ahead - self._next >= self._window
            if not self._under_way:
                return "try again" if is_full or self._selected >= self.wanted else "room"
            if self._selected + self._likely() < self.wanted and not is_full:
                return "room"
            self._changed.clear()
            await self._changed.wait()
        return "enough"

    def _likely(self) -> float:
        """How many of those under way will be selected, if it goes on as so far: more would be paid for in vain.

        Of instructions more will than of units, some of whose instructions are dropped as soon as they are made.
        """
        of_made = (self._selected + 1) / (self._judged + 1)
        of_all = (self._selected + 1) / (self._known + 1)
        return of_made * self._open + of_all * (self._under_way - self._open)

    def expect(self, place: int, key: str, most: int) -> None:
        """A seed or pair is under way whose unit will have this place and give ``most`` instructions."""
        self._places[place] = _Place(most)
        self._ahead = max(self._ahead, place + 1)
        self._where[key] = place
        self._under_way += most

    def enter(self, place: int, unit: Unit) -> None:
        """The unit of this place is under way."""
        was = self._places.get(place)
        self._under_way += unit.keep - (was.under_way if was else 0)
        self._places[place] = _Place(unit.keep)
        self._ahead = max(self._ahead, place + 1)
        self._asked[place] = unit.keep
        self._where.pop(unit.entry.id, None)
        self._where[unit.id] = place

    def pass_over(self, place: int, entry: Entry, unit: Unit | None = None) -> None:
        """Nothing is left to do for this place: its unit is on record, or ``entry`` has none."""
        self._where.pop(entry.id, None)
        was = self._places.setdefault(place, _Place())
        self._ahead = max(self._ahead, place + 1)
        self._under_way -= was.under_way
        was.most = 0
        if unit is not None:
            self._asked[place] = unit.keep
            self._on_record(place, unit)
        self._advance()

    def put_off(self, key: str) -> None:
        """A seed or pair is to be tried once more."""
        place = self._places.get(self._where.get(key, -1))
        if place is not None and key not in self._idle:
            self._idle[key] = place.most, int(key in place.open)
            self._move(key, -1)
            self._changed.set()

    def take_up(self, key: str) -> None:
        """It is being tried once more."""
        if key in self._idle:
            self._move(key, 1)
            del self._idle[key]

    def _move(self, key: str, sign: int) -> None:
        most, is_open = self._idle[key]
        self._under_way += sign * (is_open or most)
        self._open += sign * is_open

    def void(self, identity: str) -> None:
        """An instruction turned out to be a near-duplicate."""
        place = self._places.get(self._where.get(identity, -1))
        if place is not None and identity in place.selected:
            place.selected.remove(identity)
            del self._where[identity]
            self._selected -= 1
            self._changed.set()

    def chosen(self) -> Chosen:
        """The examples; of all units that were begun where they are too few."""
        cut = islice(self._chosen, self.wanted - 1, None)
        return Chosen(self._chosen, next(cut, "~"), self.instructions)

    def __call__(self, event: object) -> None:
        match event:
            case StepStarted(_, item):
                if self._idle:
                    self.take_up(_key(item))
            case StepFinished(_, item, made, _):
                self._finished(item, made)
            case StepFailed(_, item, _, _):
                self._finished(item, ())
            case StepPostponed(_, item, _):
                self.put_off(_key(item))

    def _finished(self, item: object, made: Iterable[object]) -> None:
        if isinstance(item, Unit):
            self._decoded(item, made)
            return
        draft = draft_of(item)
        if draft is None:
            return
        same = [one for one in made if getattr(draft_of(one), "id", None) == draft.id]
        if not any(isinstance(one, _UNDER_WAY) for one in same):
            self._end(draft.id, is_selected=any(isinstance(one, Example) for one in same))

    def _decoded(self, unit: Unit, made: Iterable[object]) -> None:
        number = self._where.pop(unit.id, None)
        if number is None:
            return
        place = self._places[number]
        self._under_way -= place.most
        place.most = 0
        for one in made:
            draft = draft_of(one)
            if draft is not None and isinstance(one, _UNDER_WAY):
                place.open.add(draft.id)
                self._where[draft.id] = number
                self._under_way += 1
                self._open += 1
        self._on_record(number, unit)
        self._advance()

    def _on_record(self, number: int, unit: Unit) -> None:
        place = self._places[number]
        for index in range(unit.keep):
            identity = draft_id(unit.id, index)
            if identity not in place.open:
                self._known += 1
                if self._is_selected(identity):
                    self._judged += 1
                    self._select(number, identity)

    def _end(self, identity: str, *, is_selected: bool) -> None:
        """An instruction has its outcome."""
        number = self._where.get(identity)
        place = self._places.get(-1 if number is None else number)
        if number is None or place is None or identity not in place.open:
            return
        place.open.remove(identity)
        del self._where[identity]
        self._under_way -= 1
        self._open -= 1
        self._known += 1
        self._judged += 1
        if is_selected:
            self._select(number, identity)
        self._advance()

    def _select(self, number: int, identity: str) -> None:
        if not self._is_repeat(identity):
            self._places[number].selected.add(identity)
            self._where[identity] = number
            self._selected += 1

    def _advance(self) -> None:
        """Pass the places that are finished, as long as more are wanted."""
        self._changed.set()
        while not self.is_met:
            place = self._places.get(self._next)
            if place is None or place.under_way:
                return
            del self._places[self._next]
            self.instructions += self._asked.pop(self._next, 0)
            self._next += 1
            for identity in place.selected:
                del self._where[identity]
                self._chosen.add(identity)
            self._chosen_count += len(place.selected)
            if self._chosen_count >= self.wanted:
                self.is_met = True
                self._stop(self._enough())

    def _enough(self) -> Enough:
        return Enough(f"{self.wanted:,} are selected")


def _key(item: object) -> str:
    """What a unit or an instruction is known by."""
    if isinstance(item, Unit):
        return item.id
    draft = draft_of(item)
    return draft.id if draft else ""
