"""Decode: metadata into basic instructions (section 3.2 of the paper; no demonstrations, they would be copied)."""

from __future__ import annotations

TEMPLATE = """\
You write instructions that people could give to an AI assistant.

Write new instructions for the use case below whose answers need the skills below. Each one is reasonable, can be answered \
by a human in writing, and is complete in itself: where it speaks of a text, a table or code, it contains it. Make them \
differ from each other in topic, form and length. Do not answer them.
Write in {{ language or "the language in which the use case is written" }}.
Answer with a numbered list of as many instructions as asked for, one item each, and nothing before or after it.

Use case: {{ use_case }}
Skills: {{ skills | join(", ") }}
Number of instructions: {{ count }}
"""
