"""Improve: one action makes an instruction more challenging (section 3.3 of the paper)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.chatter import cut_closing, says_nothing
from codeclm.parsing.embedded_json import find_json
from codeclm.parsing.fences import unfence
from codeclm.parsing.preambles import cut_preamble
from codeclm.parsing.quotes import unquote
from codeclm.records import Again, Draft, Entry, Metadata
from codeclm.stages.prompt import Question

__all__ = ["ENTRIES_AT_HAND", "TEMPLATE", "Improve", "parse_instruction"]

ENTRIES_AT_HAND = 512
_NEW_INSTRUCTION = re.compile(r"(?!original|old|initial).{0,30}instruction", re.IGNORECASE)

TEMPLATE = """\
You make instructions for AI assistants more challenging.

Rewrite the instruction below as the action below says. The new instruction must be more challenging than \
the old one, reasonable, consistent in itself and answerable by a human in writing; keep every input text, \
table or code that it needs. Do not copy words of the action. Write in {{ language or "the language of the \
instruction" }}.
Answer with the new instruction alone; do not answer it.

Action: {{ action }}

Instruction: {{ instruction }}
"""


def parse_instruction(text: str) -> str:
    """The instruction in ``text``, without label, introduction, closing remark, quotes or code block around it.

    Nothing inside it is changed. Raises ParseError where there is none, as in a refusal.
    """
    with answer_in(text) as answer:
        instruction = _unwrapped(_from_json(answer) or answer)
        if says_nothing(instruction):
            raise ParseError("the answer holds no instruction")
        return instruction


def _unwrapped(text: str) -> str:
    for _ in range(4):
        bare = unquote(unfence(cut_closing(cut_preamble(text))).strip())
        if bare == text:
            break
        text = bare
    return text


def _from_json(answer: str) -> str:
    """The instruction in a JSON object that is the whole answer; "" where JSON is at most a part of it."""
    found = find_json(answer)
    if not found or cut_preamble(found.before) or cut_closing(f"-\n\n{found.after}").strip() != "-":
        return ""
    value = found.value
    if isinstance(value, list) and len(value) == 1:
        [value] = value
    names = value if isinstance(value, dict) else {"instruction": value}
    texts = [names[name] for name in names if _NEW_INSTRUCTION.fullmatch(name)]
    if len(texts) != 1 or not isinstance(texts[0], str) or not texts[0].strip():
        raise ParseError("the answer is JSON without one instruction")
    return texts[0]


@dataclass(frozen=True, slots=True)
class Improve:
    """Again -> Draft of the next iteration, by one action of its entry, drawn from the draft's id and iteration.

    Rubrics are asked for when an entry first needs them; the answer is the same for equal metadata, so the model's
    cache asks once for each distinct entry. The actions of the ``at_hand`` entries used last are at hand: to look an
    answer up and read it again for every instruction cost a tenth of the run's time.
    """

    question: Question[str]
    rubrics: Question[tuple[list[str], list[str]]]
    run_seed: int = 0
    at_hand: int = ENTRIES_AT_HAND
    _actions: dict[Metadata, Sequence[str]] = field(default_factory=dict, repr=False)

    async def __call__(self, again: Again) -> Sequence[Draft]:
        draft = again.draft
        metadata = draft.entry.metadata
        actions = self._actions.pop(metadata, None) or await self._ask_for_actions(draft.entry)
        self._keep(metadata, actions)
        action = Random(f"{self.run_seed}:{draft.id}:{draft.iteration}").choice(actions)
        iteration = draft.iteration + 1
        instruction = await self.question.ask(
            {"action": action, "instruction": draft.instruction},
            item=draft.id,
            iteration=iteration,
        )
        return [
            Draft(
                draft.id,
                draft.entry,
                instruction,
                iteration,
                (*draft.actions, action),
                again.verdict,
            )
        ]

    async def _ask_for_actions(self, entry: Entry) -> Sequence[str]:
        use_case, skills = entry.metadata.use_case, entry.metadata.skills
        _, actions = await self.rubrics.ask({"use_case": use_case, "skills": skills}, item=entry.id)
        return actions

    def _keep(self, metadata: Metadata, actions: Sequence[str]) -> None:
        """As the last one used; where there are too many, the one used longest ago goes."""
        self._actions[metadata] = actions
        if len(self._actions) > self.at_hand:
            del self._actions[next(iter(self._actions))]
