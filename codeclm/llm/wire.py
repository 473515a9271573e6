"""The bytes of an OpenAI-compatible chat completion: a request to a payload, an answer to a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from codeclm.errors import Filtered, MalformedAnswer, RequestRefused, UnusableAnswer
from codeclm.llm.answer import completion_in
from codeclm.llm.chat import ChatRequest, Completion
from codeclm.llm.complaint import complaint_in, complaint_inside
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.refusal import error_for
from codeclm.llm.secret import redact

__all__ = ["payload", "read_completion"]


def payload(
    request: ChatRequest,
    *,
    model: str,
    send_seed: bool = False,
    extra_body: Mapping[str, object] | None = None,
) -> bytes:
    """The JSON body that asks for ``request``.

    ``extra_body`` comes last and wins; a None in it takes the field away. With ``send_seed`` the
    draw is the seed. An answer is never streamed. Raises RequestRefused for text that is no
    Unicode (lone surrogates).
    """
    body: dict[str, object] = {"model": model, "messages": request.messages}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if send_seed:
        body["seed"] = request.draw
    if extra_body:
        body.update(extra_body)
        body = {name: value for name, value in body.items() if value is not None}
        body.pop("stream", None)
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise RequestRefused(f"the request cannot be written as JSON: {error}") from None


def read_completion(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    endpoint: Endpoint,
    redact: Callable[[str], str] = redact,
) -> Completion:
    """The completion in an HTTP answer, or the error that it amounts to.

    ``headers`` are looked up in lower case. Raises TransientError (UnusableAnswer where there is
    nothing to use in a 200), RequestRefused or RunStopped; ``raw`` shows what came, redacted.
    """
    if not 200 <= status < 300:
        raise error_for(status, headers, complaint_in(body), endpoint, redact)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedAnswer("the answer is not JSON", redact(_text(body))) from None
    complaint = complaint_inside(answer)
    if complaint is not None:
        code = complaint.status(500)
        raise error_for(code, headers, complaint, endpoint, redact, came_with_200=True)
    try:
        return completion_in(answer)
    except UnusableAnswer as error:
        raise type(error)(str(error), redact(_text(body))) from None
    except Filtered as error:
        raise Filtered(str(error), redact(error.raw)) from None


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
