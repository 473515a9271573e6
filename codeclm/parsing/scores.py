"""Two scores in a judge's answer, for assistant 1 and assistant 2.

Once emphasis, quotes, "/10", "out of 10", "on a scale of 1 to 10" and "points" are taken out, these are read:

- lines that hold two scores and nothing else but a label ("8 7", "Scores for assistants 1 and 2: 8 and 7"), and a
  first line that opens with two and goes on with an explanation;
- each assistant's score next to its name ("Assistant 2: 6, Assistant 1: 8", "the first one an 8 and the second
  a 6", "8 for Response A and 6 for Response B");
- two lines with one score each;
- failing all these, a sentence that gives two scores ("I give 8 6.").

Numbers elsewhere in an explanation are left alone. All that is read must agree and lie between 1 and the scale. Three
scores, a range ("Score: 7-8") and numbers in words are not read.
"""

from __future__ import annotations

import re
from functools import lru_cache

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.patterns import lazy

__all__ = ["parse_scores"]

Pair = tuple[float, float]

_PLAIN = lazy(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ([0-9]{1,3}(?:\.[0-9]{1,3})?)")

# Names of the assistants become ① and ② first, so that their digits and scores cannot be taken for each other.
_NAME = (
    r"\b(?:(?:ai )?assist\w*|asistente|ассистент|response|answer|model|ai|output|candidate|score|rating)s?"
    r"|助手|回答|回复|模型|アシスタント"
)
_NOUNS = r"(?: (?:one|ai|assistant|response|answer|model|output|candidate)\b){0,3}"
_FIRST = rf"(?:(?:{_NAME}) ?#?\(?(?:1|one|(?-i:A))(?!\w)\)?|\b(?:first|1st)\b{_NOUNS}|\b(?-i:A)(?= ?[:=])|第一个?)"
_SECOND = rf"(?:(?:{_NAME}) ?#?\(?(?:2|two|(?-i:B))(?!\w)\)?|\b(?:second|2nd)\b{_NOUNS}|\b(?-i:B)(?= ?[:=])|第二个?)"
_BOTH = r"①s? ?(?:,|/|&|and|vs\.?|versus|和) ?(?:the )?(?:②|2\b|two\b|(?-i:B\b))"

_FIRST_NAME = lazy(_FIRST, re.IGNORECASE)
_SECOND_NAME = lazy(_SECOND, re.IGNORECASE)
_BOTH_NAMES = lazy(_BOTH, re.IGNORECASE)
_PLAIN_CHARACTERS = {
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, '*`"“”_{}[]#>|\\$\t\r\u3000'), " "),
    ord("、"): ",",
}

_LINK = (
    r"(?:[:=(→]| [-–—] |['’]s\b|(?:an?|the|scores?|scored|rating|rated|of|is|was|gets?|got|receives?|received|earns?"
    r"|earned|deserves?|at|with|would|be|given|grade|mark|overall|final|response|answer|assistant)\b|[的得评分数为是给])"
)
_ENDS = (
    r"(?![.,]?[0-9]| ?[-–—/:~,;] ?[0-9]| [0-9])"
    r"(?= ?(?:[^\w\s%]|[①②]|\n|\Z|(?:the|and|but|while|whereas|because|since|as|vs|versus|though)\b(?! ?[0-9])|[和而]))"
)
_NAMED = lazy(
    rf"([①②])(?:\s{{0,3}}{_LINK}){{0,8}}\s{{0,3}}(-?[0-9]+(?:[.,][0-9]+)?){_ENDS}", re.IGNORECASE
)
_TO_NAMED = lazy(
    r"(?<![0-9.,-])(-?[0-9]+(?:[.,][0-9]+)?) (?:to|for) (?:the )?([①②])", re.IGNORECASE
)

_TITLE = (
    r"(?:[^0-9\n①②]{0,80}(?:scor|rating|grade|评分|得分|分数|打分)[^0-9\n①②]{0,60}[:=] ?"
    r"|(?:(?:my|the|final) ){0,2}(?:answer|verdict|evaluation|result|output|judge?ment)(?: is)?[:=] ?|: ?)?"
)
_GIVES = r"\b(?:(?:give|gave|assign|award|rate|score|grade)[a-z]*|ratings)\b[^0-9\n.①②]{0,60}?(?<!between )"
_LINE_ENDS = r"\)?[ .,;!]*(?:(?:respectively|for scores)[ .!]*)?"
_GOES_ON = r"(?: ?[.;:(–—-]+ ?|, ?| (?=(?:because|since|as)\b))(?=[^\W\d_])"
_SENTENCE_ENDS = r"(?= ?(?:[.;!)](?![0-9])|\n|\Z|,? (?:because|since|as|respectively|for)\b))"


_SCALE = r"(?:scale|range)[ ](?:of|from)?[ ]?[01][ ]?(?:to|-|–|—)[ ]?"
_OTHER_SCALE = lazy(_SCALE, re.IGNORECASE)


def _pairs(before: str, after: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Two numbers between ``before`` and ``after``: with decimal points, and with decimal commas."""
    word = r" ?(?:[;&]|\b(?:and|versus|und|et|y)\b|\bvs\b\.?|[和与对]) ?"
    point = rf"\(?(-?[0-9]+(?:\.[0-9]+)?)(?:{word}| ?, ?| )(-?[0-9]+(?:\.[0-9]+)?)"
    comma = rf"\(?(-?[0-9]+(?:[.,][0-9]+)?)(?:{word}| ?, | )(-?[0-9]+(?:[.,][0-9]+)?)"
    return (
        lazy(before + point + after, re.IGNORECASE),
        lazy(before + comma + after, re.IGNORECASE),
    )


_LINES = (
    *_pairs(_TITLE, _LINE_ENDS),
    lazy(r"([0-9]+(?:\.[0-9]+)?)(?:[:–-]| [:–-] )([0-9]+(?:\.[0-9]+)?)[ .]*"),
)
_SINGLE = lazy(rf"{_TITLE}(-?[0-9]+(?:[.,][0-9]+)?){_LINE_ENDS}", re.IGNORECASE)
_NO_PAIR = (0.0, 0.0)  # out of range on every scale
_OPENINGS = _pairs(_TITLE, _GOES_ON)
_SENTENCES = _pairs(_GIVES, _SENTENCE_ENDS)


def parse_scores(text: str, *, scale: int = 10) -> tuple[float, float]:
    """The scores of assistant 1 and assistant 2, from 1 to ``scale``, in this order.

    Raises ParseError where ``text`` gives none, more than one pair, or scores out of range.
    """
    with answer_in(text) as answer:
        plain = _PLAIN.fullmatch(answer.strip())
        scores = _pair(*plain.groups()) if plain else _agreed(_simplified(answer, scale))
        if not all(1 <= score <= scale for score in scores):
            raise ParseError(f"the scores are not within 1 and {scale}")
        return scores


def _pair(first: str, second: str) -> Pair:
    return float(first.replace(",", ".")), float(second.replace(",", "."))


def _agreed(text: str) -> Pair:
    """The one pair that all statements in ``text`` give."""
    named = _named(text)
    pairs = _in_lines([line.strip(" ") for line in text.split("\n")], alone=not named)
    if len(named) == 2:
        pairs.add((named["①"], named["②"]))
    if not pairs:
        pairs = {_pair(*found.groups()) for form in _SENTENCES for found in form.finditer(text)}
    if _OTHER_SCALE.search(text):
        raise ParseError("the answer uses another scale")
    if len(pairs) != 1:
        raise ParseError(f"the answer gives {len(pairs) or 'no'} pairs of scores")
    [pair] = pairs
    if any(pair["①②".index(name)] != score for name, score in named.items()):
        raise ParseError("the answer gives one assistant two scores")
    return pair


def _in_lines(lines: list[str], *, alone: bool) -> set[Pair]:
    """The pairs that lines consist of or the first one opens with; ``alone``, also that of two single scores."""
    pairs, singles = set(), []
    lines = [re.sub(r"^[-•] ", "", line) for line in lines if line]
    for line in lines:
        if found := [match for form in _LINES if (match := form.fullmatch(line))]:
            pairs |= {_pair(*match.groups()) for match in found}
        elif single := _SINGLE.fullmatch(line):
            singles.append(single[1])
    pairs |= {
        _pair(*match.groups())
        for form in _OPENINGS
        for line in lines[:1]
        if (match := form.match(line))
    }
    if alone and singles and (pairs or len(singles) == 2):
        pairs.add(_pair(*singles) if len(singles) == 2 else _NO_PAIR)
    return pairs


def _named(text: str) -> dict[str, float]:
    """The scores next to the names of assistants."""
    statements = [(found[1], found[2]) for found in _NAMED.finditer(text)]
    statements += [(found[2], found[1]) for found in _TO_NAMED.finditer(text)]
    named: dict[str, float] = {}
    for name, number in statements:
        score = float(number.replace(",", "."))
        if named.setdefault(name, score) != score:
            raise ParseError("the answer gives one assistant two scores")
    return named


def _simplified(text: str, scale: int) -> str:
    """``text`` with plain characters, single spaces, ① and ② for the assistants and no mention of the scale."""
    text = re.sub(" {2,}", " ", text.translate(_PLAIN_CHARACTERS))
    text = _scale_mentions(scale).sub("", text)
    text = _SECOND_NAME.sub("②", _FIRST_NAME.sub("①", text))
    return _BOTH_NAMES.sub("scores", text)


@lru_cache(maxsize=16)
def _scale_mentions(scale: int) -> re.Pattern[str]:
    highest = rf"{scale}(?:\.0+)?(?![0-9]|[.,][0-9])"
    return re.compile(
        rf"""
        ,?[ ]?\(?\b(?:on|using|with|in)?[ ]?(?:an?|the)?[ ]?{_SCALE}{highest}\)?,?
      | [ ]?\((?:from[ ])?[01][ ]?(?:to|-|–|—)[ ]?{highest}\)
      | [ ]?\((?:(?:both|each)[ ])?(?:out[ ]of|/|of|max\.?)[ ]?{highest}\)
      | [ ]?(?:/|\bout[ ]of\b)[ ]?{highest}(?:[ ]?points?\b)?
      | (?<=[0-9])[ ]?(?:(?:points?|pts?|stars?)\b\.?|分|점|点)
        """,
        re.VERBOSE | re.IGNORECASE,
    )
