"""The forms in which models put an answer: everything a careful person could read, and refusals.

Each function puts the same content into one of several forms, drawn with ``rng``; the plain form that was
asked for is the most frequent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

__all__ = [
    "explain_scores",
    "lay_out_evaluation",
    "lay_out_instruction",
    "lay_out_list",
    "lay_out_metadata",
    "lay_out_rubrics",
    "lay_out_scores",
    "lay_out_word",
    "refuse",
]

_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "As an AI language model, I am not able to do this. Is there anything else I can help you with?",
    "I apologize, but I cannot continue with this.",
    "\ufffd\ufffd\ufffd ... ... ...",
    "<|im_end|><|im_end|>",
    "Sure! Give me a moment while I think about the best way to do this for you.",
)


def refuse(rng: Random) -> str:
    """An answer that no careful reader could use."""
    return rng.choice(_REFUSALS)


def lay_out_metadata(use_case: str, skills: Sequence[str], rng: Random) -> str:
    """Use case and skills in two lines, labelled or not."""
    joined = ", ".join(skills)
    pick = rng.random()
    if pick < 0.70:
        return f"Use case: {use_case}\nSkills: {joined}"
    if pick < 0.80:
        return f"**Use case:** {use_case}\n**Skills:** {joined}"
    if pick < 0.88:
        return f"{use_case}\n{joined}"
    if pick < 0.94:
        return f"Here is the metadata:\n\nUse case: {use_case}\nSkills: {joined}"
    if pick < 0.97:
        return f"- Use case: {use_case.capitalize()}\n- Skills: {joined}"
    return "Use case: {}\nSkills:\n{}".format(use_case, "\n".join(f"- {s}" for s in skills))


_NUMBERED: tuple[Callable[[int, str], str], ...] = (
    lambda i, text: f"{i}. {text}",
    lambda i, text: f"{i}) {text}",
    lambda i, text: f"({i}) {text}",
    lambda i, text: f"**{i}.** {text}",
    lambda i, text: f"Instruction {i}: {text}",
    lambda i, text: f"**Instruction {i}:** {text}",
)
_NUMBERED_WEIGHTS = (0.70, 0.10, 0.05, 0.05, 0.05, 0.05)
_LIST_OPENINGS = (
    "Here are {} instructions:",
    "Sure! Here are {} instructions for this use case:",
    "Certainly. Below is a numbered list of {} instructions.",
)
_LIST_CLOSINGS = (
    "Let me know if you'd like more instructions!",
    "I hope these instructions help!",
    "Feel free to ask if you need more of these.",
)


def lay_out_list(items: Sequence[str], rng: Random) -> str:
    """A numbered list, now and then between chatter, or a JSON array in a fence."""
    if rng.random() < 0.04:
        body = json.dumps(items, indent=2, ensure_ascii=False)
        return f"```json\n{body}\n```"
    number = rng.choices(_NUMBERED, _NUMBERED_WEIGHTS)[0]
    gap = "\n\n" if rng.random() < 0.4 else "\n"
    text = gap.join(number(i, item) for i, item in enumerate(items, 1))
    if rng.random() < 0.10:
        text = rng.choice(_LIST_OPENINGS).format(len(items)) + "\n\n" + text
    if rng.random() < 0.05:
        text = text + "\n\n" + rng.choice(_LIST_CLOSINGS)
    return text


_HEADINGS = (
    ("Rubrics:", "Actions:"),
    ("**Rubrics:**", "**Actions:**"),
    ("### Rubrics", "### Actions"),
    ("Rubrics", "Actions"),
)
_HEADINGS_WEIGHTS = (0.75, 0.10, 0.08, 0.07)


def lay_out_rubrics(rubrics: Sequence[str], actions: Sequence[str], rng: Random) -> str:
    """Two numbered lists under headings, or each rubric with its action."""
    if rng.random() < 0.06:
        pairs = enumerate(zip(rubrics, actions, strict=True), 1)
        return "\n".join(f"{i}. Rubric: {r}\n   Action: {a}" for i, (r, a) in pairs)
    first, second = rng.choices(_HEADINGS, _HEADINGS_WEIGHTS)[0]
    gap = "\n\n" if rng.random() < 0.3 else "\n"
    blocks = (
        "\n".join([heading, *(f"{i}. {line}" for i, line in enumerate(lines, 1))])
        for heading, lines in ((first, rubrics), (second, actions))
    )
    return gap.join(blocks)


def lay_out_instruction(text: str, rng: Random) -> str:
    """A rewritten instruction, mostly alone."""
    pick = rng.random()
    if pick < 0.84:
        return text
    if pick < 0.90:
        return f"Here is the rewritten instruction:\n\n{text}"
    if pick < 0.94:
        return f"**Rewritten instruction:** {text}"
    if pick < 0.97 or '"' in text or "\n" in text:
        return f"Instruction: {text}"
    return f'"{text}"'


def lay_out_scores(first: float, second: float, scale: int, rng: Random) -> str:
    """Two scores, mostly on one line as asked."""
    a, b = f"{first:g}", f"{second:g}"
    pick = rng.random()
    if pick < 0.82:
        return f"{a} {b}"
    if pick < 0.86:
        return f"Assistant 1: {a}\nAssistant 2: {b}"
    if pick < 0.89:
        return f"{a}, {b}"
    if pick < 0.92:
        return f"**{a} {b}**"
    if pick < 0.95:
        return f"{a}/{scale} {b}/{scale}"
    thinner = "neither is" if a == b else "the second is" if first > second else "the first is"
    if pick < 0.98:
        return f"{a} {b}\n\nBoth address the request; {thinner} thin on detail."
    return f"Scores: {a} {b}"


_ON_PAR = (
    "Both responses address the instruction to the same degree. Neither adds anything that the other one misses.",
    "The responses are on a par: the same points, at the same depth.",
)
_APART = (
    "Assistant {better} is the more specific of the two and says what follows from it. Assistant {worse} stays vague.",
    "The response of Assistant {worse} repeats itself in places, where that of Assistant {better} has {count} more "
    "points to make.",
    "Assistant {better} answers what was asked; in the other response about {count} sentences could be left out.",
)


def explain_scores(first: float, second: float, rng: Random) -> str:
    """Why two responses got these scores."""
    if first == second:
        return rng.choice(_ON_PAR)
    better, worse = (1, 2) if first > second else (2, 1)
    return rng.choice(_APART).format(better=better, worse=worse, count=rng.randint(2, 6))


def lay_out_evaluation(first: float, second: float, scale: int, why: str, rng: Random) -> str:
    """Two scores, mostly on the first line as asked, and then why."""
    a, b = f"{first:g}", f"{second:g}"
    pick = rng.random()
    if pick < 0.84:
        return f"{a} {b}\n{why}"
    if pick < 0.90:
        return f"{a} {b}\n\n{why}"
    if pick < 0.93:
        return f"**{a} {b}**\n\n{why}"
    if pick < 0.96:
        return f"{a}/{scale} {b}/{scale}\n\nExplanation: {why}"
    if pick < 0.98:
        return f"Assistant 1: {a}\nAssistant 2: {b}\n\n{why}"
    return f"Scores: {a} {b}\n\n{why}"


def lay_out_word(word: str, rng: Random) -> str:
    """One word, with or without a capital and a full stop."""
    return rng.choice((word, word.capitalize(), word.capitalize() + "."))
