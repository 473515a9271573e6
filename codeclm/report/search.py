"""Looks through the rows of a run, the latest first, a part at a time: a run may have very many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codeclm.report.examples import brief, searchable
from codeclm.report.lineage import Lineage
from codeclm.report.reading import Reading

__all__ = ["Wanted", "look"]

PAGE = 50
TURN_S = 0.3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader looks for; what is empty does not matter."""

    query: str = ""
    fate: str = ""
    iteration: str = ""
    responder: str = ""
    use_case: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Wanted:
        """From the values of a form."""
        names = ("query", "fate", "iteration", "responder", "use_case")
        return cls(**{name: values.get(name, "") for name in names})

    def fits(self, one: Lineage) -> bool:
        """Whether it is looked for."""
        plain = (
            (self.iteration, str(one.iteration)),
            (self.responder, one.responder),
            (self.use_case, one.use_case),
        )
        if any(wanted and wanted != found for wanted, found in plain):
            return False
        return not self.query or self.query.casefold() in searchable(one)


def look(
    reading: Reading, wanted: Wanted, before: int | None, clock: Callable[[], float]
) -> dict[str, Any]:
    """At most ``PAGE`` rows that fit, from before row ``before`` on backwards (None: from the last).

    ``next`` is where to go on; None at the end. It returns after ``TURN_S`` with what it has.
    """
    number = len(reading) if before is None else max(0, min(before, len(reading)))
    end = clock() + TURN_S
    rows: list[dict[str, Any]] = []
    while number and len(rows) < PAGE and clock() < end:
        number -= 1
        if wanted.fate and reading.fate(number) != wanted.fate:
            continue
        lineage = reading.lineage(number)
        if lineage is not None and wanted.fits(lineage):
            rows.append({**brief(lineage), "number": number})
    looked = len(reading) - number
    words = f"looked through {looked:,} of {len(reading):,} rows"
    return {"rows": rows, "next": number or None, "words": words, "rows_in_all": len(reading)}
