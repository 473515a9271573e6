"""A picture of the live view from a real run on simulated models: ``python -m examples.live_view_svg FILE TOTAL``.

It shows how to look at a run with a view of one's own, too.
"""

import asyncio
import io
import re
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from codeclm.demo import demo_order
from codeclm.live import picture
from codeclm.progress import NoView, Recent, Snapshot
from codeclm.run import Stopper, run
from codeclm.simulator import Faults, Schedule, ServerOptions, SimulatorServer, World

WIDTH = 80
TAKEN_AT = 0.55  # of the instructions
TITLE = "codeclm run seeds.jsonl -o runs/first"
# Without the fonts that a browser would fetch: the file is complete in itself.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


class Photographer(NoView):
    """Follows the run until it is half finished, and stops it there."""

    interval_s = 0.1

    def __init__(self, stopper: Stopper) -> None:
        self._stopper = stopper
        self.recent: Recent | None = None

    def show(self, snapshot: Snapshot) -> None:
        if self.recent is None:
            self.recent = Recent(snapshot)
        if snapshot.finished < TAKEN_AT * snapshot.wanted:
            self.recent.add(snapshot)
        elif not self._stopper.asked:
            self._stopper.stop("the picture is taken")


async def take(total: int) -> Recent:
    """A run with a rate limit, a few errors and answers that take their time."""
    options = ServerOptions(
        latency_s=0.12,
        latency_jitter=0.6,
        faults=Faults.parse("500=0.01"),
        rate_limit=Schedule.parse_rate("400/s"),
        limits_per_model=True,
    )
    stopper = Stopper()
    view = Photographer(stopper)
    async with SimulatorServer(World(), options) as server:
        with tempfile.TemporaryDirectory() as place:
            order = demo_order(server.base_url, Path(place) / "run", total)
            await run(replace(order, environ={}), view, stopper)
    assert view.recent is not None
    return view.recent


def main(file: Path, total: int) -> None:
    """Write the picture into ``file``."""
    recent = asyncio.run(take(total))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(picture(recent, WIDTH, datetime.now()))
    console.save_svg(str(file), title=TITLE, code_format=FORMAT, unique_id="live")
    print(f"{file}: {recent.latest.finished:,} of {recent.latest.wanted:,} instructions")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "live_view.svg"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 60,
    )
