"""From what a provider is like to a model that asks it."""

from __future__ import annotations

from collections.abc import Mapping

from codeclm.llm.anthropic import ANTHROPIC
from codeclm.llm.catalogue import Quirks
from codeclm.llm.dialect import Dialect
from codeclm.llm.direct import DirectModel
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import Post, Session
from codeclm.llm.openai import OPENAI
from codeclm.llm.secret import Secret

__all__ = ["direct_model", "new_dialect"]

APIS = {"anthropic": ANTHROPIC, "openai": OPENAI}


def new_dialect(quirks: Quirks) -> Dialect:
    """The dialect of an endpoint of which nothing was learnt yet."""
    return Dialect(quirks.sends, APIS[quirks.protocol].needed)


def direct_model(
    session: Session,
    endpoint: Endpoint,
    quirks: Quirks,
    dialect: Dialect,
    *,
    key: Secret | None = None,
    send_seed: bool = False,
    extra_body: Mapping[str, object] | None = None,
    timeout_s: float = 600,
) -> DirectModel:
    """The model at ``endpoint``, asked as ``quirks`` say; ``dialect`` is that of the endpoint."""
    api = APIS[quirks.protocol]
    post = Post(
        session,
        endpoint.base_url,
        api.path,
        key=key,
        key_header=quirks.key_header,
        headers=quirks.headers,
        timeout_s=timeout_s,
    )
    return DirectModel(
        post, endpoint, api, dialect, key=key, send_seed=send_seed, extra_body=extra_body
    )
