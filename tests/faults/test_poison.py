"""F25: one item that no endpoint will ever answer does not touch the others."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from codeclm.seeds import SeedList
from codeclm.simulator import ServerOptions
from tests.faults.bench import Measure
from tests.faults.world_server import Asked, Between, world_server
from tests.loops import ON_UVLOOP
from tests.running import TOPICS, check_books, complete, rows, settings_for

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

POISON = "Describe the xylophagous gastropod"
LARGE = 2**20
METHOD = {"per_entry": 5, "augment_to": 0}


async def refuse(asked: Asked) -> web.StreamResponse | None:
    """Always 400."""
    if POISON not in asked.text:
        return None
    return web.json_response(
        {"error": {"message": "I cannot", "type": "invalid_request_error"}}, status=400
    )


async def say_nothing(asked: Asked) -> web.StreamResponse | None:
    """Always empty."""
    if POISON not in asked.text:
        return None
    return web.json_response({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]})


async def refuse_large(asked: Asked) -> web.StreamResponse | None:
    """As real servers answer what does not fit their context."""
    if len(asked.body) < LARGE:
        return None
    error = {
        "message": "This model's maximum context length is 8192 tokens",
        "code": "context_length_exceeded",
    }
    return web.json_response({"error": error}, status=400)


CASES: dict[str, tuple[Between, str]] = {
    "always 400": (refuse, POISON),
    "always empty": (say_nothing, POISON),
    "1 MB prompt": (refuse_large, POISON + " at length" * (LARGE // 10)),
}


@pytest.mark.parametrize("name", CASES)
async def test_f25(tmp_path: Path, name: str, measure: Measure) -> None:
    """One failure, with its reason; the examples of all other seeds are those of a run without it."""
    between, poison = CASES[name]
    async with world_server(between, ServerOptions()) as server:
        run = partial(complete, settings=settings_for(server.base_url, attempts=2, method=METHOD))
        await run(tmp_path / "clean", source=SeedList(TOPICS))
        await run(tmp_path / "poisoned", source=SeedList((*TOPICS, poison)))
    check_books(tmp_path / "poisoned")
    clean, poisoned = (
        {
            json.dumps(row)
            for file in ("dataset", "discarded")
            for row in rows(tmp_path / run / f"{file}.jsonl")
        }
        for run in ("clean", "poisoned")
    )
    before = {row["id"] for row in rows(tmp_path / "clean" / "failed.jsonl")}
    failed = [
        row for row in rows(tmp_path / "poisoned" / "failed.jsonl") if row["id"] not in before
    ]
    measure("F25", f"{name}: failures", len(failed), "1", met=len(failed) == 1)
    changed = len(clean ^ poisoned)
    measure("F25", f"{name}: others affected", changed, "0", met=changed == 0)
    assert failed[0]["stage"] == "encode"
