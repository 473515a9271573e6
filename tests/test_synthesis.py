"""The Python interface: examples as they come, clear errors, a clean way out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from codeclm import (
    Example,
    Parties,
    Party,
    ScriptedModel,
    Settings,
    UsageError,
    load_settings,
    synthesize,
)
from tests.running import nobody_listening, settings_for
from tests.scripted_world import answer, target_answer

pytestmark = pytest.mark.anyio

SEEDS = ["Seed 0", "Seed 1"]


def method(**given: Any) -> Settings:
    method = {"total": 8, "augment_to": 0, "near_duplicates": 0, **given}
    return load_settings(None, {"method": method})


def scripted(name: str = "") -> Parties:
    strong = Party(ScriptedModel(answer), name=name and f"{name} strong")
    return Parties(strong, Party(ScriptedModel(target_answer), name=name and f"{name} target"))


async def test_examples_come_as_they_are_made() -> None:
    """Instructions in, examples out, with models of one's own and no file anywhere."""
    async with synthesize(SEEDS, method(), parties=scripted()) as examples:
        found = [example async for example in examples]
    assert len(found) == 8
    assert all(isinstance(example, Example) for example in found)


async def test_leaving_early_leaves_nothing_behind() -> None:
    """After a break, or an error in the loop, no task is left, and the error comes out as it was."""
    before = asyncio.all_tasks()
    async with synthesize(SEEDS, method(total=80), parties=scripted()) as examples:
        async for _ in examples:
            break
    with pytest.raises(LookupError):
        async with synthesize(SEEDS, method(total=80), parties=scripted()) as examples:
            async for _ in examples:
                raise LookupError("mine")
    assert asyncio.all_tasks() == before


async def test_a_dead_server_is_an_error() -> None:
    """A program must not go on with an empty dataset."""
    with nobody_listening() as url, pytest.raises(UsageError, match="no server at"):
        async with synthesize(SEEDS, settings_for(url, method={"total": 4})):
            pass


async def test_models_of_ones_own_are_told_apart_in_a_cache(tmp_path: Path) -> None:
    """On disk they need names: other names, other answers; the same names, no call."""
    settings = method().model_copy(update={"cache": tmp_path / "cache"})

    async def calls(parties: Parties) -> int:
        async with synthesize(SEEDS, settings, parties=parties) as examples:
            assert len([example async for example in examples]) == 8
        model = parties.strong.model
        assert isinstance(model, ScriptedModel)
        return len(model.requests)

    with pytest.raises(UsageError, match="has no name"):
        await calls(scripted())
    assert await calls(scripted("one")) > 0
    assert await calls(scripted("one")) == 0
    assert await calls(scripted("other")) > 0


@pytest.mark.parametrize("seeds", ["a text", [], [5], None])
async def test_what_is_no_list_of_seeds_is_refused(seeds: Any) -> None:
    """In one line, before anything is asked."""
    with pytest.raises(UsageError, match="seed"):
        async with synthesize(seeds, method(), parties=scripted()):
            pass
