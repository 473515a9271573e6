"""Self-Rubrics: metadata into rubrics of difficulty and the actions that raise it (section 3.3 of the paper)."""

from __future__ import annotations

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.pairing import read_rubrics_and_actions

__all__ = ["TEMPLATE", "parse_rubrics"]

TEMPLATE = """\
You know what makes an instruction hard for an AI assistant.

Think of instructions for the use case below whose answers need the skills below.
First write rubrics, specific to this domain, that assess how difficult or complex such an instruction is. \
Then write as many actions, one for each rubric in the same order: what to do to an instruction to make it \
more challenging by that rubric. One sentence each, no explanation.
Write in {{ language or "the language in which the use case is written" }}. Answer in this form:

Rubrics:
1. ...
Actions:
1. ...

Use case: {{ use_case }}
Skills: {{ skills | join(", ") }}
Number of rubrics, and of actions: {{ count }}
"""


def parse_rubrics(text: str) -> tuple[list[str], list[str]]:
    """The rubrics and the actions in ``text``, each in their order; as many of one as of the other, or not.

    Raises ParseError where there are none of either, or one cannot be told from the other.
    """
    with answer_in(text) as answer:
        rubrics, actions = read_rubrics_and_actions(answer)
        if not rubrics or not actions:
            raise ParseError(f"the answer holds {len(rubrics)} rubrics and {len(actions)} actions")
        return rubrics, actions
