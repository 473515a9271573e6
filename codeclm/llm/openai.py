"""OpenAI's chat completions, as compatible servers speak them too: how they are asked for."""

from __future__ import annotations

from codeclm.llm.chat import ChatRequest
from codeclm.llm.direct import ChatApi
from codeclm.llm.wire import read_completion

__all__ = ["OPENAI", "fields"]


def fields(request: ChatRequest, model: str, send_seed: bool) -> dict[str, object]:
    """The fields that ask for ``request``; with ``send_seed`` the draw is the seed."""
    messages = [{"role": one.role, "content": one.content} for one in request.messages]
    body: dict[str, object] = {"model": model, "messages": messages}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if send_seed:
        body["seed"] = request.draw
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {**request.schema, "strict": True},
        }
    return body


OPENAI = ChatApi("/chat/completions", fields, read_completion)
