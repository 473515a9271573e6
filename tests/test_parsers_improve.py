"""The one rewritten instruction: what models put around it goes, all that belongs to it stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeclm.errors import ParseError
from codeclm.parsing.chatter import announces
from codeclm.stages.improve import parse_instruction

UNCHANGED = [
    "Write a poem.",
    "Translate the following sentence:\nBonjour",
    "Here is a revised version of my essay:\nIt was dark.\nImprove its style.",
    "Here is a new prompt that I wrote:\nfoo\nRate it.",
    "Here is a complex question:\nWhat is time?",
    "Write a more challenging version of the following prompt:\nfoo",
    "Compare the revised prompt with the original:\nfoo",
    "请回答新的问题：1+1",
    "Question: What is 2*3?",
    "1. Write a poem.\n2. Draw it.",
    "- a\n- b",
    "Fix this:\n```python\n1. x\n```",
    "```python\nprint(1)\n```",
    "```\na\n```\nor\n```\nb\n```\nWhich one is faster?",
    "```\na\n```\nor\n```\nb\n```",
    'Convert to YAML:\n{"instruction": "x"}',
    '"Hello" and "bye" are words.',
    '"Hello" or "bye"',
    "Okay, so I have a dog.\n\nHow do I train it?",
    "I can't get my code to work. Fix it.",
    "I'm sorry to bother you, but explain entropy.",
    "Write a poem.\n\nThis poem must rhyme.",
    "Write a poem.\n\nNote: do not rhyme.",
    "Shorten this letter:\n\nDear Bob\n\nLet me know if you need anything else.",
    "Rate this remark:\n\nThis version is more challenging than the original.",
    "Rewrite the function.\n\nThe new version must keep the original interface.",
    "Fix the function.\n\nFeel free to modify its signature.",
    "Plan my trip.\n\nLet me know if you need more details.",
    "Plan my trip.\n\nLet me know what further actions to take.",
    "Build the desk.\n\nIf you are unsure, follow the instructions on the box.",
    "Review my plan.\n\nIs there anything else I should consider?",
    "写一首诗。\n\n希望这首诗押韵。",
    "Explain the <think> tag.",
    "<b>bold</b> *x* _y_ 3*4",
    "# Title\n\nContinue it.",
]

GOLDEN = [
    # labels and introductions
    ("Here is the rewritten instruction:\n\nWrite.", "Write."),
    ("Here is the rewritten instruction: Write.", "Write."),
    ("Here's a more challenging version:\nWrite.", "Write."),
    ("Sure! Here's a more challenging version of the original prompt:\n\nWrite.", "Write."),
    ("Certainly! Below is the revised instruction, which adds a constraint:\n\nWrite.", "Write."),
    ("The rewritten instruction is as follows:\n\nWrite.", "Write."),
    ("Here's the instruction, rewritten to be harder:\nWrite.", "Write."),
    ("I've rewritten the instruction to be more challenging:\n\nWrite.", "Write."),
    ("Sure! I made it harder.\n\nWrite.", "Write."),
    ("Of course!\nWrite.", "Write."),
    ("Sure!\n\nHere is the new instruction:\n\n**New Instruction:**\n\nWrite.", "Write."),
    ("**Rewritten Instruction:** Write.", "Write."),
    ("**Rewritten instruction**: Write.", "Write."),
    ("**Rewritten Instruction: Write.**", "**Write.**"),
    ("### New Instruction\n\nWrite.\n\n- a\n- b", "Write.\n\n- a\n- b"),
    ("New instruction: Write.", "Write."),
    ("Instruction: Write.", "Write."),
    ("Instruction: Shorten.\nInput: the text", "Shorten.\nInput: the text"),
    ("A more challenging version of the instruction:\nWrite.", "Write."),
    ("新指令：写诗。", "写诗。"),
    ("好的，以下是改写后的指令：\n写诗。", "写诗。"),
    ("Hier ist die überarbeitete Anweisung:\nSchreibe.", "Schreibe."),
    ("Voici la nouvelle instruction:\nÉcris.", "Écris."),
    ("Nueva instrucción: Escribe.", "Escribe."),
    ("Action: Add a constraint.\n\nInstruction: Write.", "Write."),
    ("Original instruction: a\n\nNew instruction: Write.", "Write."),
    # closing remarks
    ("Write.\n\nThis version is more challenging because it needs rhyme.", "Write."),
    ("Write.\n\n*Note: The revised instruction adds complexity.*", "Write."),
    ("Write.\n\n---\n\n**Explanation of changes:** rhyme was added.", "Write."),
    ("Write.\n\nI hope this helps!", "Write."),
    ("Write.\n\nLet me know if you'd like me to change this instruction.", "Write."),
    # wrappers
    ('"Write a poem."', "Write a poem."),
    ("“Write.”", "Write."),
    ("```\nWrite.\n```", "Write."),
    ("```text\nFix:\n```python\nx\n```\n```", "Fix:\n```python\nx\n```"),
    ('Here is the new instruction:\n\n"Write."\n\nI hope this helps!', "Write."),
    ("Rewritten prompt:\n```\nWrite.\n```", "Write."),
    ('{"instruction": "Write."}', "Write."),
    ('```json\n{"new_instruction": "Write.\\nNow."}\n```', "Write.\nNow."),
    ('Here is the new instruction:\n{"original_instruction": "a", "instruction": "b"}', "b"),
    ("<think>Instruction: x</think>\n\nWrite.", "Write."),
    ("  Write.  \n", "Write."),
]  # fmt: skip

UNREADABLE = [
    "",
    " \n",
    "Here is the new instruction:",
    "Original instruction: a",
    "Sure! Give me a moment while I think about the best way to do this for you.",
    "I'm sorry, but I can't help with that request.",
    "I’m sorry, but I cannot assist with this.",
    "I apologize, but I cannot continue with this.",
    "I cannot rewrite this instruction.",
    "As an AI language model, I am not able to do this.",
    "\ufffd\ufffd\ufffd ... ...",
    "<|im_end|><|im_end|>",
    "---",
    '{"answer": "Write."}',
    '{"instruction": ""}',
    "<think>Write.",
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_unchanged(text: str) -> None:
    """What is or could be part of the instruction stays."""
    assert parse_instruction(text) == text


@pytest.mark.parametrize(("text", "instruction"), GOLDEN)
def test_golden(text: str, instruction: str) -> None:
    """Each text of the table is read as a careful person would read it."""
    assert parse_instruction(text) == instruction


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    """Nothing, a refusal or a repetition is an error that carries the text."""
    with pytest.raises(ParseError) as caught:
        parse_instruction(text)
    assert caught.value.raw == text


FORMS = [
    "{}",
    "\n{}\n",
    "Instruction: {}",
    "**Rewritten instruction:** {}",
    "### New instruction\n\n{}",
    "Here is the rewritten instruction:\n\n{}",
    "Sure! Here's a more challenging version:\n\n{}\n\nThis version is harder than the original.",
    "<think>hm</think>\n{}",
]


# Any text of one paragraph without tags. Where a remark follows, it must not end with a colon and so announce that.
_TEXT = (
    st.text(min_size=1)
    .map(lambda text: f"Explain this: {text}".strip())
    .filter(lambda text: not any(part in text for part in ("think>", "thinking>", "\n\n")))
)


@given(_TEXT, st.sampled_from(FORMS))
def test_instructions_come_back(text: str, form: str) -> None:
    """Any instruction comes back exactly from every form."""
    assume(not announces(text))
    assert parse_instruction(form.format(text)) == text


@given(_TEXT)
def test_json_comes_back(text: str) -> None:
    """Any instruction comes back exactly from JSON."""
    assert parse_instruction(json.dumps({"instruction": text})) == text
