"""A measured process: the pipeline, which begins as the command does."""

from __future__ import annotations

import sys

from codeclm.collector import calm_collector

if __name__ == "__main__":
    calm_collector()  # what is loaded now stays; to look at it again and again is a tenth of the start
    from benchmarks.pipeline import measure

    measure(sys.argv[1])
