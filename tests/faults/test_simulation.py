"""F30: thousands of small runs in a simulated world, in which everything that may go wrong does.

A failing seed is replayed by ``python -m tests.simulation SEED``.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.bench import Measure, Scale
from tests.simulation.simulate import Result, simulate

FOUND = (8, 18, 38, 425, 4065, 6216)
"""Seeds that showed a defect: a probe of a circuit breaker that never ended (8, 18), a request that was refused for
good and sent again (38), draws of one entry compared in the order of their arrival (425), or without one that a stop
left pending (4065), a draw counted as lost of which instructions were on record (6216). They do so only as long as
seeds are drawn from as they are."""
REPLAYED = (2, 3)


@pytest.mark.timeout(7200)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # by those that were killed
def test_f30_simulation(scale: Scale, measure: Measure) -> None:
    """In every seed nothing is lost, doubled, sent too early or too often, leaked, or stuck; the data is the same."""
    results: list[Result] = []
    violations: list[str] = []
    seeds = range(scale(50, 10_000))
    for seed in seeds:
        try:
            results.append(simulate(seed))
        except Exception as error:
            shown = f"{type(error).__name__}: {error}"[:200]
            violations.append(f"python -m tests.simulation {seed}: {shown}")
    print(*violations, sep="\n")
    totals: Counter[str] = Counter()
    for one in results:
        totals.update(kills=one.kills, stops=one.stops, calls=one.calls, compared=one.compared)
    shown = ": ".join([f"{len(violations)} in {len(seeds):,} seeds", *violations[:1]])
    measure("F30", "simulation: violations", shown, "0", met=not violations)
    measure(
        "F30", "simulation: kills and stops", totals["kills"] + totals["stops"], "> 0", met=True
    )
    measure("F30", "simulation: datasets compared", totals["compared"], "> 0", met=True)
    measure(
        "F30",
        "simulation: most answers lost in a kill",
        max(one.most_lost for one in results),
        "<= 64 calls in flight",
        met=max(one.most_lost for one in results) <= 64,
    )


@pytest.mark.parametrize("seed", FOUND)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_seeds_that_were_found(seed: int) -> None:
    """What was mended stays mended."""
    simulate(seed)


@pytest.mark.parametrize("seed", REPLAYED)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_seed_can_be_replayed(seed: int) -> None:
    """A seed is the same run each time, event by event."""
    assert simulate(seed) == simulate(seed)
