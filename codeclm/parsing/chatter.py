"""What models say around an answer or instead of it: closing remarks and refusals.

Content is more precious than tidiness, so only what a careful reader would be sure of is taken for chatter. A closing
remark is a last paragraph, set apart by a blank line and outside code. Either it speaks of the answer itself ("I hope
these instructions help", "This version is more challenging because ..."); then it goes, unless the line before it ends
with a colon and so announces it. Or it is a mere courtesy ("I hope this helps"); then it goes only where no line
before it announces any text, since that text might be a letter that ends so.
"""

from __future__ import annotations

import re

from codeclm.parsing.fences import fenced
from codeclm.parsing.patterns import lazy

__all__ = ["announces", "cut_closing", "cut_last_paragraph", "is_rule", "says_nothing"]

_LONGEST_REMARK = 600
_RULE = lazy(r"[ \t]*([-*_=])(?:[ \t]{0,3}\1){2,}[ \t\r]*")

_ANSWER = r"(?:instructions?|prompts?|rubrics?)\b"
_NEW = r"(?:new|rewritten|revised|updated|modified|improved|enhanced)"
_HARDER = r"(?:more (?:\w+ )?(?:challeng|complex|difficult|demand)|harder|difficulty|complexity)"
_IF_YOU_WANT = r"if you(?:[’']d| would)? (?:need|want|like)"
_MORE = r"(?:any |some )?(?:more|other|another|anything|further|additional|different|changes|adjust|modif|revisi|help)"


def _opening(*openings: str) -> re.Pattern[str]:
    return lazy(rf"\W*+(?:note\W+)?(?:{'|'.join(openings)})", re.IGNORECASE | re.DOTALL)


_ABOUT_ANSWER = _opening(
    rf"(?:please )?(?:let me know|feel free|just ask)\b.*\b{_IF_YOU_WANT}\b.*\b(?:{_ANSWER}|more of (?:these|them)\b)",
    rf"(?:would you like|do you want) (?:me to )?.*\b(?:more|other|another|further|these|this) (?:\w+ )?{_ANSWER}",
    rf"(?:i )?hope (?:you find )?(?:these|this|the) (?:\w+ ){{0,3}}{_ANSWER} (?:(?:and actions|will|all) )?"
    r"(?:help|meet|fit|work|suit|inspire|provide|are (?:helpful|useful|what))",
    r"(?:these|all (?:of )?(?:these|the)|each of (?:these|the)|this (?:list|set|collection) of)"
    rf" (?:\w+ ){{0,3}}{_ANSWER} (?:and actions )?"
    r"(?:covers?|spans?|ranges?|var(?:y|ies)|differ|aims?|reflects?|touch|"
    r"(?:is|are) (?:all )?(?:design|meant|intend|varied|diverse|tailor))",
    r"(?:希望)?(?:这些|以上|上述)(?:指令|指示|提示)(?:涵盖|覆盖|旨在|对[您你]|能帮)",
    rf"(?:this|the) (?:{_NEW} )?(?:\w+ )?(?:version|rewrite|revision|instruction|prompt) "
    rf"(?:is|now|adds|makes|introduces|requires|increases|raises)\b(?=.*\b{_HARDER}).*",
    r"(?:explanation of (?:the )?changes|why (?:this|it) is (?:now )?(?:more|harder))\b",
)
_COURTESY = _opening(
    r"(?:i )?hope (?:this|these|that|it) (?:will )?helps?\b",
    rf"(?:please )?(?:let me know|feel free to (?:ask|reach out|let me know)) {_IF_YOU_WANT} (?:me to|{_MORE})"
    r"(?!.*\b(?:details?|info\w*|context|data|clarif\w+|input|questions?)\b)",
    r"(?:please )?feel free to (?:adjust|modify|adapt|customi[sz]e|tweak|use) (?:these|any of these)\b",
    r"(?:please )?let me know if (?:anything else comes|there(?:[’']s| is) anything else)\b",
    r"is there anything else (?:i can|you(?:[’']d| would) like)\b",
    r"希望(?:这些?|以上)?(?:内容)?(?:能|会)?(?:对[您你]|帮到)",
)
_CANNOT = r"i ?(?:can[’']?t|cannot|can not|won[’']t|will not|(?:am|[’']?m) (?:unable|not able) to)"
_REFUSAL = _opening(
    r"(?:(?:(?:i[’']?m|i am) (?:\w+ )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately)\b[^.?!\n]{0,40}?\b)?"
    rf"{_CANNOT} (?:\w+ )?(?:(?:help (?:you )?with|assist|comply|fulfil|continue|(?:do|complete) (?:this|that))\b"
    r"|(?:rewrite|create|generate|provide|write|produce|make)\b[^.?!\n]{0,60}"
    r"\b(?:instruction|prompt|request|rubric|content|this|that)\b)",
    r"as an ai\b(?: \w+){0,3},? i\b",
)
_SPECIAL_TOKEN = lazy(r"<\|[^|<>\n]{1,40}\|>|</?s>")


def says_nothing(text: str) -> bool:
    """Whether ``text`` is a refusal, or holds no letter or digit besides special tokens."""
    spoken = _SPECIAL_TOKEN.sub("", text)
    return not any(map(str.isalnum, spoken)) or bool(_REFUSAL.match(spoken))


def cut_closing(text: str) -> str:
    """``text`` without rules and closing remarks at its end."""
    for _ in range(4):
        head, last = cut_last_paragraph(text)
        if not head or not (is_rule(last) or _is_remark(last, head)):
            break
        text = head
    return text


def cut_last_paragraph(text: str) -> tuple[str, str]:
    """``text`` at its last blank line outside code: what is before and after it; ("", text) without one."""
    lines = text.rstrip().split("\n")
    for place in reversed(range(len(lines))):
        if not lines[place].strip():
            inside_code = any(fenced(lines)[place:])
            return (
                ("", text)
                if inside_code
                else ("\n".join(lines[:place]).rstrip(), "\n".join(lines[place + 1 :]))
            )
    return "", text


def _is_remark(paragraph: str, head: str) -> bool:
    if (
        len(paragraph) > _LONGEST_REMARK
        or paragraph[:1].isspace()
        or announces(head.rsplit("\n", 1)[-1])
    ):
        return False
    if _ABOUT_ANSWER.match(paragraph):
        return True
    return bool(_COURTESY.match(paragraph)) and not any(map(announces, head.split("\n")))


def is_rule(paragraph: str) -> bool:
    """Whether ``paragraph`` is a line of dashes or the like."""
    return bool(_RULE.fullmatch(paragraph))


def announces(line: str) -> bool:
    """Whether ``line`` ends with a colon."""
    return line.rstrip(" \t\r*_").endswith((":", "："))
