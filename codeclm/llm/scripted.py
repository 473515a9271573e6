"""A model that answers from a function: for tests, examples and dry runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from codeclm.llm.chat import ChatRequest, Completion

__all__ = ["ScriptedModel"]

Answer = str | Completion


class ScriptedModel:
    """Answers with what ``answer`` returns for the request; what it raises passes through.

    ``answer`` may be an async function; a text becomes a completion that ended with "stop".
    ``requests`` holds every request in the order of arrival.
    """

    def __init__(self, answer: Callable[[ChatRequest], Answer | Awaitable[Answer]]) -> None:
        self._answer = answer
        self.requests: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request`` with the function's word."""
        self.requests.append(request)
        answer = self._answer(request)
        if isawaitable(answer):
            answer = await answer
        return Completion(answer, finish_reason="stop") if isinstance(answer, str) else answer
