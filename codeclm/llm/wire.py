"""The bytes of an OpenAI-compatible chat completion, read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from codeclm.errors import Filtered, MalformedAnswer, UnusableAnswer
from codeclm.llm.answer import completion_in
from codeclm.llm.chat import Completion
from codeclm.llm.complaint import complaint_in, complaint_inside
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.refusal import error_for
from codeclm.llm.secret import redact

__all__ = ["read_completion"]


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
