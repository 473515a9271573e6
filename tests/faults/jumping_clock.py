"""The command, in a process whose wall clock jumps an hour ahead and back all the time."""

from __future__ import annotations

import itertools
import time

JUMPS_S = itertools.cycle((0.0, 3600.0, 0.0, -3600.0))
_true = time.time


def jumping() -> float:
    """The time, an hour off in either direction at each second look."""
    return _true() + next(JUMPS_S)


if __name__ == "__main__":
    time.time = jumping
    from codeclm.__main__ import main

    main()
