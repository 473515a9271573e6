"""What the simulated models say: substance, filler, and sentences that are neither.

Each line of substance and each line of filler is written as ``word | sentence``; the word occurs in that
sentence and in no other sentence here. A reader who counts such words sees how much of a response says
something: that, and nothing hidden, is its quality. ``{t}`` is a topic word of the instruction.
"""

from __future__ import annotations

__all__ = ["CLOSINGS", "FILLER", "FILLER_WORDS", "OPENINGS", "SUBSTANCE", "SUBSTANCE_WORDS"]

_SUBSTANCE = """
twenty | Set aside twenty minutes for the first part and twice that for the one after it.
cheapest | The cheapest way that still works is to reuse what is already there and replace only the worn parts.
therefore | The second number rests on the first, and therefore an early slip doubles by the end.
label | Label every item of {t} with a date and an owner, so that nothing has to be asked twice.
instance | For instance, with 40 people and 3 doors the longest wait falls from 9 minutes to 4.
measured | Measured against last year, that saves about 15 of 60 hours and loses none of the results.
ratio | Keep a ratio of 2 to 1 between the two, because below that the effect is gone.
exact | The exact order is: inform the owner, collect what exists, mark the gaps, then begin with {t}.
pitfall | The usual pitfall is to start with the visible part; the hidden part decides whether it lasts.
responsible | Name one person who is responsible for {t} and one who stands in on Tuesdays and Fridays.
threshold | Below a threshold of 8 it is not worth the effort, above 12 it pays in the first month.
dated | A dated note of three lines after each attempt shows after five attempts which half to drop.
subtract | Take the total, subtract what is fixed, and divide what is left by the number of weeks.
concretely | Concretely: two tables by the window, one by the door, and the screen opposite the entrance.
mechanism | The mechanism is simple: pressure builds up on one side until the weaker side gives way.
verified | This can be verified by repeating it with half the amount and looking for half the result.
fallback | As a fallback keep a printed copy of {t} and the number of somebody who has done it before.
sequence | In that sequence each part rests on the last, so a mistake shows up one move later at most.
deliberately | Leave the third slot empty deliberately; in nine of ten rounds something needs it.
precisely | Ask precisely one thing of each helper, and write it on the card they carry.
evidence | The evidence for this comes from two long trials with about 300 participants each.
inspect | Inspect the joints of {t} once a week and replace anything that moves by more than 2 mm.
proportional | The effort is proportional to the number of exceptions rather than to the size of {t}.
remainder | Spread the remainder over the quiet days instead of adding it to the last one.
criterion | The criterion for stopping is clear: two rounds in a row without any change.
crucial | The crucial detail is the handover, since 7 of 10 losses happen in those five minutes.
budgeted | With 120 budgeted and 95 used, there is room for exactly one correction.
boundary | At the boundary between both cases treat {t} like the stricter one, which is never worse.
documented | A documented case from 2011 went the same way and took eleven weeks to undo.
sketch | A sketch on one sheet with four arrows is enough to see where {t} gets stuck.
counterexample | A counterexample is the reversed order, where the second half has nothing to build on.
tolerance | Allow a tolerance of a tenth on either side and reject anything beyond it.
overlap | Let the shifts overlap by a quarter of an hour, which removes most questions about {t}.
seldom | It is seldom the material that fails; in four of five cases the fastening comes loose.
derived | The figure of 36 is derived from 4 groups of 9, not from the number of chairs.
halve | Halve the amount before changing anything else, since that isolates the one thing that counts.
"""

_FILLER = """
various | There are various things to keep in mind here.
generally | Generally speaking, it is good to be well prepared.
depends | It depends on many factors and on the situation.
important | It is important to take this seriously.
everyone | Everyone is different, so there is no single answer.
overall | Overall, a balanced approach tends to be a good idea.
always | You should always do your best.
interesting | This is a very interesting topic that many people care about.
aspects | There are many aspects of {t} that could be mentioned.
quality | High quality is key to a good result.
carefully | Think carefully about what you want.
ultimately | Ultimately, it comes down to what feels right.
plays | {t} plays a big role in many areas of life.
research | Do some research to learn more about it.
sure | Make sure that everything is in order.
essential | Good preparation is essential for success.
consider | You may want to consider different points.
helpful | It can be helpful to talk to others about {t}.
nowadays | Nowadays there are more possibilities than ever before.
journey | Remember that it is a journey and not a race.
simply | Simply start and see how it goes.
positive | Try to stay positive and keep going.
plenty | There is plenty of material about {t} out there.
certainly | It can certainly be done with the right mindset.
basically | Basically, it is all about finding a balance.
matters | In the end, what matters is the result.
several | There are several ways to look at this.
usually | It usually works out fine.
appropriate | Choose what seems appropriate.
significant | The impact can be significant.
effective | An effective solution takes everything into account.
modern | In our modern world this is more relevant than ever.
potential | There is a lot of potential in {t}.
somewhat | This may be somewhat difficult at times.
etc | Think of people, places, things, etc.
whatever | Adjust it to whatever you need.
"""

OPENINGS = tuple(
    """
Here is my answer on {t}.
Thank you for the question about {t}.
Let us look at {t}.
Below you find what I would do about {t}.
On {t}, then.
Here we go.
My answer:
This is how I would go about {t}.
""".strip().splitlines()
)

CLOSINGS = tuple(
    """
I hope this is of use.
Tell me if another version is wanted.
That would be my answer.
Feel free to ask for more on any part.
With that, {t} should be in good hands.
""".strip().splitlines()
)


def _read(table: str) -> tuple[tuple[str, ...], frozenset[str]]:
    pairs = [line.split(" | ") for line in table.strip().splitlines()]
    return tuple(sentence for _, sentence in pairs), frozenset(word for word, _ in pairs)


SUBSTANCE, SUBSTANCE_WORDS = _read(_SUBSTANCE)
FILLER, FILLER_WORDS = _read(_FILLER)
