"""``python -m tests.simulation SEED [SEEDS]`` replays one seed, or so many from it on, and tells what came of them."""

from __future__ import annotations

import sys
import time
import traceback
import warnings

from tests.simulation.simulate import simulate


def main(first: int, number: int) -> int:
    """Run the seeds; the exit code is 1 where any of them fails."""
    warnings.filterwarnings("ignore", "coroutine .* was never awaited")
    began_s, failed = time.perf_counter(), 0
    for seed in range(first, first + number):
        try:
            result = simulate(seed)
        except Exception:
            failed += 1
            print(f"seed {seed}:")
            traceback.print_exc(limit=None if number == 1 else -2, file=sys.stdout)
        else:
            if number == 1:
                print(result)
    per_minute = number / (time.perf_counter() - began_s) * 60
    print(f"{number} seeds, {failed} failed, {per_minute:,.0f} a minute")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
