"""Improve: one action makes an instruction more challenging (section 3.3 of the paper)."""

from __future__ import annotations

TEMPLATE = """\
You make instructions for AI assistants more challenging.

Rewrite the instruction below as the action below says. The new instruction must be more challenging than the old one, \
reasonable, consistent in itself and answerable by a human in writing; keep every input text, table or code that it needs. \
Do not copy words of the action. Write in {{ language or "the language of the instruction" }}.
Answer with the new instruction alone; do not answer it.

Action: {{ action }}

Instruction: {{ instruction }}
"""
