"""One call to one endpoint: asked in its dialect, answered or refused; no retries, no limits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import orjson

from codeclm.errors import (
    CodecLMError,
    EndpointRefused,
    ParameterRefused,
    RequestRefused,
    ServerError,
)
from codeclm.llm.chat import ChatRequest, Completion
from codeclm.llm.dialect import Dialect
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import Answer, Post
from codeclm.llm.refusal import one_line
from codeclm.llm.secret import Secret, bare, redact

__all__ = ["ChatApi", "DirectModel", "body_of"]


NO_SUCH_PLACE = (404, 405)


class Reader(Protocol):
    """Makes a completion of an HTTP answer, or raises the error that it amounts to."""

    def __call__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        endpoint: Endpoint,
        redact: Callable[[str], str],
    ) -> Completion: ...


@dataclass(frozen=True, slots=True)
class ChatApi:
    """How completions are asked for and read.

    ``path`` follows the base URL. ``fields`` makes those of a request, from it, the model and whether
    the draw is to be the seed; ``needed`` are those that it cannot go without.
    """

    path: str
    fields: Callable[[ChatRequest, str, bool], dict[str, object]]
    read: Reader
    needed: Collection[str] = ()


class DirectModel:
    """Asks one model of one endpoint once.

    ``dialect`` is shared by all that ask the endpoint. ``extra_body`` holds further fields. Raises
    what ``post`` and ``api`` raise; ParameterRefused only where the next request will be another.
    """

    def __init__(
        self,
        post: Post,
        endpoint: Endpoint,
        api: ChatApi,
        dialect: Dialect,
        *,
        key: Secret | None = None,
        send_seed: bool = False,
        extra_body: Mapping[str, object] | None = None,
    ) -> None:
        self._post = post
        self._endpoint = endpoint
        self._api = api
        self._dialect = dialect
        self._send_seed = send_seed
        self._extra = {**(extra_body or {})}
        self._extra.pop("stream", None)  # an answer is never streamed
        self._redact = partial(redact, secret=key)
        self._has_answered = False

    def __repr__(self) -> str:
        return f"DirectModel({self._endpoint.model!r} at {self._endpoint.base_url})"

    async def complete(self, request: ChatRequest) -> Completion:
        """One POST. Raises errors without frames and causes: those hold what the server echoed."""
        asked = self._api.fields(request, self._endpoint.model, self._send_seed)
        fields = self._dialect.written(asked, self._extra)
        # The answer has no name here: it must not hang on the error that it amounts to.
        outcome = self._outcome(await self._post.send(body_of(fields)), fields)
        if isinstance(outcome, Completion):
            return outcome
        raise outcome

    def _outcome(
        self, answer: Answer | CodecLMError, sent: Mapping[str, object]
    ) -> Completion | CodecLMError:
        if not isinstance(answer, Answer):
            return answer
        failure: CodecLMError
        try:
            return self._read(answer)
        except ParameterRefused as error:
            failure = error if self._dialect.learn(error.parameter, sent) else self._hopeless(error)
        except CodecLMError as error:
            failure = error
        failure.answered = 200 <= answer.status < 300
        return bare(failure)

    def _read(self, answer: Answer) -> Completion:
        try:
            completion = self._api.read(
                answer.status,
                answer.headers,
                answer.body,
                endpoint=self._endpoint,
                redact=self._redact,
            )
        except EndpointRefused as error:
            if self._has_answered and _is_of_a_gateway(answer):
                raise ServerError(one_line(f"it had answered before ({error})")) from None
            raise
        self._has_answered = True
        return completion

    def _hopeless(self, error: ParameterRefused) -> EndpointRefused:
        return EndpointRefused(
            one_line(
                f"{self._endpoint.base_url} does not take {error.parameter!r} for "
                f"{self._endpoint.model}, and nothing can be asked without it ({error})"
            )
        )


def _is_of_a_gateway(answer: Answer) -> bool:
    """Whether it says "no such place" and nothing of an API: the servers behind it are changed, say."""
    return answer.status in NO_SUCH_PLACE and not answer.body.lstrip().startswith((b"{", b"["))


def body_of(fields: Mapping[str, object]) -> bytes:
    """``fields`` as JSON. Raises RequestRefused for text that is no Unicode (lone surrogates)."""
    try:
        return orjson.dumps(fields)
    except orjson.JSONEncodeError as error:
        raise RequestRefused(f"the request cannot be written as JSON: {error}") from None
