"""Respond: strong and target model answer the same instruction, at the same time (section 3.4 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeclm.errors import ParseError
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.records import Comparison, Draft
from codeclm.stages.both import both
from codeclm.stages.prompt import CUT_OFF, Sampling

__all__ = ["Respond", "Respondent"]


@dataclass(frozen=True, slots=True)
class Respondent:
    """A model that answers instructions as they are, after ``system_prompt`` if there is one."""

    model: ChatModel
    sampling: Sampling
    system_prompt: str | None = None

    async def respond(self, instruction: str, *, draw: int = 0) -> Completion:
        """The answer to ``instruction``; ``draw`` tells repeated samples apart."""
        system = (Message("system", self.system_prompt),) if self.system_prompt else ()
        return await self.model.complete(
            ChatRequest(
                messages=(*system, Message("user", instruction)),
                temperature=self.sampling.temperature,
                max_tokens=self.sampling.max_tokens,
                draw=draw,
                stage="respond",
                priority=self.sampling.priority,
            )
        )


@dataclass(frozen=True, slots=True)
class Respond:
    """Draft -> Comparison. Without ``target`` only the strong model answers.

    A strong answer that was cut off is asked for again, ``redraws`` times, then the item fails: half an answer is
    nothing to learn from. A target answer that was cut off is judged as it is: rambling on is how weak models fail.
    """

    strong: Respondent
    target: Respondent | None
    redraws: int = 2

    async def __call__(self, draft: Draft) -> Sequence[Comparison]:
        if self.target is None:
            return [Comparison(draft, await self._whole(draft.instruction), None)]
        strong, target = await both(
            self._whole(draft.instruction), self.target.respond(draft.instruction)
        )
        return [Comparison(draft, strong, target.text, target.finish_reason in CUT_OFF)]

    async def _whole(self, instruction: str) -> str:
        for draw in range(self.redraws + 1):
            completion = await self.strong.respond(instruction, draw=draw)
            if completion.finish_reason not in CUT_OFF:
                return completion.text
        raise ParseError(
            f"the strong response was cut off at its token limit ({self.redraws + 1} answers)",
            completion.text,
        )
