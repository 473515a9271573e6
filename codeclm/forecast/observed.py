"""What a pilot came to, seed by seed: the clusters that averages and intervals are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb, inf

from codeclm.archive import RunArchive
from codeclm.assembly import augment_to
from codeclm.errors import UsageError
from codeclm.forecast.profile import Key, Profile, Use, Variety
from codeclm.lines import Row
from codeclm.llm.names import parse_model
from codeclm.methods.demand import wanted_of
from codeclm.methods.entries import entry_of
from codeclm.methods.rounds import draws
from codeclm.pilot import LOG, chosen
from codeclm.plan import Plan
from codeclm.records import Entry, Seed, Unit, draft_id
from codeclm.settings import ModelsSettings

__all__ = ["Cluster", "equal_pairs", "mean_prompt_bytes", "observed", "profile_of", "variety_of"]

BEFORE = ("encode", "pairs", "decode", "rubrics")


@dataclass(slots=True)
class Cluster:
    """One seed, or entry, and all that was made of it.

    ``wanted`` of the units that were decoded, which gave ``made`` instructions and asked for ``listed``. ``reach`` and
    ``selected`` count instructions with an outcome by iteration. ``spent`` is calls, input, output and the seconds of
    answers that were timed, and how many those are.
    """

    seeds: int = 1
    prompt_bytes: float = 0.0
    units: int = 0
    wanted: int = 0
    listed: int = 0
    made: int = 0
    reach: Counter[int] = field(default_factory=Counter)
    selected: Counter[int] = field(default_factory=Counter)
    spent: dict[Key, list[float]] = field(default_factory=dict)
    metadata: tuple[str, ...] = ()


def observed(plan: Plan, archive: RunArchive) -> list[Cluster]:
    """The clusters of all pilots in ``archive``. Raises UsageError where it has none."""
    if not (archive.path / LOG).exists():
        raise UsageError(f"{archive.path}: no pilot was run there; give --pilot N")
    log = list(archive.log(LOG))
    asked = {row["item"] for row in log}
    clusters: list[Cluster] = []
    of_item: dict[str, Cluster] = {}
    unit_of: dict[str, Unit] = {}
    for entry, units, cluster in _all(plan):
        if entry.id in asked or any(unit.id in asked for unit in units):
            clusters.append(cluster)
            of_item[entry.id] = cluster
            for unit in units:
                of_item[unit.id] = cluster
                unit_of[unit.id] = unit
                of_item |= {draft_id(unit.id, place): cluster for place in range(unit.keep)}
    with_outcome = _outcomes(archive, of_item)
    for row in {row["id"]: row for row in archive.units()}.values():
        if row["id"] in unit_of:
            _add_unit(of_item[row["id"]], unit_of[row["id"]], len(row["texts"]))
    _add_log(plan.models, log, of_item, with_outcome)
    return clusters


def mean_prompt_bytes(plan: Plan) -> float:
    """The mean length of all prompts that encode; 0 where there is nothing to encode."""
    lengths = [cluster.prompt_bytes for _, _, cluster in _all(plan)]
    return sum(lengths) / len(lengths)


def equal_pairs(clusters: Sequence[Cluster]) -> int:
    """How many pairs of seeds have equal metadata."""
    counted = Counter(cluster.metadata for cluster in clusters if cluster.metadata)
    return sum(comb(number, 2) for number in counted.values())


def variety_of(clusters: Sequence[Cluster]) -> Variety:
    """How much the metadata of seeds differ, by how many pairs of them are equal."""
    known = [cluster.metadata for cluster in clusters if cluster.metadata]
    equal = equal_pairs(clusters)
    kinds = comb(len(known), 2) / equal if equal else inf
    return Variety(kinds, len(known), len(set(known)))


def _all(plan: Plan) -> Iterator[tuple[Entry, list[Unit], Cluster]]:
    """Each seed of the run with the units that a pilot asks it for, as the run sizes them, and an empty cluster."""
    assert plan.tally is not None
    options, template = plan.settings.method, plan.templates["encode"]
    size = max(plan.tally.items, augment_to(plan.source, plan.tally, plan.settings))
    wanted = wanted_of(options, size)
    constants = {
        "language": options.language,
        "use_cases": options.use_cases,
        "skills": options.allowed_skills,
    }
    known = {name: value for name, value in constants.items() if name in template.variables}
    for item in chosen(plan.source, range(plan.tally.items)):
        cluster = Cluster()
        if isinstance(item, Seed):
            prompt = template.render({**known, "instruction": item.instruction})
            cluster.prompt_bytes = len(prompt.encode())
        entry = entry_of(item) if isinstance(item, Seed) else item
        if options.per_entry is not None:
            counts = draws(options.per_entry, options.per_call)
            units = [Unit(entry, draw, count, count) for draw, count in enumerate(counts)]
        else:
            units = [Unit(entry, 0, *wanted.first(size, entry.number))]
        yield entry, [unit for unit in units if unit.keep], cluster


def _add_unit(cluster: Cluster, unit: Unit, made: int) -> None:
    cluster.units += 1
    cluster.wanted += unit.keep
    cluster.listed += unit.count
    cluster.made += made


def _outcomes(archive: RunArchive, of_item: Mapping[str, Cluster]) -> set[str]:
    """Count the pilot's instructions that have an outcome; their ids."""
    found: set[str] = set()
    for name, rows in (
        ("selected", archive.selected()),
        ("discarded", archive.discarded()),
        ("failed", archive.failed()),
    ):
        for row in rows:
            cluster = of_item.get(row["id"])
            iteration = row.get("iteration")
            if cluster is None or "instruction" not in row or not isinstance(iteration, int):
                continue
            found.add(row["id"])
            cluster.reach.update(range(1, iteration + 1))
            if name == "selected":
                cluster.selected[iteration] += 1
            if row.get("use_case"):
                cluster.metadata = (row["use_case"], *row["skills"])
    return found


def _add_log(
    models: ModelsSettings,
    log: Iterable[Row],
    of_item: Mapping[str, Cluster],
    with_outcome: set[str],
) -> None:
    """Add the answers of the pilot to its clusters; those of what has no outcome yet are left out."""
    target = str(parse_model(models.target.model))
    for row in log:
        cluster, stage = of_item.get(row["item"]), row["stage"]
        if cluster is None or (stage not in BEFORE and row["item"] not in with_outcome):
            continue
        role = "judge" if stage == "judge" else "strong"
        if stage == "respond" and row["model"] == target:
            role = "target"
        iteration = 0 if stage in BEFORE else row["iteration"]
        sums = cluster.spent.setdefault((stage, role, iteration), [0.0] * 5)
        sums[0] += 1
        sums[1] += row["input_tokens"] or 0
        sums[2] += row["output_tokens"] or 0
        if row["seconds"] is not None:
            sums[3] += row["seconds"]
            sums[4] += 1


def profile_of(clusters: Iterable[Cluster], judgements: int, variety: Variety) -> Profile:
    """The averages over ``clusters``, of which one may be there more than once; ``judgements`` of each comparison."""
    total = _Total()
    for cluster in clusters:
        total.add(cluster)
    return total.profile(variety, judgements)


class _Total:
    def __init__(self) -> None:
        self.seeds = self.prompt_bytes = self.units = self.wanted = self.listed = self.made = 0.0
        self.reach: Counter[int] = Counter()
        self.selected: Counter[int] = Counter()
        self.spent: dict[Key, list[float]] = {}
        self.improved: dict[tuple[str, ...], tuple[float, float]] = {}
        self.entries = 0

    def add(self, cluster: Cluster) -> None:
        self.seeds += cluster.seeds
        self.prompt_bytes += cluster.prompt_bytes
        self.units += cluster.units
        self.wanted += cluster.wanted
        self.listed += cluster.listed
        self.made += cluster.made
        for iteration, number in cluster.reach.items():
            self.reach[iteration] += number
        for iteration, number in cluster.selected.items():
            self.selected[iteration] += number
        for key, amounts in cluster.spent.items():
            sums = self.spent.setdefault(key, [0.0] * 5)
            for place, amount in enumerate(amounts):
                sums[place] += amount
        if cluster.reach[1]:
            self.entries += 1
            some, of = self.improved.get(cluster.metadata, (0.0, 0.0))
            self.improved[cluster.metadata] = some + cluster.reach[2], of + cluster.reach[1]

    def profile(self, variety: Variety, judgements: int) -> Profile:
        instructions = self.reach[1]
        if not instructions:
            raise UsageError("the pilot has no instruction with an outcome; take more seeds")
        last = max(self.reach)
        span = range(1, last + 1)
        return Profile(
            reach=tuple(self.reach[n] / instructions for n in span),
            selected=tuple(self.selected[n] / instructions for n in span),
            uses=dict(self._uses()),
            steps={
                key: self._use(key, self.reach[key[2]] * (judgements if key[0] == "judge" else 1))
                for key in self.spent
                if key[2]
            },
            kept=self.made / self.wanted if self.wanted else 1.0,
            improved=tuple(self.improved.values()),
            each=instructions / self.entries,
            variety=variety,
            prompt_bytes=self.prompt_bytes / self.seeds,
            seconds={key: sums[3] / sums[4] for key, sums in self.spent.items() if sums[4]},
        )

    def _uses(self) -> Iterator[tuple[str, Use]]:
        for stage, things in (("encode", self.seeds), ("decode", self.units), ("rubrics", 0.0)):
            key = (stage, "strong", 0)
            if key in self.spent:
                use = self._use(key, things or self.spent[key][0])
                listed = self.listed / self.units if stage == "decode" and self.units else 1.0
                yield stage, Use(use.calls, use.input, use.output / listed)

    def _use(self, key: Key, things: float) -> Use:
        calls, given, made = self.spent[key][:3]
        return Use(calls / things if things else 0.0, given / calls, made / calls)
