"""A forecast: the workload of a plan, gone through with a profile, priced, timed, and varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import ceil
from random import Random

from codeclm.assembly import augment_to, prices_of
from codeclm.errors import UsageError
from codeclm.forecast.assumed import Assumptions, assumed, bounds
from codeclm.forecast.bill import Cast, cast_of, cost
from codeclm.forecast.calls import Line, lines, made
from codeclm.forecast.duration import Bound, bounds_of, longest, path_s
from codeclm.forecast.interval import estimates
from codeclm.forecast.observed import Cluster, mean_prompt_bytes, profile_of, variety_of
from codeclm.forecast.profile import Profile
from codeclm.forecast.shares import Estimate, exact, wilson
from codeclm.forecast.variants import Others, Variant, variants
from codeclm.forecast.workload import Workload, workload
from codeclm.plan import Plan
from codeclm.seeds import MetadataFile

__all__ = ["Forecast", "Row", "Varied", "forecast"]


@dataclass(frozen=True, slots=True)
class Row:
    """Of one stage, role and model, over all iterations; ``cost`` is None where the price is not known."""

    stage: str
    role: str
    model: str
    calls: Estimate
    input: Estimate
    output: Estimate
    cost: Estimate | None


@dataclass(frozen=True, slots=True)
class Varied:
    """A variant with what it comes to."""

    name: str
    changes: str
    calls: Estimate
    cost: Estimate | None
    selected: Estimate


@dataclass(frozen=True, slots=True)
class Forecast:
    """``seeds`` is how many the pilot had, 0 for none; then intervals are bounds of what is assumed.

    ``reaching`` and ``selected_at`` are shares of instructions by iteration, ``rounds`` how often one is compared.
    ``hours`` is None where no limit is known; ``binding`` is the limit that they come from. ``needed`` is how many
    instructions ``wanted_selected`` take, None where that was not asked.
    """

    seeds: int
    instructions_seen: int
    work: Workload
    rows: Sequence[Row]
    totals: Mapping[str, Estimate]
    reaching: Sequence[Estimate]
    selected_at: Sequence[Estimate]
    hours: Estimate | None
    binding: Bound | None
    bounds: Sequence[Bound]
    varied: Sequence[Varied]
    unpriced: Sequence[str]
    prices_as_of: str | None
    wanted_selected: int | None = None
    needed: Estimate | None = None


def forecast(
    plan: Plan,
    clusters: Sequence[Cluster] = (),
    *,
    selected: int | None = None,
    others: Others | None = None,
    random: Random | None = None,
) -> Forecast:
    """What ``plan`` takes; ``clusters`` are those of a pilot, without which it is assumed. ``selected``: instead of
    its total, as many instructions as so many selected ones take.
    """
    books = _Books(plan, selected, others or Others())
    if not clusters:
        likely = assumed(books.known)
        low, high = bounds(books.known)
        said = books.measure(likely)
        around = [books.measure(low), books.measure(high)]
        got = {
            name: Estimate(value, *_ends([value, *(one.get(name, 0.0) for one in around)]))
            for name, value in said.items()
        }
        return books.forecast(
            likely,
            got,
            [exact(share) for share in likely.reach],
            [exact(share) for share in likely.selected],
        )
    profile = profile_of(clusters, books.base.judgements, variety_of(clusters))
    seen = sum(cluster.reach[1] for cluster in clusters)
    share = min(1.0, seen / max(1.0, made(books.work_for(profile), profile)))
    chance = random or Random(plan.settings.seed)
    got = estimates(clusters, books.measure, share, chance, books.base.judgements)
    reaching = [_share(part, seen, got[f"reach {n}"]) for n, part in enumerate(profile.reach, 1)]
    chosen = [
        _share(part, seen, got[f"selected {n}"]) for n, part in enumerate(profile.selected, 1)
    ]
    return books.forecast(profile, got, reaching, chosen, len(clusters), seen)


def _share(share: float, seen: int, drawn: Estimate) -> Estimate:
    """Wilson's interval, and that of the bootstrap where it is wider: instructions of one seed are alike."""
    counted = wilson(share * seen, seen)
    return Estimate(share, min(counted.low, drawn.low), min(1.0, max(counted.high, drawn.high)))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


@dataclass
class _Books:
    """Everything about a plan that does not depend on the profile."""

    plan: Plan
    wanted: int | None
    others: Others
    cast: Cast = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        if plan.tally is None:
            raise UsageError("a stream has no known length; a forecast needs a file of seeds")
        self.cast = cast_of(plan.models)
        self.prices = prices_of(plan.settings)
        self.price_of = cache(self.prices.of)  # a name is read apart each time
        self.has_seeds = not isinstance(plan.source, MetadataFile)
        self.prompt_bytes = mean_prompt_bytes(plan)
        self.base = self._workload(None)
        self.variants = variants(self.base, self.cast, self.others, self.prices)
        template = plan.templates["encode"]
        usual = len(template.render(dict.fromkeys(template.requires, "")).encode())
        length = self.prompt_bytes - usual if self.has_seeds else USUAL_SEED_BYTES
        self.known = Assumptions(plan.templates, plan.settings.method, max(1.0, length))

    def work_for(self, profile: Profile) -> Workload:
        """The workload; with a wanted number of selected ones it depends on how many are."""
        if self.wanted is None:
            return self.base
        yielded = profile.selected_until(self.base.iterations) * profile.kept
        return self._workload(min(MOST, ceil(self.wanted / yielded)) if yielded else MOST)

    def measure(self, profile: Profile) -> dict[str, float]:
        """All numbers of the forecast, by name."""
        work = self.work_for(profile)
        said: dict[str, float] = {}
        for number, variant in enumerate(self.variants):
            its_work = variant.of(work)
            its_lines = lines(its_work, profile)
            put = {"calls": sum(line.calls for line in its_lines)}
            put["selected"] = made(work, profile) * profile.selected_until(its_work.iterations)
            put |= _cost(cost(its_lines, variant.cast, self.price_of))
            said |= {f"{number}.{name}": value for name, value in put.items()}
            if not number:
                said |= self._main(its_lines, work, profile)
        return said

    def _main(
        self, its_lines: Sequence[Line], work: Workload, profile: Profile
    ) -> dict[str, float]:
        said = {
            "instructions": made(work, profile),
            "asked": float(work.instructions),
            "rounds": sum(profile.reach[: work.iterations]),
            "input": sum(line.input for line in its_lines),
            "output": sum(line.output for line in its_lines),
        }
        binding = longest(bounds_of(its_lines, self.cast, self.plan.models, profile))
        if binding:
            said["hours"] = binding.hours + path_s(profile, work.iterations) / 3600
        said |= {f"reach {n}": share for n, share in enumerate(profile.reach, 1)}
        said |= {f"selected {n}": share for n, share in enumerate(profile.selected, 1)}
        for line in its_lines:
            place = f"{line.stage}|{line.role}"
            amounts = {"calls": line.calls, "input": line.input, "output": line.output}
            amounts |= _cost(cost([line], self.cast, self.price_of))
            for name, value in amounts.items():
                said[f"{place}|{name}"] = said.get(f"{place}|{name}", 0.0) + value
        return said

    def forecast(
        self,
        profile: Profile,
        got: Mapping[str, Estimate],
        reaching: Sequence[Estimate],
        chosen: Sequence[Estimate],
        seeds: int = 0,
        seen: int = 0,
    ) -> Forecast:
        """The numbers in their places."""
        work = self.work_for(profile)
        its_bounds = bounds_of(lines(work, profile), self.cast, self.plan.models, profile)
        places = dict.fromkeys(name.rpartition("|")[0] for name in got if name.count("|") == 2)
        names = ("instructions", "asked", "rounds", "input", "output")
        totals = {name: got[name] for name in names}
        totals |= {
            name: got[f"0.{name}"] for name in ("calls", "selected", "cost") if f"0.{name}" in got
        }
        used = [self.cast[place.partition("|")[2]] for place in places]
        return Forecast(
            seeds=seeds,
            instructions_seen=seen,
            work=work,
            rows=[self._row(place, got) for place in places],
            totals=totals,
            reaching=reaching[: work.iterations],
            selected_at=chosen[: work.iterations],
            hours=got.get("hours"),
            binding=longest(its_bounds),
            bounds=sorted(its_bounds, key=lambda bound: -bound.hours),
            varied=[_varied(number, one, got) for number, one in enumerate(self.variants)],
            unpriced=self.prices.unpriced(used),
            prices_as_of=self.prices.as_of(used),
            wanted_selected=self.wanted,
            needed=got["asked"] if self.wanted is not None else None,
        )

    def _row(self, place: str, got: Mapping[str, Estimate]) -> Row:
        stage, _, role = place.partition("|")
        calls, given, made_ = (got[f"{place}|{name}"] for name in ("calls", "input", "output"))
        return Row(stage, role, self.cast[role], calls, given, made_, got.get(f"{place}|cost"))

    def _workload(self, total: int | None) -> Workload:
        plan, options = self.plan, self.plan.settings.method
        assert plan.tally is not None
        if total is not None:
            options = replace(options, total=total, selected=None, per_entry=None, extends=())
        size = augment_to(plan.source, plan.tally, plan.settings)
        return workload(
            options,
            plan.tally.items,
            size,
            has_seeds=self.has_seeds,
            prompt_bytes=self.prompt_bytes,
        )


USUAL_SEED_BYTES = 200.0
MOST = 10_000_000
"""Instructions: where hardly any are selected no number is enough."""


def _cost(amount: float | None) -> dict[str, float]:
    return {} if amount is None else {"cost": amount}


def _varied(number: int, variant: Variant, got: Mapping[str, Estimate]) -> Varied:
    cost_of_it = got.get(f"{number}.cost")
    calls, chosen = got[f"{number}.calls"], got[f"{number}.selected"]
    return Varied(variant.name, variant.changes, calls, cost_of_it, chosen)
