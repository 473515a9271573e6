"""Tables of an evaluation on a screen, whatever its width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from codeclm.evaluation.screen import print_tables
from codeclm.evaluation.table import Table

INTERVALS = ("52.75 to 62.25", "-3.50 to 4.25")
WIDE = Table(
    "Ablation",
    ["variant", "W", "T", "L", "CRR", "95 %", "added", "95 %"],
    [["+ Contrastive Filtering", "34", "195", "171", "57.25", INTERVALS[0], "-0.75", INTERVALS[1]]],
)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_nothing_is_cut_off_a_screen(width: int) -> None:
    """Cells fold where there is no room; a number that lost its end would read as another one."""
    written = io.StringIO()
    print_tables([WIDE], Console(file=written, width=width, force_terminal=True, color_system=None))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    row = "".join(lines).split("─")[-1]
    assert sorted(row.replace(" ", "")) == sorted("".join(WIDE.rows[0]).replace(" ", ""))


def test_a_pipe_takes_the_whole_width(capsys: pytest.CaptureFixture[str]) -> None:
    """A row is one line there, for whoever reads on."""
    print_tables([WIDE])
    assert any(
        all(cell in line for cell in WIDE.rows[0]) for line in capsys.readouterr().out.splitlines()
    )
