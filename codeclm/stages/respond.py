"""Respond: strong and target model answer the same instruction, at the same time (section 3.4 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codeclm.errors import Declined, ParseError, Refused
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.records import Comparison, Draft
from codeclm.stages.both import both
from codeclm.stages.prompt import CUT_OFF, Sampling
from codeclm.stages.refusals import is_refusal

__all__ = ["Instruction", "Respond", "Respondent"]


class Instruction(Protocol):
    """What is responded to: a draft, or an item of a test set (of iteration 0)."""

    @property
    def id(self) -> str: ...

    @property
    def instruction(self) -> str: ...

    @property
    def iteration(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Respondent:
    """A model that answers instructions as they are, after ``system_prompt`` if there is one."""

    model: ChatModel
    sampling: Sampling
    system_prompt: str | None = None

    async def respond(self, one: Instruction) -> Completion:
        """The answer to the instruction of ``one``."""
        return await self._ask(one, 0, self.sampling.max_tokens)

    async def whole(self, one: Instruction) -> Completion:
        """The answer; where it was cut off, a second one with more tokens if that is wanted."""
        completion = await self.respond(one)
        longer = self.sampling.longer_max_tokens
        if completion.finish_reason in CUT_OFF and longer is not None:
            return await self._ask(one, 1, longer)
        return completion

    async def _ask(self, one: Instruction, draw: int, max_tokens: int | None) -> Completion:
        system = (Message("system", self.system_prompt),) if self.system_prompt else ()
        return await self.model.complete(
            ChatRequest(
                messages=(*system, Message("user", one.instruction)),
                temperature=self.sampling.temperature,
                max_tokens=max_tokens,
                draw=draw,
                stage="respond",
                priority=self.sampling.priority,
                item=one.id,
                iteration=one.iteration,
                attempt=draw,
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
            return [Comparison(draft, await self._strong(draft), None)]
        strong, target = await both(self._strong(draft), self.target.respond(draft))
        cut_off = target.finish_reason in CUT_OFF
        return [Comparison(draft, strong, target.text, cut_off, self._refuses(target))]

    async def _strong(self, draft: Draft) -> str:
        completion = await self.strong.whole(draft)
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
