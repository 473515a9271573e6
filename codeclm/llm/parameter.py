"""Which parameter of a request an endpoint does not support, where it says that it is one."""

from __future__ import annotations

import re

from codeclm.llm.complaint import Complaint

__all__ = ["PARAMETERS", "by_name", "named_in"]

# All that a request of ours can do without. Another name is a mistake in ``extra_body``: better told
# to the user than left out in silence.
PARAMETERS = frozenset(
    {
        "chat_template_kwargs",
        "enable_thinking",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "min_p",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "temperature",
        "thinking",
        "top_k",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)
QUOTE = r"[`'\"]"
NAMED = re.compile(
    rf"""
      [Uu]nknown\ name\ {QUOTE}(\w+)
    | [Uu]n(?:recognized\ request\ argument\ supplied|supported\ parameter|known\ parameter):\ {QUOTE}?(\w+)
    | ^(?:body\.)?(\w+):\ Extra\ inputs\ are\ not\ permitted
    | {QUOTE}extra_forbidden{QUOTE},\ {QUOTE}loc{QUOTE}:\ [(\[]{QUOTE}body{QUOTE},\ {QUOTE}(\w+)
    | {QUOTE}(\w+){QUOTE}(?:\ of\ type\ {QUOTE}\w+{QUOTE})?\ is\ (?:not\ supported|unsupported|deprecated)
    | {QUOTE}(\w+){QUOTE}\ (?:does\ not\ support|may\ only\ be\ set\ to)
    | does\ not\ support\ (?:the\ )?parameters?:?\ [\[{{]?{QUOTE}?(\w+)
    | does\ not\ support\ (response\ format)
    | This\ (response_format)\ type\ is\ unavailable
    """,
    re.VERBOSE | re.MULTILINE,
)


def by_name(complaint: Complaint) -> str | None:
    """The parameter that ``complaint`` names in a field of its own, or else in its message."""
    named = next((name for name in complaint.fields if name in PARAMETERS), None)
    return named if named or complaint.fields else named_in(complaint.message[:4000])


def named_in(text: str) -> str | None:
    """The parameter that a sentence calls unknown, unsupported or forbidden."""
    for found in NAMED.finditer(text):
        name = next(group for group in found.groups() if group).replace(" ", "_")
        if name in PARAMETERS:
            return name
    return None
