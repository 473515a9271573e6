# ruff: noqa: E501  (one row of the table a line)
"""The skills of the simulated world: how an instruction asks for each, and the words that give it away.

A skill has *cues* (sentences that ask for it, whatever the use case) and *keywords* (lower-case words of
which at least one is in every cue). No keyword belongs to two skills, and none occurs in the other parts
of a written instruction, so that skills can be read back from the text alone.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SKILLS", "SKILL_OF_KEYWORD", "STRONG_SUITS", "WEAK_SKILLS", "Skill"]


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill. ``keywords`` are lower-case single words; hyphens stay inside a word."""

    name: str
    keywords: tuple[str, ...]
    cues: tuple[str, ...]


WEAK_SKILLS = frozenset(
    {
        "concurrency control",
        "formal proof",
        "legal reasoning",
        "memory management",
        "probability calculation",
        "rate reasoning",
        "regular expressions",
        "statistical inference",
    }
)
"""Planted: the target model is far behind the strong one wherever an instruction needs one of these."""

STRONG_SUITS = frozenset({"casual tone", "humor writing", "rhyme and meter"})
"""Planted: the target model is ahead of the strong one here."""

# name | keywords | cue | cue | cue
_TABLE = """
role-play | role-play character persona pretend | Stay in character as someone who has lived with it for years. | Answer as a persona of your choice and never drop it. | Pretend to be the person in charge that day.
vivid description | vivid sensory scenery describe | Make the setting vivid enough to smell. | Rely on sensory impressions. | Describe the light, the sounds and the weather.
emotional tone | emotional mood feelings moving | Let the mood turn from doubt to relief. | Give it an emotional ending. | Show the feelings of everyone involved.
dialogue writing | dialogue conversation spoken lines | Tell half of it in dialogue. | Put the turning point into a spoken exchange. | Carry it by a conversation between two strangers.
plot construction | plot twist climax novel | Build the plot around one wrong decision. | Add a twist near the end that was prepared early. | Lead up to a climax nobody expects.
rhyme and meter | rhyme rhymes meter stanza poem haiku verse | Let every second line rhyme. | Keep a steady meter throughout. | End on a stanza that can be sung.
humor writing | funny joke humor humorous comedy | Make it funny without mocking anyone. | Open with a joke that comes back later. | Use dry humor.
metaphor use | metaphor metaphors analogy simile | Carry one metaphor through the whole piece. | Find an analogy from gardening. | Replace the technical terms by a simile.
concise phrasing | concise wordy brevity shorten tighten | Be concise: no sentence longer than a breath. | Aim for brevity. | Tighten it until nothing can go.
formal register | formal letter official courteous | Keep a formal register. | Word it as an official notice. | Stay courteous and impersonal.
casual tone | casual chatty slang texting buddy | Sound casual, as if texting. | Use a bit of slang. | Keep it chatty, like talking to a buddy.
persuasive writing | persuade persuasive convince pitch slogan | Persuade a reader who has already said no. | Convince the sceptics first. | Turn it into a pitch.
audience adaptation | beginner layperson grandmother adapt ten-year-old | Adapt it for a complete beginner. | Word it so that a ten-year-old follows. | Picture a layperson as the reader.
editing and proofreading | proofread grammar typos spelling edit punctuation | Proofread the draft before you hand it over. | Correct the grammar on the way. | Remove typos and mark what you touched.
paraphrasing | paraphrase reword rephrase rewrite | Paraphrase the key passage twice. | Reword anything that sounds copied. | Rephrase the main message for a new medium.
headline writing | headline headlines title titles caption | Offer three headlines to choose from. | Put a title above each part. | Find a caption for the picture that goes with it.
storytelling structure | story storytelling narrative tale fairy | Tell it as a story with a beginning and an end. | Use a narrative arc. | Shape it like a tale told at a fire.
python programming | python pandas numpy pip django def | Use Python for everything that is computed. | Include a Python snippet that runs as it is. | Do it in pandas.
sql queries | sql query join database postgres mysql select | Include the SQL that fetches what you need. | Write the query against two joined relations in a database. | Show one join and what it returns.
memory management | memory ram heap leak allocation gigabytes garbage-collected | It has to run in little memory. | Find where the heap grows and stop the leak. | Make sure it needs no more RAM than a phone has.
file processing | file files csv folder directory xml parse | Read the input from a file line by line. | Handle a folder with hundreds of inputs. | Accept CSV as input.
regular expressions | regex regexp wildcard backreference lookahead | Match the entries with a single regex. | Use a lookahead to skip what does not belong. | Give the regexp and what each group captures.
algorithm design | algorithm sort complexity recursion graph array linked binary | Design an algorithm for it and state its running time. | Sort the entries by two criteria. | Use recursion where it reads better than a loop.
error handling | exception exceptions traceback crash bug debug error errors | Say what happens on every error. | Catch the exception where something can be done about it. | Make it survive a crash half-way.
api design | api endpoint rest http request json url | Put a small API in front of it. | Design the endpoint and its parameters. | Return JSON that other tools can read.
unit testing | test tests unittest pytest assert mock | Add tests for the parts that can break. | Write the pytest functions as well. | Show one assert that would have caught it.
concurrency control | threads concurrent deadlock mutex asyncio parallel goroutine lock | Several threads do it at once; keep them from getting in each other's way. | Make it safe for concurrent use. | Show how a deadlock could arise and prevent it.
rate reasoning | rate rates speeds faster mph tank drains pipe travels arrives | Work out how long it takes if two helpers share the job at unequal speeds. | The supply drains while it is refilled; say when it is gone. | State the rate after every stage.
algebraic manipulation | equation equations algebra solve variable x polynomial quadratic | Set up the equation and solve it for the unknown. | Use algebra where guessing would do. | Reduce it to one variable.
probability calculation | probability dice odds chance random coin likelihood | Calculate the probability that it goes wrong. | Give the odds of each outcome. | Say what the chance is that two of them coincide.
geometric reasoning | area triangle angle radius rectangle geometry circle volume | Calculate the area that is needed. | Determine the angle from a sketch. | Say which radius fits.
unit conversion | convert miles kilometers pounds ounces celsius fahrenheit metric | Convert all measures to the metric system. | State temperatures in Celsius and Fahrenheit. | Switch from pounds to kilograms where it helps.
formal proof | prove proof theorem induction lemma contradiction axiom | Prove that the result always holds. | Give a proof by induction. | State the lemma you rely on.
percentage calculation | percent percentage discount interest markup | State every change in percent. | Calculate the discount that breaks even. | Give the share of each part as a percentage.
statistical inference | hypothesis significance p-value regression variance sample confidence-interval statistics correlation | State the hypothesis and report the p-value. | Say whether the sample is large enough. | Fit a regression and discuss the variance.
data interpretation | data dataset trend trends chart interpret spike | Interpret the trend over the last months. | Explain the spike in the data. | Say what a chart of it would show.
table reading | table rows spreadsheet excel cell | Use the rows that matter and ignore all others. | Fill a table with what you find. | Arrange it like a spreadsheet.
causal analysis | cause causes reason reasons effect effects | Trace each cause to what it brought about. | Find the reasons behind the reasons. | Separate effects from coincidences.
logical deduction | deduce logic logical puzzle riddle clue clues deduction | Deduce who cannot have been involved. | Use the clues one after the other. | Leave a logical trail to the conclusion.
critical evaluation | evaluate criticize critique flaws strengths weaknesses review | Evaluate the usual answer and its flaws. | Critique the first idea that comes to mind. | List strengths and weaknesses.
comparison and contrast | compare comparison differences versus vs contrast difference | Compare the two most common ways of doing it. | Point out the differences to how it used to be. | Contrast it with the opposite approach.
source citation | cite citation bibliography references sources footnote | Cite where each claim comes from. | Add a short bibliography. | Name your sources.
fact recall | capital famous invented fact facts trivia | Back it with a fact most people have forgotten. | Add a piece of trivia that fits. | Start from a famous case.
legal reasoning | legal law contract court liability lawsuit tenant copyright statute tax rental | Say what the law requires here. | Check the contract and who bears the liability. | Explain how a court would see it.
medical terminology | medical symptoms disease doctor diagnosis treatment health | Use the medical terms and explain them. | Name the symptoms to watch for. | Say what a doctor would ask.
financial planning | invest investment savings stock retirement stocks mortgage financial | Include a savings plan over three years. | Say which part is an investment. | Think of retirement as well.
budget calculation | budget cost costs price spend expenses cheap | Stick to a small budget and add it up. | List the expenses. | Find where half of the price can be saved.
historical context | history historical century war empire ancient revolution | Place it in its historical context. | Say how it was done a century ago. | Mention the war that changed it.
scientific explanation | physics chemistry biology molecule energy gravity science quantum | Explain the physics behind it. | Say what happens on the level of a molecule. | Mention where the energy goes.
cultural awareness | culture cultural customs tradition traditions etiquette religion | Respect the customs of the region. | Mention a tradition that matters here. | Point out what is rude in another culture.
translation accuracy | translate translation french spanish german italian language | Add a Spanish translation. | Give the key terms in French as well. | Translate the most important sentence into German.
nutritional guidance | nutrition calories protein vegan diet gluten-free vitamins healthy | Keep it vegan and rich in protein. | Count the calories. | Offer a gluten-free variant.
itinerary planning | itinerary route sightseeing flight hotel trip travel destinations | Break it into an itinerary by day. | Choose the route with the fewest changes. | Include a stop for sightseeing.
time management | schedule deadline deadlines calendar timetable procrastination minutes | Fit it into a schedule with a deadline. | Put it into a calendar. | Draw up a timetable with slack in it.
step-by-step explanation | step steps step-by-step stepwise walkthrough | Explain it step by step. | Number the steps. | Make it a walkthrough.
goal setting | goal goals milestone milestones habit habits progress | Set three goals that can be measured. | Agree on a milestone for every week. | Turn it into a habit.
empathy and support | empathy comfort grief stress anxious supportive encouraging | Show empathy for the one who is left out. | Find words of comfort. | Be supportive without being blind.
conflict resolution | conflict argue dispute mediate quarrel compromise negotiate | Settle the quarrel that it brings. | Propose a compromise both can live with. | Mediate between two sides.
ethical judgment | ethical ethics moral fair privacy bias | Discuss the moral side of it. | Say whether it is fair to all. | Weigh privacy against convenience.
key point extraction | summarize summary gist tl;dr bullet bullets takeaway takeaways | End with a summary in three bullets. | Pull out the takeaways. | Give the gist before the details.
question design | quiz multiple-choice questionnaire interview questions exam | Add a quiz with five items. | Close with interview questions about it. | Turn half of it into a multiple-choice exercise.
geographic recall | country countries river mountains continent map island | Name the country where it is most common. | Locate it on a map. | Mention the river next to it.
"""


def _read(line: str) -> Skill:
    name, keywords, *cues = (part.strip() for part in line.split(" | "))
    return Skill(name, tuple(keywords.split()), tuple(cues))


SKILLS: dict[str, Skill] = {s.name: s for s in map(_read, _TABLE.strip().splitlines())}
"""All skills by name."""

SKILL_OF_KEYWORD: dict[str, str] = {
    keyword: skill.name for skill in SKILLS.values() for keyword in skill.keywords
}
"""The skill that a word of an instruction gives away."""
