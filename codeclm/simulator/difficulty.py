# ruff: noqa: E501  (one row of the table a line)
"""What makes an instruction of the simulated world hard: the aspects, how rubrics name them, how a text shows them.

Every clause of an aspect holds the aspect's *mark*, a word that occurs nowhere else in what is written
here; counting marks in a text is how its difficulty is read back.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from random import Random

from codeclm.simulator.words import words

__all__ = ["ASPECTS", "Aspect", "aspect_of_action", "difficulty_of", "harder_clause"]

CHARS_PER_LEVEL = 600
"""A text of this length is one level harder than an empty one, whatever it says ..."""

MAX_LEVELS_BY_LENGTH = 3.0
"""... up to this many levels."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way to be difficult. ``places`` are the values for the ``{}`` of a clause."""

    mark: str
    action_words: frozenset[str]
    rubrics: tuple[str, ...]
    actions: tuple[str, ...]
    clauses: tuple[str, ...]
    places: tuple[str, ...]


# mark ; words of an action that mean this aspect ; rubrics (one | one) ; actions ; clauses ; places
_TABLE = """
within
limits limit restrict constraints constraint budgeted
How many limits the answer has to respect at once. | How tight the conditions are under which the task is to be solved.
Add limits on length, time or means that leave little room. | Restrict what may be used so that the easy way is closed.
Everything has to fit within {}. | Keep the whole thing within {}. | It must be done within {}, without leaving anything out. | Stay within {} at all times.
two pages | 300 words | half an hour | ninety seconds | what a single person can carry | a space of four square metres | the means of a school | one afternoon | 40 euros | six sentences | three paragraphs | what is already in the house
assumption
assumptions reasoning deeper inferences premises depth
How many dependent inferences lie between the question and the answer. | How deep the reasoning has to go.
Require longer reasoning in which every inference builds on earlier ones. | Ask for the premises behind each claim, so that shallow answers fail.
Spell out each assumption about {} and what follows if it does not hold. | Name one assumption behind {} and show where it matters. | Derive it from a single assumption about {}. | Say which assumption about {} you would drop last.
the people involved | the timing | the available means | the weather | what others will do | the quality of the input | the order of events | the starting point | what is left unsaid | the size of the group
alternatives
alternatives trade-offs decide options weighing choice
Whether several ways compete and have to be weighed. | The number of options between which a justified choice is needed.
Introduce competing options and demand a decision between them. | Demand weighing trade-offs rather than a single recipe.
Weigh {} alternatives against each other before you settle on one. | Reject {} obvious alternatives and say on what grounds. | Rank {} alternatives by how much is lost if they fail. | Lay out {} alternatives of equal merit first.
two | three | four | at least two | at least three | exactly three | no more than three | several
unless
exceptional edge cases special unusual corner
How many special cases the answer must cover. | Whether unusual circumstances break the standard answer.
Bring in unusual circumstances that the usual answer does not cover. | Ask for corner cases to be treated on their own.
It should hold always, unless {}; treat that situation on its own. | Nothing may change unless {}, and then say precisely what does. | The usual way applies unless {}: cover both. | Unless {}, no extra help can be expected.
it rains | somebody drops out | the power fails | the main person is ill | the numbers double | the order is reversed | everything comes at once | the first attempt goes wrong | it has to be repeated daily | nobody replies | it falls on a holiday
viewpoint
perspectives stakeholders viewpoints opinions several roles
How many perspectives have to be reconciled. | Whether readers with opposing interests must be served.
Demand that several stakeholders with different interests are served. | Bring in perspectives that pull in opposite directions.
Include the viewpoint of {}. | Do justice to the viewpoint of {}, who would object. | Leave room for the viewpoint of {} without giving in to it. | End with the viewpoint of {}.
someone who pays for it | a child | a neighbour who was never asked | the inspector | a latecomer | a former member | the person who cleans up | an outsider | the next generation | a competitor | a deaf participant
undisclosed
incomplete ambiguous information hidden uncertainty unknown
How much of the needed information is incomplete or ambiguous. | Whether uncertainty has to be handled openly.
Hide one needed piece of information so that it must be handled openly. | Make part of the situation ambiguous and ask for a way to deal with it.
Note that {} is undisclosed; say how you proceed either way. | As {} stays undisclosed until the last moment, prepare for it. | Cope without it: {} is undisclosed. | Treat {} as undisclosed and name what you would ask.
the number of participants | the exact place | the final date | one of the names | the previous result | who signs it | what the others were told | the amount at stake | the order of speakers | the version in use
double-check
verify verified verification check validated confirm correctness
Whether the result can be verified and has to be. | How hard it is to notice a wrong answer.
Request that the outcome is verified in an independent manner. | Ask for a way to confirm correctness without repeating the work.
Double-check the outcome by {}. | Let the reader double-check it by {}. | Then double-check one part by {} and report what you see. | Show how to double-check it by {}.
going backwards from the end | a rough estimate | a second method | leaving one part out | swapping the roles | trying the smallest possible case | asking someone who was there | taking the extreme values | counting twice
contradictory
conflicting contradict contradictory incompatible wishes opposed
Whether requirements contradict each other. | How far the wishes in it are incompatible.
Include two wishes that contradict each other. | Make requirements conflicting so that they must be reconciled.
Reconcile two contradictory wishes: {}. | There are contradictory demands, namely {}; serve both. | Do not hide that it is contradictory to want {}. | Resolve the contradictory orders to have {}.
more detail and less text | haste and care | one voice for all and a personal touch | something new and nothing unfamiliar | full openness and no names | a fixed end and an open outcome | lower effort and higher quality | silence and attention | plain words and exact terms
objection
counterarguments objections defend criticism opposing rebuttal
Whether the answer has to withstand opposing arguments. | How strong the criticism is that must be met.
Ask to defend the answer in the face of strong criticism. | Call for counterarguments and a rebuttal.
Answer the strongest objection, which comes from {}. | Anticipate an objection by {} and meet it halfway. | Leave one objection by {} standing and explain it. | Begin with the objection that {} would raise.
an expert | the treasurer | a lawyerly mind | a tired parent | the press | an old hand | a rival group | the youngest in the room | a perfectionist | the owner of the building
subsection
format structure structured layout sections organized
How demanding the form of the answer is. | How strictly the answer must be structured.
Prescribe a demanding structure for the answer. | Require a layout in which every part has its fixed place.
Organise it in {} with one subsection each for risk and effort. | Give {}, every one closed by a subsection on what is open. | Use {} and put the essence of each subsection in its last sentence. | Split it into {}; no subsection may repeat another.
three chapters | four blocks | two halves | five parts | three columns | six panels | four acts | a frame and a core
suppose
hypothetical counterfactual changed scenario what-if variations
Whether the answer must be carried over to changed scenarios. | How far hypothetical variations go beyond the known situation.
Add a hypothetical variation of the scenario that needs an answer of its own. | Ask what a counterfactual would alter.
Finally, suppose {}: what would be different? | Now suppose {} and redo the part that no longer fits. | Also suppose {}, and say whether you would still begin the same way. | In a closing remark, suppose {}.
it were ten times as big | it took place fifty years from now | nobody could read | half of the group left | it had to be free | it were done in the dark | everyone knew already | only two people were left | it could never be undone
quantify
quantitative measurable precise numeric exactness concrete
How precise and measurable the answer has to be. | Whether concrete quantities are needed in place of general statements.
Insist on precise, measurable statements in place of general ones. | Ask for concrete quantities wherever words would be vague.
Quantify {} and say how sure you are. | Where possible, quantify {}. | Do not only mention {}: quantify it. | Quantify {} for the best and the worst turn.
the effort | the gain | the waste | the waiting | the risk | the noise | the number of helpers | the distance | what is left over | the demand
"""


def _read(lines: list[str]) -> Aspect:
    mark, action_words, *rows = lines
    return Aspect(mark, frozenset(action_words.split()), *(tuple(r.split(" | ")) for r in rows))


_LINES = _TABLE.strip().splitlines()

ASPECTS: tuple[Aspect, ...] = tuple(_read(_LINES[i : i + 6]) for i in range(0, len(_LINES), 6))
"""All aspects of difficulty."""

_MARKS = frozenset(aspect.mark for aspect in ASPECTS)


def difficulty_of(instruction: str, its_words: Set[str] | None = None) -> float:
    """How hard ``instruction`` is, from 0: its distinct marks and its length. A level is about one clause."""
    marks = len(_MARKS.intersection(words(instruction) if its_words is None else its_words))
    return marks + min(MAX_LEVELS_BY_LENGTH, len(instruction) / CHARS_PER_LEVEL)


def aspect_of_action(action: str, rng: Random) -> Aspect:
    """The aspect that ``action`` speaks of; drawn with ``rng`` where it speaks of none."""
    its_words = words(action)
    best = max(ASPECTS, key=lambda aspect: len(aspect.action_words & its_words))
    return best if best.action_words & its_words else rng.choice(ASPECTS)


def harder_clause(instruction: str, aspect: Aspect, rng: Random) -> str:
    """A sentence that adds ``aspect`` to ``instruction``, or another aspect if it is already there."""
    its_words = words(instruction)
    if aspect.mark in its_words:
        open_aspects = [other for other in ASPECTS if other.mark not in its_words]
        aspect = rng.choice(open_aspects or ASPECTS)
    return rng.choice(aspect.clauses).format(rng.choice(aspect.places))
