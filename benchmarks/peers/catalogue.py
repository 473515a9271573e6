"""Who is measured: how each client is run, and in which environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["BARE", "FRAMEWORKS", "OURS", "PEERS", "Peer", "chosen"]

OURS, BARE = "codeclm", "aiohttp"
FRAMEWORKS = ("curator", "distilabel", "datadesigner")


@dataclass(frozen=True, slots=True)
class Peer:
    """``client`` is a script in ``clients``, given ``option``; ``package`` is the one whose version is told.

    ``environment`` names requirements and the virtual environment made of them; "" is this project's own.
    """

    title: str
    client: str
    package: str
    environment: str = ""
    option: str = ""


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        BARE: Peer("bare aiohttp loop", "ask_aiohttp", "aiohttp"),
        OURS: Peer("codeclm", "ask_codeclm", "codeclm"),
        "openai-aiohttp": Peer(
            "`openai` SDK, its aiohttp transport", "ask_openai", "openai", "openai", "aiohttp"
        ),
        "openai-httpx": Peer("`openai` SDK, its own", "ask_openai", "openai", "openai", "httpx"),
        "curator": Peer("bespoke curator", "ask_curator", "bespokelabs-curator", "curator"),
        "distilabel": Peer("distilabel", "ask_distilabel", "distilabel", "distilabel"),
        "datadesigner": Peer("DataDesigner", "ask_datadesigner", "data-designer", "datadesigner"),
    }
)


def chosen(only: str) -> list[str]:
    """The names in ``only``, separated by commas; all where it is empty. Raises ValueError for an unknown one."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise ValueError(f"no client is called {unknown[0]!r}; there are {', '.join(PEERS)}")
    return [name for name in PEERS if name in names or not names]
