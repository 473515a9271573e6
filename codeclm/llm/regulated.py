"""A model whose calls start when its endpoint's regulator lets them."""

from __future__ import annotations

from codeclm.errors import CodecLMError
from codeclm.llm.chat import ChatModel, ChatRequest, Completion
from codeclm.llm.regulator import Regulator

__all__ = ["RegulatedModel"]


class RegulatedModel:
    """Calls ``inner`` within the limits of ``regulator``, which learns from every end of a call.

    Raises what ``inner`` raises, OutOfService in its place while the endpoint is down, and RunStopped once the
    endpoint is closed.
    """

    def __init__(self, inner: ChatModel, regulator: Regulator) -> None:
        self._inner = inner
        self._regulator = regulator

    async def complete(self, request: ChatRequest) -> Completion:
        """Wait for the turn, call, and hand the turn on."""
        regulator = self._regulator
        expected = regulator.expected(request)
        level = await regulator.limits.admit(request.priority, expected, request.stage)
        started_s = regulator.clock()
        try:
            completion = await self._inner.complete(request)
            regulator.answered(request, completion, started_s, expected)
            return completion
        except CodecLMError as error:
            amounts_to = regulator.failed(request, error, started_s, level, expected)
            if amounts_to is error:
                raise
            raise amounts_to from None
        except BaseException:
            regulator.gave_up(started_s)
            raise
        finally:
            regulator.limits.finish()
