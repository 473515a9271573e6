"""A model as a user names it: PROVIDER:MODEL, or PROVIDER:MODEL@BASE_URL."""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from codeclm.errors import UsageError
from codeclm.llm.catalogue import PROVIDERS

__all__ = ["ModelName", "is_loopback", "is_private", "parse_model", "without_url"]

PRIVATE_SUFFIXES = (".local", ".internal", ".lan", ".localdomain", ".localhost")


@dataclass(frozen=True, slots=True)
class ModelName:
    """``base_url`` is the provider's own where the name gives none; it has no trailing slash."""

    provider: str
    model: str
    base_url: str

    def __str__(self) -> str:
        usual = PROVIDERS[self.provider].base_url
        place = "" if self.base_url == usual else f"@{self.base_url}"
        return f"{self.provider}:{self.model}{place}"


def parse_model(text: str) -> ModelName:
    """The parts of ``text``. A model's name may itself contain ":", "/" and "@".

    Raises UsageError for an unknown provider, an empty model or a URL that cannot be called.
    """
    provider, colon, rest = text.strip().partition(":")
    if not colon:
        raise UsageError(f"{text!r} names no provider: write PROVIDER:MODEL, as openai:gpt-4o-mini")
    if provider not in PROVIDERS:
        near = difflib.get_close_matches(provider.lower(), PROVIDERS, n=1, cutoff=0.5)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        known = ", ".join(sorted(PROVIDERS))
        raise UsageError(f"unknown provider {provider!r} in {text!r}{guess} (known: {known})")
    model, base_url = rest, PROVIDERS[provider].base_url
    at = rest.lower().rfind("@http")
    if at >= 0:
        model, base_url = rest[:at], _checked_url(rest[at + 1 :])
    elif re.search(r"@[\w.-]+:[0-9]+(/|$)", rest):
        raise UsageError(f"{text!r}: a base URL begins with http:// or https://")
    if not model.strip():
        raise UsageError(f"{text!r} names no model: write PROVIDER:MODEL, as openai:gpt-4o-mini")
    _check_own_url(text, provider, model.strip(), base_url)
    return ModelName(provider, model.strip(), base_url)


def without_url(model: str) -> str:
    """PROVIDER:MODEL of a name that may have @BASE_URL at its end."""
    at = model.lower().rfind("@http")
    return model if at < 0 else model[:at]


def _check_own_url(text: str, provider: str, model: str, base_url: str) -> None:
    """Where every user has a base URL of their own, it is there, and ends as it must."""
    known = PROVIDERS[provider]
    path = urlsplit(known.example_url).path
    if not base_url or (known.is_home(base_url) and not base_url.endswith(path)):
        example = f"{provider}:{model}@{known.example_url}"
        raise UsageError(f"{text!r} needs the base URL that is yours: write {example}")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def is_private(host: str) -> bool:
    """Whether ``host`` is this machine or can only be one of the user's own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(PRIVATE_SUFFIXES)
    return address.is_loopback or address.is_private


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise UsageError(f"{url!r} is not a base URL such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise UsageError("a base URL must not hold a user name or password; use a key's variable")
    if parts.query or parts.fragment:
        raise UsageError(f"{url!r} has a query or fragment; a base URL ends with its path")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
