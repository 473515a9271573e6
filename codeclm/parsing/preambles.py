"""What models say before the one text they were asked for: labels ("**New instruction:**") and introductions.

An introduction is taken off only where it is sure to be one: it speaks of a new, rewritten, more challenging ...
instruction, prompt or version right up to its colon ("Here is a more challenging version of the prompt:"), or it
is an assent ("Sure!") on a line or in a paragraph of its own. "Translate the following sentence:" and "Here is a
revised version of my essay:" belong to the instruction.
"""

from __future__ import annotations

import re

from codeclm.errors import ParseError
from codeclm.parsing.labels import cut_label, label
from codeclm.parsing.patterns import lazy

__all__ = ["cut_preamble"]

_ASSENT = r"(?:sure(?: thing)?|certainly|of course|absolutely)"
_HERE = r"(?:here(?:[’']s| is)|below is|this is|the following is)"
_NEW = (
    r"(?:new|(?:re)?written|rewritten|revised|improved|updated|modified|enhanced|refined|reworked|final|challenging"
    r"|harder|tougher|(?:even |much |slightly )?more \w+)"
)
_NOUN = r"(?:instruction|prompt|version|task|question)"
_OF_OLD = rf"(?: (?:of|for) (?:the|your|this) (?:(?:original|given|above|old|initial|provided) )?{_NOUN})?"
_DETAILS = (
    r"(?: (?:is|reads|would be)(?: as follows)?|,? (?:(?:that|which)(?! i\b)|with|incorporating|based on|following"
    r"|as requested|rewritten|revised|made (?:more|harder))\b[^:：\n]{0,120})?"
)
_THE_NEW = rf"(?:(?:the|an?|your) )?(?:{_NEW}(?:,| and)? ){{1,4}}{_NOUN}"
_INTRODUCTIONS = (
    rf"(?:(?:{_ASSENT}|okay|ok|alright|great|got it|understood)[!,.]{{1,2}} )?"
    rf"(?:{_HERE} (?:the |your |an )?instruction|(?:{_HERE} )?{_THE_NEW}){_OF_OLD}{_DETAILS}",
    r"i(?:[’']ve| have) (?:rewritten|revised|modified|made) (?:the|your) (?:original )?instruction\b[^:：\n]{0,99}",
    r"(?:(?:好的|当然(?:可以)?)[，,！!。 ]{0,2})?(?:(?:以下|下面|这)[是为])?(?:一[个条])?"
    r"(?:(?:新|改写|重写|修改|改进|优化|更具挑战性|更难|更复杂)[的后]{0,2}){1,3}(?:指令|提示|问题|任务|版本)|指令",
    r"(?:hier ist (?:die|eine) )?(?:neue|überarbeitete|umgeschriebene|anspruchsvollere) (?:anweisung|aufgabe|version)",
    r"(?:voici (?:la|une) )?(?:nouvelle (?:instruction|consigne)|(?:instruction|consigne) (?:réécrite|révisée))",
    r"(?:aquí (?:está|tienes) (?:la|una) )?(?:nueva (?:instrucción|versión)|instrucción (?:reescrita|revisada))",
    r"instruction",
)
_LABEL = label("|".join(_INTRODUCTIONS))
_ECHO = label(r"action|(?:original|old|initial|given) (?:instruction|prompt)")
_ASSENTING = lazy(
    rf"{_ASSENT}(?:[!.]?[ \t]*+\n|[!,.][^\n?]{{0,200}}(?:[:：][ \t]*+\n|[.!][ \t]*+\n[ \t]*+\n))",
    re.IGNORECASE,
)
_ASSENTS = lazy(rf"{_ASSENT}[!,.]", re.IGNORECASE)


def cut_preamble(text: str) -> str:
    """``text`` without labels and introductions before it, nor the action or old instruction repeated there.

    Raises ParseError where what remains still speaks to the one who asked, or only repeats.
    """
    if cut_label(_ECHO, text) is not None:
        text = _after_echo(text)
    for _ in range(4):
        text = text.strip()
        if (rest := cut_label(_LABEL, text)) is None:
            found = _ASSENTING.match(text)
            if not found:
                break
            rest = text[found.end() :]
        text = rest
    if _ASSENTS.match(text):
        raise ParseError(
            "the answer agrees to the request, but where the instruction begins is unclear"
        )
    return text


def _after_echo(text: str) -> str:
    """What follows the first label of a new instruction."""
    for line_end in re.finditer("\n", text):
        if _LABEL.match(text, line_end.end()):
            return text[line_end.end() :]
    raise ParseError("the answer repeats what was asked, without a new instruction")
