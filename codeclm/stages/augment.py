"""Augment: new metadata by mix and match (section 3.2 of the paper), with an optional check by the strong model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.patterns import lazy
from codeclm.records import Metadata

__all__ = ["TEMPLATE", "mix_and_match", "parse_yes_no"]

TEMPLATE = """\
You check whether a use case and a set of skills go together.

A pair is reasonable if a person could well give an instruction for this use case whose answer needs all of \
these skills.
Answer with one word, yes or no.

Use case: {{ use_case }}
Skills: {{ skills | join(", ") }}
"""

_OPENS = lazy(
    r"\W*+(yes|no)\b(?=\W*\Z|[ \t*_]*+(?:[.,;:!\n(–—]|-[ -])|[ \t]++(?:because|since|as|it|they|these|this|the)\b)",
    re.IGNORECASE,
)
_ENDS = lazy(
    r"(?:\A|\n|\b(?:answer|verdict|reasonable|therefore|so|is|result)\b[\s\"'*:,]{1,9})[^\w\n]{0,9}(yes|no)\W{0,12}\Z",
    re.IGNORECASE,
)
_LAST_WORD = lazy(r"\b(yes|no)\W*\Z", re.IGNORECASE)


def parse_yes_no(text: str) -> bool:
    """Whether ``text`` says yes, in its first word or its last.

    Raises ParseError where it says neither, or both.
    """
    with answer_in(text) as answer:
        said = {
            found[1].casefold() for form in (_OPENS.match, _ENDS.search) if (found := form(answer))
        }
        if said and (last := _LAST_WORD.search(answer)):
            said.add(last[1].casefold())
        if len(said) != 1:
            raise ParseError("the answer says neither yes nor no, or both")
        return said == {"yes"}


def mix_and_match(
    found: Sequence[Metadata], number: int, *, run_seed: int = 0
) -> Iterator[Metadata]:
    """``number`` new pairs, fewer where no more exist: a use case found with 1 to 3 of all skills found.

    Deterministic. Use cases are drawn as often as they were found; no pair equals one found or made before.
    """
    if not found:
        return
    rng = Random(f"{run_seed}:mix and match")
    skills = list(dict.fromkeys(skill for metadata in found for skill in metadata.skills))
    known = {_identity(metadata) for metadata in found}
    misses = 0
    while number and misses < MAX_MISSES:
        size = rng.randint(1, min(3, len(skills)))
        made = Metadata(rng.choice(found).use_case, tuple(rng.sample(skills, size)))
        if _identity(made) in known:
            misses += 1
            continue
        known.add(_identity(made))
        number, misses = number - 1, 0
        yield made


def _identity(metadata: Metadata) -> tuple[str, frozenset[str]]:
    return metadata.use_case, frozenset(metadata.skills)


MAX_MISSES = 1000
"""Draws in a row that give nothing new: the combinations are used up."""
