"""The prompt that asks for new instructions by examples."""

from __future__ import annotations

from codeclm.methods.baseline import prompt

__all__ = ["PROMPTS"]

TEMPLATE = """\
You come up with new instructions for AI assistants, in the manner of those that are given.

Below are examples of instructions. Write further ones that differ from them, and from each other, in topic, form and \
length. Each one is reasonable, can be answered by a human in writing, and is complete in itself: where it speaks of a \
text, a table or code, it contains it. Do not answer them. Write in {{ language or "the language of the examples" }}.
Answer with a numbered list of as many instructions as asked for, one item each, and nothing before or after it.

{% for example in examples -%}
[Example {{ loop.index }}]
{{ example }}
[End of example {{ loop.index }}]

{% endfor -%}
Number of instructions: {{ count }}
"""
PROMPTS = {"generate": prompt("generate", TEMPLATE, "examples count", "language")}
