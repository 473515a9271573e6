"""Encode: an instruction into its metadata (section 3.2 of the paper; its only few-shot prompt)."""

from __future__ import annotations

TEMPLATE = """\
You describe instructions by what they are for and what it takes to answer them.

For the last instruction below, give
- its use case: the task behind it, in a few words;
- its skills: at most 3 abilities that a good answer needs, most important first, 2 or 3 words each, general enough to \
serve other use cases too. Do not use the words "skill" or "knowledge".
{%- if use_cases %}
Choose the use case from this list, word for word: {{ use_cases | join("; ") }}.
{%- endif %}
{%- if skills %}
Choose the skills from this list, word for word: {{ skills | join("; ") }}.
{%- endif %}
Write use case and skills in {{ language or "the language of the instruction" }}. Do not explain. \
Answer with two lines, as in these examples.

Instruction: You are the keeper of a lighthouse that is about to be automated. Write your last log entry.
Use case: creative writing
Skills: role-play, vivid description, emotional tone

Instruction: My script reads a 4 GB CSV file into a list and dies. How do I sum one column without running out of memory?
Use case: code debugging
Skills: python programming, memory management, file processing

Instruction: A tank fills in 6 hours and drains in 9. How long until it is full with both valves open? Show each step.
Use case: math problem solving
Skills: rate reasoning, step-by-step explanation

Instruction: {{ instruction }}
"""
