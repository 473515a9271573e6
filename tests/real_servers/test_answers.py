"""Every answer of a real server ends as the decision table says, and is still the one on record."""

from __future__ import annotations

import json

import pytest

from tests.loops import ON_UVLOOP
from tests.real_servers.asking import check, client_outcome, raw_answer
from tests.real_servers.conftest import started
from tests.real_servers.fleet import PROBES, Fleet
from tests.real_servers.record import TRANSCRIPTS
from tests.real_servers.server import Probe

pytestmark = [
    pytest.mark.real_servers,
    pytest.mark.anyio,
    ON_UVLOOP,
    pytest.mark.parametrize(
        ("name", "probe"),
        [
            pytest.param(name, probe, id=f"{name}: {probe.name}")
            for name, probes in PROBES.items()
            for probe in probes
        ],
    ),
]


async def test_it_ends_as_it_must(fleet: Fleet, name: str, probe: Probe) -> None:
    """The client makes of the server's answer what the probe names."""
    check(await client_outcome(started(fleet, name), probe), probe)


async def test_it_is_what_is_on_record(fleet: Fleet, name: str, probe: Probe) -> None:
    """The transcripts hold what the server really answers: the same status, the same kind of body."""
    server = started(fleet, name)
    answer = await raw_answer(server, probe)
    entries = json.loads(TRANSCRIPTS.read_text("utf-8"))
    entry = next(e for e in entries if (e["server"], e["name"]) == (server.version, probe.name))
    assert answer.status == entry["status"]
    try:
        body = json.loads(answer.body)
    except ValueError:
        assert answer.body.decode() == entry["body"]
    else:
        assert set(body) == set(entry["body"])
