"""Respond: strong and target model answer the same instruction, at the same time (section 3.4 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codeclm.errors import ParseError, Refused
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.records import Comparison, Draft
from codeclm.stages.both import both
from codeclm.stages.prompt import CUT_OFF, Sampling

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
    discards it. The target's is judged as it is: rambling on, or refusing, is how weak models fail.
    """

    strong: Respondent
    target: Respondent | None

    async def __call__(self, draft: Draft) -> Sequence[Comparison]:
        if self.target is None:
            return [Comparison(draft, await self._strong(draft), None)]
        strong, target = await both(self._strong(draft), self.target.respond(draft))
        return [Comparison(draft, strong, target.text, target.finish_reason in CUT_OFF)]

    async def _strong(self, draft: Draft) -> str:
        completion = await self.strong.whole(draft)
        if completion.finish_reason in CUT_OFF:
            message = "the strong response was cut off at its token limit"
            raise ParseError(message, completion.text)
        if completion.finish_reason == "refusal":
            raise Refused("the strong model refused", completion.text)
        return completion.text
