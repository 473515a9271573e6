"""Write down what the real servers answer: python -m tests.real_servers.record.

Only the parts that a client reads are kept, and nothing of the machine that it ran on.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from tests.real_servers.asking import Answer, raw_answer
from tests.real_servers.child import ENVIRONMENTS
from tests.real_servers.fleet import PROBES, Fleet, is_installed
from tests.real_servers.server import Probe, Server

__all__ = ["TRANSCRIPTS"]

TRANSCRIPTS = Path(__file__).resolve().parents[1] / "transcripts" / "real_servers.json"
READ_BY_A_CLIENT = re.compile(
    r"content-type|.*retry.*|.*ratelimit.*|(llm_provider-)?x-request-id|x-litellm-version"
)


def entry(server: Server, probe: Probe, answer: Answer) -> dict[str, object]:
    """One golden answer."""
    kept = {name: text for name, text in answer.headers.items() if READ_BY_A_CLIENT.fullmatch(name)}
    body = _body(answer.body)
    return {
        "name": probe.name,
        "row": probe.row,
        "server": server.version,
        "status": answer.status,
        "headers": kept,
        "body": body,
        "expect": _refusal(probe) if probe.error else _completion(probe, body),
    }


def _refusal(probe: Probe) -> dict[str, object]:
    expect: dict[str, object] = {"error": probe.error}
    if probe.error == "QuotaExhausted":
        expect["resume_after_s"] = None
    if probe.retry_after_s is not None:
        expect["retry_after_s"] = probe.retry_after_s
    if probe.parameter:
        expect["parameter"] = probe.parameter
    return expect


def _completion(probe: Probe, body: Any) -> dict[str, object]:
    message, usage = body["choices"][0]["message"], body["usage"]
    refusal = message.get("provider_specific_fields", {}).get("refusal")
    counted = usage["prompt_tokens"] and usage["completion_tokens"]
    return {
        "finish_reason": probe.finish_reason,
        "text": message["content"] or refusal or "",
        "reasoning": message.get("reasoning_content") or "",
        "flags": [] if counted else ["usage_missing"],
    }


def _body(raw: bytes) -> object:
    text = raw.decode("utf-8").replace(str(ENVIRONMENTS), "/srv")
    try:
        return json.loads(text)
    except ValueError:
        return text


async def record(fleet: Fleet) -> list[dict[str, object]]:
    """The answers of all servers that are installed."""
    entries = []
    for name, probes in PROBES.items():
        if is_installed(name):
            server = fleet[name]
            entries += [entry(server, probe, await raw_answer(server, probe)) for probe in probes]
    return entries


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Fleet(Path(folder)) as servers:
        found = asyncio.run(record(servers))
    TRANSCRIPTS.parent.mkdir(exist_ok=True)
    TRANSCRIPTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(
        f"{len(found)} answers of {len({e['server'] for e in found})} servers: {TRANSCRIPTS.name}"
    )
