"""Which key goes where: each only to the place that it is for, and never in the clear through the open."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from codeclm.errors import UsageError
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.names import ModelName, is_loopback, is_private
from codeclm.llm.secret import Secret

__all__ = ["endpoint_and_key", "key_warnings"]


def endpoint_and_key(
    name: ModelName, api_key_env: str | None, environ: Mapping[str, str]
) -> tuple[Endpoint, Secret | None]:
    """The endpoint of ``name`` and the key it is sent, None where it is sent none.

    ``api_key_env`` is the variable that the user named for it. Raises UsageError where a key is
    missing, is none, or would be sent in the clear.
    """
    variable = _variable(name, api_key_env)
    value = environ.get(variable, "").strip() if variable else ""
    endpoint = Endpoint(name.base_url, name.model, variable)
    parts = urlsplit(name.base_url)
    host = parts.hostname or ""
    if not value:
        if variable and not is_loopback(host):
            raise UsageError(f"{name} needs a key: set the environment variable {variable}")
        return endpoint, None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise UsageError(f"{variable} holds characters that no key has (space, line break, ...)")
    if parts.scheme == "http" and not is_private(host):
        raise UsageError(f"the key in {variable} would be sent in the clear: use https for {host}")
    return endpoint, Secret(value)


def key_warnings(name: ModelName, api_key_env: str | None, environ: Mapping[str, str]) -> list[str]:
    """What is allowed and may yet not be meant, a line each; none shows a key."""
    variable, own = _variable(name, api_key_env), PROVIDERS[name.provider].api_key_env or ""
    parts = urlsplit(name.base_url)
    host = parts.hostname or ""
    if environ.get(variable, "").strip():
        if parts.scheme == "http" and not is_loopback(host):
            return [f"{name}: the key in {variable} goes to {host} unencrypted (http)"]
    elif not variable and environ.get(own, "").strip() and not is_private(host):
        return [
            f"{name}: no key is sent, for the one in {own} is not for {host}; "
            "if one is wanted, name the variable that holds it (api_key_env)"
        ]
    return []


def _variable(name: ModelName, api_key_env: str | None) -> str:
    """The variable whose key is sent, "" where none is: a provider's own stays at its own host."""
    provider = PROVIDERS[name.provider]
    own = provider.api_key_env if provider.is_home(name.base_url) else None
    return api_key_env or own or ""
