"""How much a run is asked to do, counted as the run itself counts it: plain arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codeclm.errors import UsageError
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.rounds import Round, Wanted, draws

__all__ = ["Workload", "workload"]


@dataclass(frozen=True, slots=True)
class Workload:
    """``seeds`` to encode, ``pairs`` to check, ``entries`` of which ``mixed`` come from mix and match.

    ``units`` are decode calls, which ask for ``listed`` instructions; the run takes ``instructions`` of them.
    ``iterations`` is how often an instruction is compared at most, or made where nothing is filtered (``filters``).
    ``judgements`` of one comparison. ``prompt_bytes`` is the mean length of the prompts that encode, 0 if unknown.
    """

    seeds: int
    pairs: int
    entries: int
    mixed: int
    units: int
    listed: int
    instructions: int
    iterations: int
    judgements: int
    filters: bool = True
    prompt_bytes: float = 0.0


def workload(
    options: CodecLMOptions, items: int, size: int, *, has_seeds: bool, prompt_bytes: float = 0.0
) -> Workload:
    """What ``items`` seeds (or entries, where metadata is given) come to when they are extended to ``size`` entries."""
    if not items:
        raise UsageError("there is nothing to make a forecast of: no seed")
    entries = max(items, size)
    mixed = entries - items
    rounds = list(_rounds(options, entries))
    filters = options.contrastive_filtering
    return Workload(
        seeds=items if has_seeds else 0,
        pairs=mixed if options.check_pairs else 0,
        entries=entries,
        mixed=mixed,
        units=sum(units for units, _, _ in rounds),
        listed=sum(units * count for units, count, _ in rounds),
        instructions=sum(taken for _, _, taken in rounds),
        iterations=options.comparisons_made if filters else 1 + options.improvements_made,
        judgements=(1 + options.swap_positions) if filters else 0,
        filters=filters,
        prompt_bytes=prompt_bytes,
    )


def _rounds(options: CodecLMOptions, entries: int) -> Iterator[tuple[int, int, int]]:
    """Units, what each asks for, and what is taken of all, round by round."""
    if options.per_entry is not None:
        for count in draws(options.per_entry, options.per_call):
            yield entries, count, entries * count
        return
    for increment in Wanted(options.goals).increments():
        left = increment
        while left > 0:
            this = Round(left, entries, options.per_call)
            taken = min(left, this.count * entries)
            yield min(entries, taken), this.count, taken
            left -= taken
