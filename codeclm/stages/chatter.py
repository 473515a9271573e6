"""What models say around an answer or instead of it: closing remarks and refusals.

Content is more precious than tidiness, so only what a careful reader would be sure of is taken for chatter. A closing
remark is a last paragraph, set apart by a blank line and outside code. Either it speaks of the answer itself ("I hope
these instructions help", "This version is more challenging because ..."); then it goes, unless the line before it ends
with a colon and so announces it. Or it is a mere courtesy ("Feel free to adjust"); then it goes only where no line
before it announces any text, since that text might be a letter that ends so.
"""

from __future__ import annotations

import re

from codeclm.stages.fences import fenced

__all__ = ["announces", "cut_closing", "cut_last_paragraph", "is_rule", "says_nothing"]

_LONGEST_REMARK = 600
_RULE = re.compile(r"[ \t]*([-*_=])(?:[ \t]{0,3}\1){2,}[ \t\r]*")

_ANSWER = r"(?:instructions?|prompts?|rubrics?|actions?)\b"
_NEW = r"(?:new|rewritten|revised|updated|modified|improved|enhanced)"
_HARDER = r"(?:more (?:\w+ )?(?:challeng|complex|difficult|demand)|harder|challenge|difficulty|complexity|original)"


def _opening(*openings: str) -> re.Pattern[str]:
    return re.compile(rf"\W*+(?:note\W+)?(?:{'|'.join(openings)})", re.IGNORECASE | re.DOTALL)


_ABOUT_ANSWER = _opening(
    r"(?:please )?(?:let me know|feel free|would you like|do you want|if you|i can\b|i[’']d be)\b"
    rf".*\b(?:{_ANSWER}|more of (?:these|them)\b)",
    rf"(?:i )?hope (?:you find )?(?:these|this|the) (?:\w+ ){{0,3}}{_ANSWER}",
    rf"(?:these|all (?:of )?(?:these|the)|each of (?:these|the)) (?:\w+ ){{0,3}}{_ANSWER} (?:and actions )?"
    r"(?:cover|span|range|vary|differ|aim|reflect|touch|are (?:all )?(?:design|meant|intend|varied|diverse|tailor))",
    rf"this (?:list|set|collection|selection) of (?:\w+ ){{0,3}}{_ANSWER}",
    r"(?:希望)?(?:这些|以上|上述)(?:指令|指示|任务|问题|提示)(?:涵盖|覆盖|旨在|均|对|能)",
    rf"(?:this|the) (?:{_NEW} )?(?:version|rewrite|revision)\b.*{_HARDER}",
    rf"(?:this|the) {_NEW} (?:\w+ )?(?:instruction|prompt|task|question)\b.*{_HARDER}",
    r"this (?:instruction|prompt) is (?:now )?(?:more (?:challenging|complex|difficult|demanding)|harder)\b",
    r"(?:changes made|what changed|explanation of (?:the )?changes|why (?:this|it) is (?:more|harder))\b",
)
_COURTESY = _opening(
    r"(?:i )?hope (?:this|these|that|it) (?:will )?helps?\b",
    r"(?:please )?let me know if\b.*\b(?:else|more|another|further|additional|change|adjust|modif|revis|tweak)",
    r"(?:please )?feel free to (?:ask|adjust|modify|adapt|customi[sz]e|tweak|let me know|reach out)\b",
    r"would you like (?:me to|more|another|any)\b",
    r"is there anything else\b",
    r"希望(?:这|能|对)|如果?(?:您|你)?(?:还)?需要(?:更多|其他|进一步)|请告诉我",
)
_CANNOT = r"i ?(?:can[’']?t|cannot|can not|won[’']t|will not|(?:am|[’']?m) (?:unable|not able) to)"
_REFUSAL = _opening(
    r"(?:(?:(?:i[’']?m|i am) (?:\w+ )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately)\b[^.?!\n]{0,40}?\b)?"
    rf"{_CANNOT} (?:\w+ )?(?:(?:help (?:you )?with|assist|comply|fulfil|continue|(?:do|complete) (?:this|that))\b"
    r"|(?:rewrite|create|generate|provide|write|produce|make)\b[^.?!\n]{0,60}"
    r"\b(?:instruction|prompt|request|rubric|content|this|that)\b)",
    r"as an ai\b(?: \w+){0,3},? i\b",
)
_SPECIAL_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>")


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
