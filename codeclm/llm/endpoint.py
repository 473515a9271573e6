"""Which endpoint answers: everything about it that may be shown."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one URL.

    ``base_url`` has no trailing slash; ``api_key_env`` names the environment variable that holds
    the key, "" where none is used. The key itself is never here.
    """

    base_url: str
    model: str
    api_key_env: str = ""
