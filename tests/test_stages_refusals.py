"""A refusal in words is told from an answer that says such words."""

from __future__ import annotations

import pytest

from codeclm.stages.refusals import MOST_WORDS, is_refusal

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "I'm sorry, I cannot fulfill this request. I am programmed to be a helpful and harmless AI assistant.",
    "I cannot assist with that request. If you have other questions, feel free to ask!",
    "Sorry, I can't help you.",
    "Unfortunately, I am unable to assist with creating malware.",
    "I can't provide that information.",
    "I cannot provide instructions on how to make explosives.",
    "As an AI language model, I cannot engage in this kind of conversation.",
    "I'm sorry, but as an AI language model, I cannot generate such content.",
    "I am not able to comply with your request because it goes against my guidelines.",
    "I won't be able to help with that.",
    "I'm not comfortable writing that content.",
    "My apologies, but I cannot answer that.",
    "I'm sorry, but I can't do that.",
    "I must decline to answer.",
    "  I can't help with that\n\nLet me know if there is anything else.",
)
ANSWERS = (
    "",
    "I'm sorry, but I can't attend the meeting on Friday. Could we move it to Monday?",
    "I'm sorry for your loss. Grief takes time.",
    "I cannot stress enough how important sleep is.",
    "I can't write well under pressure, says the narrator.",
    "I can't help but admire the way light falls on the sea.",
    "I can't help that I love you.",
    "Dear customer, I'm sorry, but I can't help with that. Please call our office.",
    "\"I'm sorry, Dave. I'm afraid I can't do that,\" says HAL in the film.",
    "I am unable to find a root of this polynomial by factoring, so I use Newton's method: x = 1.32.",
    "Unfortunately, the function raises an error because the list is empty.",
    "Sorry to hear that! Restart the router, then check the cable.",
    "I can answer that: the capital of France is Paris.",
    "As an AI language model, I have no feelings, but here is a poem about joy: ...",
    "I do not have access to live data; as of 2023 the population was 8.1 billion.",
    "I can't decide between the two, but the first is cheaper.",
    "I will not go gentle into that good night",
)


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text: str) -> None:
    """An answer that is nothing but a refusal is one."""
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    """Apologies, letters, dialogue and partial answers are none."""
    assert not is_refusal(text)


def test_a_refusal_with_the_rest_at_length_is_an_answer() -> None:
    """Who goes on for long gives something to learn from."""
    assert not is_refusal(
        f"I can't help with that part. {'However, here is the rest. ' * MOST_WORDS}"
    )
