"""On planted truth a comparison finds what is there, and finds nothing where there is nothing.

The models, and the fine-tuning by a stated law, are simulated: these are facts about the comparison and the methods'
machinery, not about any language model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeclm.comparison.command import Asked, compare_command
from codeclm.console import Progress
from tests.loops import ON_UVLOOP

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]


async def compared(
    place: Path,
    size: int,
    worlds: int,
    groups: tuple[str, ...] = ("ablation", "methods"),
    *,
    evenly_weak: bool = False,
) -> Any:
    """What ``codeclm compare --simulated`` leaves of so many worlds."""
    flags = {"size": size, "groups": groups}
    asked = Asked(None, place, None, flags, worlds, 0, evenly_weak, "instruction", Progress.none)
    assert await compare_command(asked) in {0, 3}
    return json.loads((place / "worlds.json").read_bytes())


def differences(summary: Any, group: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row["to_codeclm"] for row in summary["groups"][group] if row["to_codeclm"]}


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_the_papers_order_over_ten_worlds(tmp_path: Path) -> None:
    """Each part adds to the one before, and CodecLM is first among the methods, beyond the intervals."""
    summary = await compared(tmp_path, 300, 10)
    means = [row["mean"] for row in summary["groups"]["ablation"]]
    assert means == sorted(means)
    for name, less in {
        **differences(summary, "ablation"),
        **differences(summary, "methods"),
    }.items():
        assert less["interval"][0] > 0, name


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_where_nothing_can_be_tailored_nothing_is_gained(tmp_path: Path) -> None:
    """With a target that is as weak in everything, none of the parts adds anything, and CodecLM is not first."""
    summary = await compared(tmp_path, 300, 10, evenly_weak=True)
    for row in summary["groups"]["ablation"][1:]:
        low, high = row["to_row_above"]["interval"]
        assert low < 0 < high, row["title"]
    methods = {row["name"]: row["mean"] for row in summary["groups"]["methods"]}
    assert max(methods, key=lambda name: methods[name]) != "codeclm"


async def test_planted_weakness_is_found_in_two_small_worlds(tmp_path: Path) -> None:
    """Even with few examples the whole method is well before none of its parts."""
    summary = await compared(tmp_path, 100, 2, ("ablation",))
    assert differences(summary, "ablation")["self-instruct"]["mean"] > 2
