"""Augment: new metadata by mix and match (section 3.2 of the paper), with an optional check by the strong model."""

from __future__ import annotations

TEMPLATE = """\
You check whether a use case and a set of skills go together.

A pair is reasonable if a person could well give an instruction for this use case whose answer needs all of these skills.
Answer with one word, yes or no.

Use case: {{ use_case }}
Skills: {{ skills | join(", ") }}
"""
