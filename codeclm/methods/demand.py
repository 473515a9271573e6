"""What a run is to make, from its options: how much, until when, and without what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from codeclm.methods.options import CodecLMOptions
from codeclm.methods.quota import Quota
from codeclm.methods.rounds import Wanted
from codeclm.stages.overlap import EvaluationTexts
from codeclm.stages.repeats import RepeatBook
from codeclm.stages.screen import Screen
from codeclm.stages.unit_book import UnitResult

__all__ = ["quota_of", "screen_of", "wanted_of", "with_the_rest"]

UNITS_AHEAD = 8
"""Of those in flight at once: so far a run for N examples goes ahead of a unit that takes its time."""


def wanted_of(options: CodecLMOptions, entries: int) -> Wanted:
    if options.selected is None:
        return Wanted(options.goals, entries, options.per_entry or 0, options.per_call)
    most = options.total or 0
    return Wanted((), entries, per_call=options.per_call, selected=options.goals, most=most)


def quota_of(
    options: CodecLMOptions, is_selected: Callable[[str], bool], repeats: RepeatBook, tickets: int
) -> Quota | None:
    if options.selected is None:
        return None
    window = UNITS_AHEAD * tickets
    quota = Quota(options.selected, is_selected, repeats.__contains__, window)
    repeats.on_late = quota.void
    return quota


def screen_of(
    options: CodecLMOptions, repeats: RepeatBook, evaluation: Sequence[EvaluationTexts]
) -> Screen:
    sketch = None
    if options.near_duplicates:
        from codeclm.stages.sketch import Sketcher  # noqa: PLC0415 - a library that is not always needed

        sketch = Sketcher(options.near_duplicates)
    return Screen(repeats, sketch, evaluation, entry_major=options.per_entry is not None)


def with_the_rest(made: Mapping[str, int], rest: UnitResult) -> Mapping[str, int]:
    """Units of earlier sessions that are more than was wanted are on record, and no part of this session's work."""
    more = {
        "asked": rest.keep,
        "instructions": rest.kept,
        "duplicates_dropped": rest.dropped,
        "missing": rest.keep - rest.kept,
    }
    return {name: number + more.get(name, 0) for name, number in made.items()}
