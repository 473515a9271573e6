"""Cheaper ways to run the same thing, and what each would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codeclm.forecast.bill import Cast
from codeclm.forecast.workload import Workload
from codeclm.llm.names import parse_model
from codeclm.prices import Prices

__all__ = ["Others", "Variant", "variants"]


@dataclass(frozen=True, slots=True)
class Variant:
    """``name`` is how it is set; ``changes`` what is different about the data."""

    name: str
    changes: str
    cast: Cast
    iterations: int
    judgements: int

    def of(self, work: Workload) -> Workload:
        """The workload that it makes of ``work``."""
        return replace(
            work,
            iterations=min(work.iterations, self.iterations),
            judgements=min(work.judgements, self.judgements),
        )


@dataclass(frozen=True, slots=True)
class Others:
    """Models that may play a part instead."""

    judges: Sequence[str] = ()
    targets: Sequence[str] = ()


def variants(work: Workload, cast: Cast, others: Others, prices: Prices) -> list[Variant]:
    """The run as it is first; of the others only those that are not dearer, as far as prices are known."""
    as_it_is = Variant("as configured", "", cast, work.iterations, work.judgements)
    found = [as_it_is]
    if work.filters:
        for iterations in range(work.iterations - 1, 0, -1):
            changes = "instructions that would be selected later are discarded"
            name = f"iterations: {iterations}"
            found.append(replace(as_it_is, name=name, changes=changes, iterations=iterations))
        if work.judgements == 2:
            changes = "a judge that favours what it sees first is no longer balanced: other scores"
            name = "swap_positions: false"
            found.append(replace(as_it_is, name=name, changes=changes, judgements=1))
        found += _recast(as_it_is, "judge", [cast["target"], *others.judges], prices)
        found += _recast(as_it_is, "target", others.targets, prices)
    return found


def _recast(
    variant: Variant, role: str, models: Sequence[str], prices: Prices
) -> Iterator[Variant]:
    changes = {
        "judge": "another judge gives other scores; see how far it agrees before you trust it",
        "target": "data for another model: other gaps, other selection",
    }
    names = dict.fromkeys(str(parse_model(model)) for model in models)
    for model in names:
        if model != variant.cast[role] and not _is_dearer(model, variant.cast[role], prices):
            cast = {**variant.cast, role: model}
            yield replace(variant, name=f"{role}: {model}", changes=changes[role], cast=cast)


def _is_dearer(model: str, than: str, prices: Prices) -> bool:
    one, other = prices.of(model), prices.of(than)
    return bool(one and other and one.input >= other.input and one.output >= other.output)
