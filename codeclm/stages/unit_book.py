"""What each unit of work was decoded into: a line a unit, so that a resumed run need not decode it again.

The line of an entry's first unit holds the entry's metadata too: so the entry need not be encoded again either.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeclm.number_set import NumberSet
from codeclm.records import Metadata, Unit, draft_id, unit_id
from codeclm.stages.repeats import INDEX_BITS, RepeatBook

__all__ = ["UnitBook", "UnitResult", "bands_of"]

DIGESTS = 1 << 64
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class UnitResult:
    """Of ``keep`` instructions that a unit was to give: how many it kept, and how many equal ones it dropped."""

    keep: int
    kept: int
    dropped: int


class UnitBook:
    """Knows the texts that units kept, as digests, and the units that nothing is left to do for.

    ``rows`` are the lines of earlier sessions; one that makes no sense only costs that its unit is decoded again.
    ``write`` takes a new line down, before any instruction of its unit goes on. ``done`` knows the ids of
    instructions whose outcome is on record. ``repeats`` is told the bands of the texts, where they have any.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]] = (),
        write: Callable[[dict[str, Any]], None] = lambda row: None,
        done: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.repeats = RepeatBook()
        self._write = write
        self._texts = NumberSet()
        self._finished: dict[int, UnitResult] = {}
        self._begun: dict[str, tuple[int, ...]] = {}
        self._metadata: dict[
            int, str
        ] = {}  # by first unit; use case and skills as one text take a third
        self._results: dict[UnitResult, UnitResult] = {}  # most are equal: they are held once
        self._came: set[str] = set()  # of those that are begun: the ones that this session came to
        for row in rows:
            self._read(row, done)
        self.repeats.catch_up()

    def __contains__(self, text: int) -> bool:
        """Whether a unit, of this session or an earlier one, kept the text of this digest."""
        return text in self._texts

    def begun(self, unit: Unit) -> Sequence[int]:
        """The texts that ``unit`` kept in an earlier session, where something is left to do for it."""
        return self._begun.get(unit.id, ())

    def take_finished(self, unit: Unit) -> UnitResult | None:
        """What ``unit`` came to, where all that it kept has its outcome on record; it is told once."""
        result = self._finished.pop(int(unit.id, 16), None)
        if unit.id in self._begun:
            self._came.add(unit.id)
        return result if result and result.keep == unit.keep else None

    def take_metadata(self, entry_id: str) -> Metadata | None:
        """The metadata that the first unit of this entry was decoded from in an earlier session; it is told once."""
        text = self._metadata.pop(int(unit_id(entry_id, 0), 16), None)
        if text is None:
            return None
        use_case, *skills = text.split(SEPARATOR)
        return Metadata(use_case, tuple(skills))

    def not_reached(self) -> UnitResult:
        """The sum of the units on file that this session has not come to: what they were to give, kept and dropped."""
        begun = [texts for identity, texts in self._begun.items() if identity not in self._came]
        results = self._finished.values()
        kept = sum(map(len, begun))
        return UnitResult(
            kept + sum(result.keep for result in results),
            kept + sum(result.kept for result in results),
            sum(result.dropped for result in results),
        )

    def add(
        self,
        unit: Unit,
        texts: Iterable[int],
        dropped: int,
        number: int = 0,
        bands: Sequence[Sequence[int]] = (),
    ) -> None:
        """``unit`` kept ``texts``, in their order; the first has this number. Raises what ``write`` raises."""
        kept = tuple(texts)
        if self._begun.pop(unit.id, None) != kept:
            row: dict[str, Any] = {"id": unit.id, "keep": unit.keep, "dropped": dropped}
            row["texts"] = [f"{text:016x}" for text in kept]
            if not unit.draw:
                metadata = unit.entry.metadata
                row |= {"use_case": metadata.use_case, "skills": metadata.skills}
            if bands:
                row |= {"number": number, "bands": [*map(_written, bands)]}
            self._write(row)
        for text in kept:
            self._texts.add(text)
        for index, own in enumerate(bands):
            self.repeats.add(number + index, unit.id, index, own)

    def _read(self, row: Mapping[str, Any], done: Callable[[str], bool]) -> None:
        try:
            identity, keep, dropped = row["id"], int(row["keep"]), int(row["dropped"])
            number, texts = int(identity, 16), tuple(int(text, 16) for text in row["texts"])
            bands = bands_of(row)
        except (KeyError, TypeError, ValueError):
            return
        if identity != f"{number:016x}" or not all(0 <= one < DIGESTS for one in (number, *texts)):
            return
        for index, (first, own) in enumerate(bands):
            if not self.repeats.load(first + index, identity, index, own):
                return
        for text in texts:
            self._texts.add(text)
        if "use_case" in row:
            self._read_metadata(number, row)
        if all(done(draft_id(identity, index)) for index in range(len(texts))):
            result = UnitResult(keep, len(texts), dropped)
            self._finished[number] = self._results.setdefault(result, result)
            self._begun.pop(identity, None)
        else:
            self._begun[identity] = texts
            self._finished.pop(number, None)

    def _read_metadata(self, number: int, row: Mapping[str, Any]) -> None:
        skills = row.get("skills")
        words = [row["use_case"], *skills] if isinstance(skills, list) else []
        if len(words) > 1 and all(isinstance(one, str) and SEPARATOR not in one for one in words):
            self._metadata[number] = SEPARATOR.join(words)


def bands_of(row: Mapping[str, Any]) -> list[tuple[int, Sequence[int]]]:
    """Of each text of a unit's line, in their order: the number of the first one, and its own bands."""
    number, bands = int(row.get("number", 0)), row.get("bands", ())
    if not 0 <= number < DIGESTS - len(bands) or len(bands) > 1 << INDEX_BITS:
        raise ValueError("no number of an instruction")
    return [(number, array("Q", b64decode(text, validate=True))) for text in bands]


def _written(bands: Sequence[int]) -> str:
    return b64encode(array("Q", bands).tobytes()).decode()
