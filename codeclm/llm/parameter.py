"""Which parameter of a request an endpoint does not support, where it says that it is one."""

from __future__ import annotations

import re

from codeclm.llm.complaint import Complaint
from codeclm.llm.vocabulary import UNSUPPORTED

__all__ = ["refused_parameter"]

SENTENCE_CHARACTERS = 4000

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
        "random_seed",
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
    | {QUOTE}literal_error{QUOTE},\ {QUOTE}loc{QUOTE}:\ [(\[]{QUOTE}body{QUOTE},\ {QUOTE}(response_format)
    | {QUOTE}(\w+){QUOTE}(?:\ of\ type\ {QUOTE}\w+{QUOTE})?\ is\ (?:not\ supported|unsupported|deprecated)
    | {QUOTE}(\w+){QUOTE}\ (?:does\ not\ support|may\ only\ be\ set\ to)
    | does\ not\ support\ (?:the\ )?parameters?:?\ [\[{{]?{QUOTE}?(\w+)
    | does\ not\ support\ (response\ format)
    | This\ (response_format)\ type\ is\ unavailable
    """,
    re.VERBOSE | re.MULTILINE,
)


def refused_parameter(complaint: Complaint) -> str | None:
    """The parameter that ``complaint`` is about; None where it is about something else.

    Where a code says so it is the one of the field that is named with it; the message is asked only
    where no field is named, or where there is no such code.
    """
    if complaint.codes & UNSUPPORTED and complaint.fields:
        return next((name for name in complaint.fields if name in PARAMETERS), None)
    for found in NAMED.finditer(complaint.message[:SENTENCE_CHARACTERS]):
        name = next(group for group in found.groups() if group).replace(" ", "_")
        if name in PARAMETERS:
            return name
    return None
