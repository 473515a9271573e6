"""What a run may spend, all its sessions together, and what they may have spent: on record before it is spent."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codeclm.disk import REAL, Disk, replace_file
from codeclm.errors import BudgetExhausted, RunStopped, UsageError
from codeclm.ledger import Ledger, picodollars_paid
from codeclm.llm.budget import Budget
from codeclm.llm.money import PICODOLLARS
from codeclm.llm.purse import NOTHING, Caps, Spending
from codeclm.rundir import SPENDING, read_json
from codeclm.settings import BudgetSettings

__all__ = ["RunBudget", "SpendingFile", "caps_of"]

HOUR_S = 3600.0


class SpendingFile:
    """``spending.json`` in ``directory``: the most that was spent, exact after a session that was not killed."""

    def __init__(self, directory: Path, disk: Disk = REAL) -> None:
        self._path = directory / SPENDING
        self._disk = disk
        self._guard = threading.Lock()
        self._most = NOTHING

    def read(self) -> Spending | None:
        """What is on record; None where nothing is. Raises UsageError where it makes no sense."""
        stored = read_json(self._path)
        if stored is None:
            return None
        most = stored.get("at_most")
        try:
            found = Spending(**most) if isinstance(most, dict) else Spending(-1)
        except TypeError:
            found = Spending(-1)
        if any(type(amount) is not int or amount < 0 for amount in found):
            raise UsageError(
                f"{self._path}: not what a run writes, and it says what was spent; mend it, "
                "or delete it and lower the budget by that"
            )
        return found

    def authorise(self, most: Spending) -> None:
        """Have the disk hold that at most so much is spent. Blocks. Raises RunStopped.

        What was authorised once stays so: a thread that nobody waits for any more may come late.
        """
        with self._guard:
            self._most = self._most.most(most)
            self._write(self._most)

    def settle(self, spent: Spending) -> None:
        """At the end of a session: so much it was. Blocks. Raises RunStopped."""
        with self._guard:
            if spent == NOTHING:
                self._path.unlink(missing_ok=True)
            else:
                self._write(spent)

    def _write(self, most: Spending) -> None:
        line = json.dumps({"at_most": most._asdict()}).encode() + b"\n"
        try:
            replace_file(self._path, [line], self._disk)
        except UsageError as error:
            raise RunStopped(str(error)) from None


class RunBudget:
    """The budget of one session; ``calls`` is what each call must fit into, None where nothing is limited.

    What is on record as spent is taken from the file and from the summary ``earlier``, whichever is more. Raises
    BudgetExhausted where there is no time left.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        directory: Path,
        ledger: Ledger,
        earlier: Mapping[str, Any],
    ) -> None:
        self._max_hours = settings.max_hours
        self._left_s = math.inf
        if settings.max_hours is not None:
            used_s = float(earlier.get("wall_time_s") or 0)
            self._left_s = settings.max_hours * HOUR_S - used_s
            if self._left_s <= 0:
                raise self._no_time()
        self._file = SpendingFile(directory)
        on_record = self._file.read()
        self._lost_sight = on_record is None and earlier.get("state") == "running"
        self.calls: Budget | None = None
        if settings.limits_calls:
            spent = (on_record or NOTHING).most(_spent(ledger))
            self.calls = Budget(caps_of(settings), spent, self._file.authorise)

    def __enter__(self) -> RunBudget:
        return self

    def __exit__(self, *_: object) -> None:
        if self.calls is not None:
            self._file.settle(self.calls.spent)

    def oddities(self) -> Iterator[str]:
        """What of the budget cannot be known, in words."""
        if self._lost_sight and self.calls is not None:
            yield (
                "the last session was killed and had no budget: what its last calls cost is not known, "
                "and not a part of what is spent"
            )

    @contextmanager
    def clock(self, stop: Callable[[RunStopped], None]) -> Iterator[None]:
        """While the block lasts: ``stop`` when there is no time left."""
        if self._left_s == math.inf:
            yield
            return
        alarm = asyncio.get_running_loop().call_later(self._left_s, lambda: stop(self._no_time()))
        try:
            yield
        finally:
            alarm.cancel()

    def _no_time(self) -> BudgetExhausted:
        return BudgetExhausted(f"the budget of {self._max_hours:g} hours is used up", "max_hours")


def caps_of(settings: BudgetSettings) -> Caps:
    """What calls may come to."""
    cost = settings.max_cost
    return Caps(
        None if cost is None else math.floor(cost * PICODOLLARS),
        settings.max_calls,
        settings.max_tokens,
    )


def _spent(ledger: Ledger) -> Spending:
    """What the summaries of earlier sessions know of."""
    total = NOTHING
    for (model, _, _), counts in ledger.columns.items():
        price = ledger.prices.of(model)
        given, made = counts["lost_input_tokens"], counts["lost_output_tokens"]
        cost = 0
        if price is not None:
            cost = picodollars_paid(price, counts) + price.most_picodollars(given, made)
        tokens = counts["input_tokens"] + counts["output_tokens"] + given + made
        calls = counts["calls"] + counts["lost_calls"]
        total = total.plus(Spending(cost, calls, tokens))
    return total
