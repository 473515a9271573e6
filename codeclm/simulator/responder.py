"""Responses of a given quality, and how that quality is read back from the text.

A response shows its quality only by what it says: the share of sentences with substance against filler.
The same reading works for any text; where no known word occurs, length is all there is to go by.
"""

from __future__ import annotations

from random import Random

from codeclm.simulator.sentences import (
    CLOSINGS,
    FILLER,
    FILLER_WORDS,
    OPENINGS,
    SUBSTANCE,
    SUBSTANCE_WORDS,
)
from codeclm.simulator.words import words

__all__ = ["BEST", "WORST", "quality_of", "respond"]

WORST = 1.0
BEST = 10.0
_CODE = "```python\nfor entry in entries:\n    print(entry)\n```"


def respond(instruction: str, quality: float, with_code: bool, rng: Random) -> str:
    """A response of ``quality`` (WORST to BEST), about 300 to 1,500 characters, to ``instruction``."""
    topic = (
        max(instruction[:100].split() or ["it"], key=len).strip(".,;:!?()[]{}\"'`*")[:30] or "it"
    )
    count = rng.randint(8, 14)
    share = (min(BEST, max(WORST, quality)) - WORST) / (BEST - WORST)
    # Rounding up or down by chance keeps the mean quality exact in spite of whole sentences.
    with_substance = int(share * count + rng.random())
    sentences = rng.sample(SUBSTANCE, with_substance) + rng.sample(FILLER, count - with_substance)
    rng.shuffle(sentences)
    text = _paragraphs(sentences, with_code, rng)
    return text.replace("{t}", topic)


def quality_of(response: str) -> float:
    """The quality (WORST to BEST) that ``response`` shows."""
    its_words = words(response)
    substance = len(SUBSTANCE_WORDS & its_words)
    filler = len(FILLER_WORDS & its_words)
    if substance + filler == 0:
        return min(8.0, WORST + len(response) / 250)
    return WORST + (BEST - WORST) * substance / (substance + filler)


def _paragraphs(sentences: list[str], with_code: bool, rng: Random) -> str:
    middle = len(sentences) // 2
    parts = [rng.choice(OPENINGS)] if rng.random() < 0.5 else []
    parts.append(" ".join(sentences[:middle]))
    if with_code:
        parts.append(_CODE)
    if rng.random() < 0.25:
        parts.append("\n".join([f"- {sentence}" for sentence in sentences[middle:]]))
    else:
        parts.append(" ".join(sentences[middle:]))
    if rng.random() < 0.3:
        parts.append(rng.choice(CLOSINGS))
    return "\n\n".join(parts)
