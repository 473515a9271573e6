"""Self-Instruct's way to new instructions: examples from a growing pool, and a filter of what is too much alike.

The pool grows in rounds: all calls of a round draw their examples from the pool as it was when the round began, and
what they answer is compared, and taken in, in the order of the calls once all are answered. So the instructions do
not depend on which answer came first.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from random import Random

from codeclm.errors import ItemError, TransientError, UsageError
from codeclm.methods.baseline import Asking
from codeclm.methods.pool import InstructionPool
from codeclm.records import Draft, Entry, Metadata, Seed, Unit, digest, draft_id
from codeclm.stages.decode import parse_instructions

__all__ = ["GENERATED", "Generation"]

GENERATED = Entry(0, digest("entry", "generated"), Metadata("", ()))
"""What generated instructions have in the place of a seed's metadata: they have many parents."""

DRY_ROUNDS = 3
"""After so many rounds in which nothing was new, nothing is expected any more."""
FEWEST_WORDS, MOST_WORDS = 3, 150


class Generation:
    """Feeds a pipeline with units (calls that generate) and with the drafts that come of them.

    ``totals`` are the numbers of instructions that were wanted, the present one last: what the first made stays as it
    was. ``done`` knows the ids that are on record.
    """

    def __init__(
        self,
        items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
        asking: Asking,
        *,
        totals: Sequence[int],
        per_call: int,
        per_round: int,
        from_seeds: int,
        from_made: int,
        similarity: float,
        blocked: Iterable[str],
        done: Callable[[str], bool],
    ) -> None:
        self._items = items
        self._asking = asking
        self._question = asking.question("generate", parse_instructions)
        self._totals = totals
        self._per_call = per_call
        self._per_round = per_round
        self._shares = (from_seeds, from_made)
        self._pool = InstructionPool(similarity)
        self._blocked = frozenset(word.lower() for word in blocked)
        self._done = done
        self._seeds: list[str] = []
        self._made: list[str] = []
        self._answers: dict[str, list[str]] = {}
        self._postponed: deque[Unit] = deque()
        self._second_tries: set[str] = set()
        self._open = 0
        self._answered = asyncio.Event()
        self._units = self._alike = self._unsuitable = 0
        self._is_over = False

    async def work(self) -> AsyncIterator[Unit | Draft]:
        """What enters the pipeline, in order."""
        await self._read_seeds()
        for total in self._totals:
            dry = 0
            while len(self._made) < total and dry < DRY_ROUNDS:
                before = len(self._made)
                async for one in self._round(total):
                    yield one
                dry = dry + 1 if len(self._made) == before else 0
        self._is_over = True

    async def generate(self, unit: Unit) -> Sequence[Draft]:
        """The step for a unit: its answer waits for the end of the round."""
        try:
            self._answers[unit.id] = await self._question.ask(
                {"examples": self._examples(unit), "count": unit.count},
                draw=self._asking.draw(unit.id),
                item=unit.id,
            )
        except ItemError as error:
            may_pass = isinstance(error, TransientError) and unit.id not in self._second_tries
            if may_pass:
                self._second_tries.add(unit.id)
                self._postponed.append(unit)
            self._settle()
            if may_pass:
                return []
            raise
        self._settle()
        return []

    def counts(self) -> Mapping[str, int]:
        """What became of the input so far."""
        made, wanted = len(self._made), self._totals[-1]
        return {
            "input": len(self._seeds),
            "augmented": 0,
            "pairs_dropped": 0,
            "entries_failed": 0,
            "entries": len(self._seeds),
            "units": self._units,
            "asked": wanted,
            "lost": 0,
            "instructions": made,
            "duplicates_dropped": self._alike,
            "unsuitable_dropped": self._unsuitable,
            "missing": wanted - made if self._is_over else 0,
        }

    async def _read_seeds(self) -> None:
        items = self._items
        if isinstance(items, AsyncIterable):
            raise UsageError("a stream has no end to learn from; give a file of seeds")
        for item in items:
            if not isinstance(item, Seed):
                raise UsageError("metadata is no seed: this method starts from instructions")
            self._seeds.append(item.instruction)
            self._pool.add(item.instruction, always=True)

    async def _round(self, total: int) -> AsyncIterator[Unit | Draft]:
        wanted = min(self._per_round, total - len(self._made))
        units = []
        for start in range(0, wanted, self._per_call):
            count = min(self._per_call, wanted - start)
            units.append(Unit(GENERATED, self._units, count, count))
            self._units += 1
        for unit in units:
            if not self._done(unit.id):  # it failed in an earlier session
                self._open += 1
                yield unit
        await self._all_answered()
        while self._postponed:
            self._open += 1
            yield self._postponed.popleft()
        await self._all_answered()
        for unit in units:
            for draft in self._taken(unit, total):
                if not self._done(draft.id):
                    yield draft
            await asyncio.sleep(0)  # comparing takes time: others get a turn

    def _taken(self, unit: Unit, total: int) -> list[Draft]:
        drafts: list[Draft] = []
        for text in self._answers.pop(unit.id, ()):
            if len(self._made) == total:
                break
            if self._is_unsuitable(text):
                self._unsuitable += 1
            elif not self._pool.add(text):
                self._alike += 1
            else:
                self._made.append(text)
                drafts.append(Draft(draft_id(unit.id, len(drafts)), GENERATED, text))
        return drafts

    def _is_unsuitable(self, text: str) -> bool:
        """Too short, too long, or about what a text model cannot see or make."""
        words = re.findall(r"\w+", text.lower())
        # A script without spaces has few words, and long ones.
        short = len(words) < FEWEST_WORDS and len(text) < 4 * FEWEST_WORDS
        return short or len(words) > MOST_WORDS or not self._blocked.isdisjoint(words)

    def _examples(self, unit: Unit) -> list[str]:
        """Some seeds and some of what was made; seeds in the place of what is not there yet."""
        rng = Random(f"{self._asking.run_seed}:{unit.id}")
        from_seeds, from_made = self._shares
        made = rng.sample(self._made, min(from_made, len(self._made)))
        wanted = from_seeds + from_made - len(made)
        examples = rng.sample(self._seeds, min(wanted, len(self._seeds))) + made
        rng.shuffle(examples)
        return examples

    async def _all_answered(self) -> None:
        if self._open:
            self._answered.clear()
            await self._answered.wait()

    def _settle(self) -> None:
        self._open -= 1
        if not self._open:
            self._answered.set()
