"""What the simulated models say: as in the scripted world, but at times careless, cut off, or unwilling."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from codeclm.llm.chat import ChatRequest
from tests import scripted_world

__all__ = ["Manner", "Reply", "reply"]

UNREADABLE = "I do not quite see what is wanted."


@dataclass(frozen=True, slots=True)
class Manner:
    """Shares of the requests whose every answer is unreadable, cut off, a refusal, or refused by the endpoint."""

    unreadable: float = 0.0
    cut: float = 0.0
    unwilling: float = 0.0
    refused: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered: a text with its finish reason, or an error of the class ``error``."""

    text: str
    finish_reason: str = "stop"
    error: str = ""


def reply(request: ChatRequest, model: str, key: str, manner: Manner) -> Reply:
    """The answer to ``request``, the same one whenever it is asked."""
    text = _text(request, model)
    lot = int(key[:8], 16) / 2**32
    replies: tuple[tuple[float, Callable[[], Reply]], ...] = (
        (manner.unreadable, lambda: Reply(UNREADABLE)),
        (manner.cut, lambda: Reply(text[: len(text) // 2], "length")),
        (manner.unwilling, lambda: Reply("", error="Filtered")),
        (manner.refused, lambda: Reply("", error=("RequestRefused", "ContextTooLong")[lot > 0.5])),
    )
    for share, made in replies:
        if lot < share:
            return made()
        lot -= share
    return Reply(text)


def _text(request: ChatRequest, model: str) -> str:
    if model == "sim-target":
        return scripted_world.target_answer(request)
    if request.stage == "decode":
        return _list(request)
    return scripted_world.answer(request)


def _list(request: ChatRequest) -> str:
    """Instructions of which further draws repeat some."""
    prompt = request.messages[-1].content
    count = int(prompt.rpartition(": ")[2])
    case = re.findall(r"Use case: [cC]ase (.)", prompt)[-1]
    numbers = [(request.draw + n * n) % 23 for n in range(count)]
    kinds = ("easy", "hard")
    return "\n".join(
        f"{place}. {kinds[number % 2]} task {case}-{number}"
        for place, number in enumerate(numbers, 1)
    )
