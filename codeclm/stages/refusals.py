"""Refusals in words: a model says no in the text of an answer, and nothing beside the text tells of it."""

from __future__ import annotations

import re

from codeclm.parsing.patterns import lazy

__all__ = ["MOST_WORDS", "is_refusal"]

MOST_WORDS = 120
"""Who says more does something else as well, or is to be read as a text."""

# Read as: [I'm sorry, but] [as an AI model,] I can't  help with that | provide that information | ...
_SORRY = r"(?:(?:i'm|i am) (?:very |really |so )?(?:sorry|afraid)|(?:my )?apologies|sorry|i apologi[sz]e|unfortunately)"
_OPENING = rf"(?:no[,.] )?(?:{_SORRY},? ?(?:but |that )?)?"
_MODEL = r"(?:as an? (?:ai|artificial intelligence|(?:large )?language model)\b[^,.!?]{0,60}, )?"
_CANNOT = (
    r"i(?:(?: can't| cannot| can not| won't| will not| could not| couldn't)(?: be able to)?"
    r"|(?: am|'m) (?:not able to|unable to|not allowed to|not permitted to|not comfortable))"
)
_WHAT = r"(?:that|this|it|these|those|such|any|your|the)"
_THING = (
    r"(?:requests?|questions?|prompts?|tasks?|topics?|instructions?|content|information|material|assistance|help"
    r"|guidance|advice|answers?|responses?)"
)
_END = r"(?= *(?:[.!?,;:-]|$|because |as |since |for |on |about |regarding |at this time))"
_HELP = r"(?:help|assist|helping|assisting)(?: you)?(?: (?:with|in)\b|(?= *[.!?,;]|$))"
_OBEY = rf"(?:comply with|fulfil?l|engage in|engage with|continue with|participate in|complete|process) {_WHAT}\b"
_GIVE = (
    r"(?:provide|providing|create|creating|generate|generating|write|writing|produce|producing|answer|answering"
    r"|discuss|discussing|respond to|do)(?: you with)?"
    rf"(?: {_WHAT})?(?: (?:kind|type|sort) of)?(?: {_THING}| (?:that|this)){_END}"
)
_REFUSAL = lazy(
    rf"{_OPENING}{_MODEL}(?:{_CANNOT} (?:{_HELP}|{_OBEY}|{_GIVE})|i must (?:respectfully )?decline\b)"
)
_MAY_BEGIN_ONE = lazy(
    r"\s*(?:no[,.]|i[\s'\u2019\u2018\u02bc]|sorry|apologies|my\s|unfortunately|as\s)", re.IGNORECASE
)
_APOSTROPHES = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2014": "-", "\u2013": "-"}
)


def is_refusal(text: str) -> bool:
    """Whether ``text`` is nothing but a refusal, in English.

    It begins with one ("I'm sorry, but I can't help with that.") and is no longer than 120 words. An answer that
    refuses a part and gives the rest at length is none, nor is a text in which somebody says such a thing.
    """
    if not _MAY_BEGIN_ONE.match(text):  # most texts: to count their words takes ten times as long
        return False
    words = text.split(None, MOST_WORDS)
    if len(words) > MOST_WORDS:
        return False
    plain = " ".join(words).translate(_APOSTROPHES).casefold()
    return _REFUSAL.match(plain) is not None
