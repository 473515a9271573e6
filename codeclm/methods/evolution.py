"""Evol-Instruct: rounds in which an instruction is rewritten by an operation, and failed evolutions are eliminated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from codeclm.engine.stage import Failed
from codeclm.errors import ItemError, TransientError
from codeclm.methods.baseline import Asking, prompt
from codeclm.records import Again, Draft, Dropped, Example, digest
from codeclm.stages.augment import parse_yes_no
from codeclm.stages.improve import parse_instruction

__all__ = ["OPERATIONS", "PROMPTS", "STAGE", "Evolve", "evolved_ids"]

STAGE = "evolve"
OPERATIONS = ("constraints", "deepen", "concretise", "reasoning", "input", "breadth")
"""Drawn with equal chances; all but the last evolve in depth."""

EVOLVE = """\
You rewrite instructions for AI assistants so that they become a little harder.

Rewrite the instruction below {% if operation == "constraints" -%}
by adding one more constraint or requirement to it
{%- elif operation == "deepen" -%}
so that it goes deeper, and wider, into what it asks about
{%- elif operation == "concretise" -%}
by putting more specific concepts in the place of general ones
{%- elif operation == "reasoning" -%}
so that what could be settled in a few steps of thought takes several steps of reasoning
{%- elif operation == "input" -%}
by adding data that it works on, such as a table, code, a formula, XML or a list of figures
{%- endif %}. The result must be reasonable, understood and answered by humans, keep every input text, table or code \
that is there, and be longer by at most some 20 words, data aside. Write in \
{{ language or "the language of the instruction" }}.
Answer with the rewritten text alone; do not answer it.

Instruction: {{ instruction }}
"""
BREADTH = """\
You think of instructions for AI assistants that are seldom thought of.

Take the instruction below as inspiration for a brand-new one from the same domain, but rarer. It has about the same \
length and difficulty, is reasonable, and can be understood and answered by humans. Write in \
{{ language or "the language of the instruction" }}.
Answer with the new text alone; do not answer it.

Instruction: {{ instruction }}
"""
SAME = """\
You tell whether two instructions for AI assistants are equal in what they ask for.

They are equal if they have the same constraints and requirements, and the same depth and breadth of inquiry.
Answer with one word: yes if they are equal, no if they are not.

First: {{ first }}

Second: {{ second }}
"""
PROMPTS = {
    "evolve": prompt("evolve", EVOLVE, "instruction operation", "language"),
    "breadth": prompt("breadth", BREADTH, "instruction", "language"),
    "same": prompt("same", SAME, "first second"),
}

# Words of the prompts above that have no business in an instruction of a user.
_LEAKS = re.compile(
    r"\b(?:rewritten|given|original|evolved) (?:text|instruction|prompt)\b|\bnew instruction\b",
    re.IGNORECASE,
)
_STOP_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "do",
        "for",
        "from",
        "has",
        "have",
        "i",
        "in",
        "is",
        "it",
    }
    | {
        "no",
        "not",
        "of",
        "ok",
        "okay",
        "on",
        "or",
        "so",
        "that",
        "the",
        "this",
        "to",
        "was",
        "we",
        "were",
        "will",
    }
    | {"with", "yes", "you", "your"}
)
SHORT_WORDS = 80
MOST_POSTPONED = 5_000
"""Fewer than the engine puts off: what it did not give another try would end its chain unseen."""


def evolved_ids(identity: str, rounds: int) -> list[str]:
    """The ids of the instructions that the draft ``identity`` evolves into, round by round."""
    ids: list[str] = []
    for _ in range(rounds):
        identity = digest("evolved", identity)
        ids.append(identity)
    return ids


class Evolve:
    """Again -> an Example, or Dropped, or Failed, and Again for the next round.

    The draft in ``Again`` is what the round starts from, with the id of the last one; ``iteration`` counts rounds. An
    evolution that is eliminated, or failed, leaves the next round to start where this one did.
    """

    def __init__(self, asking: Asking, rounds: int) -> None:
        self._asking = asking
        self._rounds = rounds
        self._evolve = asking.question("evolve", parse_instruction)
        self._breadth = asking.question("breadth", parse_instruction)
        self._same = asking.question("same", parse_yes_no)
        self._respond = asking.respond()
        self._postponed: set[str] = set()
        self._is_last_try = False

    async def __call__(self, again: Again) -> Sequence[Example | Dropped | Failed | Again]:
        before = again.draft
        start = replace(before, id=digest("evolved", before.id), iteration=before.iteration + 1)
        # What was put off comes back when all else is done; nothing is put off from then on.
        self._is_last_try = self._is_last_try or start.id in self._postponed
        outcome: Example | Dropped | Failed
        try:
            outcome = await self._round(start)
        except ItemError as error:
            if isinstance(error, TransientError) and self._may_wait(start.id):
                raise  # it gets one more try when all else is done
            outcome = Failed(Again(start), STAGE, error)
        reached = outcome.comparison.draft if isinstance(outcome, Example) else start
        return [outcome] if start.iteration == self._rounds else [outcome, Again(reached)]

    def _may_wait(self, identity: str) -> bool:
        if self._is_last_try or len(self._postponed) >= MOST_POSTPONED:
            return False
        self._postponed.add(identity)
        return True

    async def _round(self, start: Draft) -> Example | Dropped:
        operation = Random(f"{self._asking.run_seed}:{start.id}").choice(OPERATIONS)
        draft = await self._evolved(start, operation)
        if _LEAKS.search(draft.instruction) and not _LEAKS.search(start.instruction):
            return Dropped(draft, "eliminated: it holds words of the prompt", {})
        if await self._same.ask(
            {"first": start.instruction, "second": draft.instruction},
            draw=self._asking.draw(draft.id),
            item=draft.id,
            iteration=draft.iteration,
        ):
            return Dropped(draft, "eliminated: it asks for nothing more", {})
        (comparison,) = await self._respond(draft)
        useless = _useless(comparison.strong)
        if useless:
            return Dropped(draft, f"eliminated: {useless}", {"response": comparison.strong})
        return Example(comparison, "strong")

    async def _evolved(self, start: Draft, operation: str) -> Draft:
        question, variables = self._breadth, {"instruction": start.instruction}
        if operation != "breadth":
            question, variables = self._evolve, {**variables, "operation": operation}
        text = await question.ask(
            variables,
            draw=self._asking.draw(start.id),
            item=start.id,
            iteration=start.iteration,
        )
        return replace(start, instruction=text, actions=(*start.actions, operation))


def _useless(response: str) -> str:
    """Why ``response`` shows that its instruction cannot be answered; "" where it does not."""
    words = re.findall(r"\w+", response.lower())
    if "sorry" in words and len(words) < SHORT_WORDS:
        return "the response is sorry, and short"
    if _STOP_WORDS.issuperset(words):
        return "the response says nothing"
    return ""
