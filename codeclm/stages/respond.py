"""Respond: strong and target model answer the same instruction, at the same time (section 3.4 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeclm.errors import Declined, ParseError, Refused
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.records import Comparison, Draft
from codeclm.stages.both import both
from codeclm.stages.prompt import CUT_OFF, Sampling
from codeclm.stages.refusals import is_refusal

__all__ = ["Respond", "Respondent"]


@dataclass(frozen=True, slots=True)
class Respondent:
    """A model that answers instructions as they are, after ``system_prompt`` if there is one."""

    model: ChatModel
    sampling: Sampling
    system_prompt: str | None = None

    async def respond(self, instruction: str) -> Completion:
        """The answer to ``instruction``."""
        return await self._ask(instruction, 0, self.sampling.max_tokens)

    async def whole(self, instruction: str) -> Completion:
        """The answer to ``instruction``; where it was cut off, a second one with more tokens if that is wanted."""
        completion = await self.respond(instruction)
        longer = self.sampling.longer_max_tokens
        if completion.finish_reason in CUT_OFF and longer is not None:
            return await self._ask(instruction, 1, longer)
        return completion

    async def _ask(self, instruction: str, draw: int, max_tokens: int | None) -> Completion:
        system = (Message("system", self.system_prompt),) if self.system_prompt else ()
        return await self.model.complete(
            ChatRequest(
                messages=(*system, Message("user", instruction)),
                temperature=self.sampling.temperature,
                max_tokens=max_tokens,
                draw=draw,
                stage="respond",
                priority=self.sampling.priority,
            )
        )


@dataclass(frozen=True, slots=True)
class Respond:
    """Draft -> Comparison. Without ``target`` only the strong model answers.

    Half an answer of the strong model, or a refusal, is nothing to learn from: the first fails the item, the second
    discards it, and so does an answer that says nothing. With ``refusals_in_words`` a text that is nothing but a
    refusal is one. The target's is judged as it is: rambling on, or refusing, is how weak models fail.
    """

    strong: Respondent
    target: Respondent | None
    refusals_in_words: bool = False

    async def __call__(self, draft: Draft) -> Sequence[Comparison]:
        if self.target is None:
            return [Comparison(draft, await self._strong(draft.instruction), None)]
        strong, target = await both(
            self._strong(draft.instruction), self.target.respond(draft.instruction)
        )
        cut_off = target.finish_reason in CUT_OFF
        return [Comparison(draft, strong, target.text, cut_off, self._refuses(target))]

    async def _strong(self, instruction: str) -> str:
        completion = await self.strong.whole(instruction)
        if completion.finish_reason in CUT_OFF:
            message = "the strong response was cut off at its token limit"
            raise ParseError(message, completion.text)
        if (
            not completion.text.strip()
        ):  # an endpoint's empty answer is an error before it comes here
            raise Declined("the strong response is empty", completion.text)
        if self._refuses(completion):
            raise Refused("the strong model refused", completion.text)
        return completion.text

    def _refuses(self, completion: Completion) -> bool:
        if completion.finish_reason == "refusal":
            return True
        return self.refusals_in_words and is_refusal(completion.text)
