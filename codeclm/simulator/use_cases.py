# ruff: noqa: E501  (one row of the table a line)
"""The use cases of the simulated world: what instructions are for, and what they are about.

Frames hold the places ``{t}`` (a topic of the use case) and ``{a}`` (an audience). Like the other parts of
a written instruction they avoid every keyword of a skill and every mark of difficulty.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AUDIENCES", "DETAILS", "FORMS", "USE_CASES", "UseCase"]


@dataclass(frozen=True, slots=True)
class UseCase:
    """One use case. ``keywords`` are the lower-case words that speak for it, besides its skills."""

    name: str
    keywords: tuple[str, ...]
    skills: tuple[str, ...]
    frames: tuple[str, ...]
    topics: tuple[str, ...]


# name ; keywords ; skills ; frames (one | one) ; topics (one | one)
_TABLE = """
creative writing
essay narrator imagine creative fiction
role-play, vivid description, emotional tone, dialogue writing, plot construction, storytelling structure, humor writing
Write a scene about {t} for {a}. | Imagine {t}. Write the opening page for {a}. | Write a monologue in which somebody remembers {t}; it will be read by {a}. | I need a short piece of fiction on {t} that works for {a}. | Continue this opening for {a}: "Nobody had mentioned {t} until that night."
a lighthouse about to be switched off | the last bakery of a village | a letterbox that answers | two sisters and one inheritance | a night train that never stops | a gardener in a space colony | an apology that comes too late | a chess club in winter | the day the bees came back | a forgotten voicemail | a museum guard and a painting | a flooded library
code generation
function program script class code implement
python programming, algorithm design, file processing, api design, regular expressions, error handling, unit testing, concurrency control
Write a program for {t}. It will be used by {a}. | Implement {t} so that {a} can extend it later. | I am building {t} for {a}; write the core function. | Give me a small command line tool for {t}, documented for {a}. | Write a class that models {t} and show {a} how to call it.
a library's lending desk | a bicycle pool | an inventory of spare parts | a log analyser | a shift planner for volunteers | a duplicate finder for photos | a reading list | a parking garage with three levels | a polling station | a plant watering reminder | a bookshop's returns | a queue at a ticket counter
code debugging
fix broken stacktrace fails wrong
error handling, python programming, memory management, sql queries, concurrency control, regular expressions, unit testing
My script for {t} dies after an hour. Find out what is going on and fix it for {a}. | The nightly job behind {t} fails every second run; help {a} to find the fault. | This worked yesterday and is broken today: {t}. Guide {a} to the fix. | Our code for {t} returns wrong results under load. Show {a} how to narrow it down. | {a_cap} inherited the program for {t} and it hangs at start. What should be looked at?
importing supplier orders | resizing uploaded images | nightly invoice generation | merging two address books | a sensor dashboard | a chat server | counting visitors at a gate | syncing calendars | a recommendation feed | scoring school papers | a backup job | matching donors and hospitals
math problem solving
calculate math mathematics number numbers sum minimum maximum
rate reasoning, algebraic manipulation, probability calculation, geometric reasoning, percentage calculation, unit conversion, formal proof, step-by-step explanation
Pose and settle a numeric problem around {t} that {a} would find useful. | {a_cap} must plan {t}. Work out the numbers. | Here is a problem about {t}: the totals do not match. Find the right ones for {a}. | How many are needed for {t}? Calculate it in a way {a} can check. | Take {t} and show {a} the mathematics in it.
filling a swimming pool | sharing a restaurant bill | tiling a kitchen floor | a relay of four runners | mixing two kinds of paint | seating guests at round tables | a raffle with 500 tickets | printing a yearbook | a garden fence on a slope | buses between two towns | stacking boxes in a van | a school's election
question answering
what which how where answer
fact recall, scientific explanation, historical context, geographic recall, causal analysis, key point extraction
How does {t} work? Answer for {a}. | What should {a} know about {t}? | Which common beliefs about {t} are mistaken? Answer {a} directly. | {a_cap} asked me about {t} and I had no answer. What is a good one? | Where does {t} come from, and how did it spread? Keep {a} in mind.
daylight saving | the smell of rain | printed banknotes | decaf coffee | traffic lights | the barcode | fireflies | the leap second | sourdough | passport colours | tides in narrow bays | noise-cancelling headphones
text summarization
article passage text abstract report
key point extraction, concise phrasing, paraphrasing, critical evaluation, audience adaptation
Condense the passage below on {t} for {a}. | Below is part of a report about {t}. Shrink it to what {a} must know. | Turn this article on {t} into a note for {a}. | {a_cap} will not read the text below about {t}; say in a few sentences what is in it. | Write an abstract of the passage on {t} below, for {a}.
urban beekeeping | a four-day week | night buses | school gardens | repair cafes | microplastics in lakes | remote work | noise in open offices | wild boars in suburbs | public fountains | car sharing | libraries that lend instruments
translation and localization
localize localization bilingual subtitles
translation accuracy, cultural awareness, formal register, paraphrasing, casual tone
Localize the welcome text of {t} for {a}. | The sign at {t} must be understood by {a}; word it and carry it over to a second tongue. | Prepare bilingual wording for {t}, read mostly by {a}. | Subtitles are needed for a film about {t}; write them for {a}. | Carry the slogan-free announcement of {t} over for {a}.
a mountain hut | a food festival | a ferry line | a reading cafe | an open-air cinema | a hardware shop | a maternity ward | a youth hostel | a cheese cooperative | a hiking app | a public bath | a puppet theatre
business email writing
email mail reply subject colleague
formal register, concise phrasing, persuasive writing, conflict resolution, editing and proofreading
Write an email about {t} to {a}. | Reply to {a}, who wrote an angry mail about {t}. | Draft a message that tells {a} about {t}. | I have to inform {a} of {t}; write the mail with a subject line. | Write a reminder on {t} to {a} that does not sound annoyed.
a late delivery | a cancelled workshop | new office hours | a wrong invoice | a change of supplier | a lost parcel | the summer party | a product recall | a broken heating system | the end of a pilot project | a double booking | an unpaid bill
data analysis
analyze analysis average median dashboard
data interpretation, statistical inference, sql queries, table reading, percentage calculation, causal analysis
Analyze the figures on {t} below for {a}. | What do the numbers on {t} below tell {a}? | Prepare the analysis of {t} that {a} asked for, from the values below. | {a_cap} suspected that something is off with {t}. Look at the values below. | Find the two most useful averages for {t} in the values below and present them to {a}.
weekly ticket sales | library loans by branch | electricity use of a school | complaints per bus line | donations after a campaign | returns of an online shop | attendance of evening classes | water levels of a reservoir | bookings of a guest house | delays at a ferry terminal | newsletter openings | harvest per field
travel planning
visit vacation weekend tourist
itinerary planning, budget calculation, cultural awareness, geographic recall, time management, casual tone
Plan {t} for {a}. | {a_cap} would like {t}. What do you propose? | Suggest what {a} could do with {t}. | Help {a} to prepare {t} without a car. | Write the handout for {t}; the group consists of {a}.
four days on the coast in autumn | a weekend in a city of bridges | a week of hiking with a tent | a rainy Sunday by train | a school outing to a mine | two weeks of cycling along canals | a birthday in the hills | a stopover of nine hours | a tour of old harbours | a winter week without skiing | a pilgrimage of three days | a visit to relatives overseas
recipe development
recipe cook cooking ingredients dish meal dinner
nutritional guidance, step-by-step explanation, unit conversion, budget calculation, cultural awareness
Develop a recipe for {t} that {a} can manage. | {a_cap} asked for {t}. Write the recipe. | Rework the classic version of {t} for {a}. | Write a cooking card for {t}, to be used by {a}. | Which ingredients does {t} really need? Make it a dish for {a}.
lentil stew | a birthday cake without an oven | stuffed peppers | a picnic salad | pumpkin soup | flatbread from a pan | a breakfast for forty | pickled cabbage | rice pudding | mushroom dumplings | a one-pot supper | tomato sauce for the freezer
legal advice
rights landlord clause sue regulation
legal reasoning, formal register, critical evaluation, ethical judgment, step-by-step explanation
Advise {a} on {t}. | {a_cap} got into trouble over {t}. What are the options? | What are the rights of {a} when it comes to {t}? | Draft a clause on {t} that protects {a}. | Explain to {a} how {t} is usually settled.
a deposit that is not paid back | noise from a rooftop bar | a cracked phone under warranty | photos used without consent | a fence on the wrong side | an unpaid internship | a cancelled wedding venue | a dog that bit a cyclist | a used car with hidden rust | a will written by hand | a late rent payment | a bad online rating
medical information
pain sleep medicine injury clinic
medical terminology, causal analysis, audience adaptation, empathy and support, statistical inference
Inform {a} about {t}. | {a_cap} asked about {t}. What is worth knowing? | Write a leaflet on {t} for {a}. | What helps against {t}, and what does not? Write for {a}. | Prepare {a} for a first visit to the clinic because of {t}.
hay fever | a sprained ankle | poor sleep | a child's earache | high blood pressure | a tick bite | back pain from sitting | low iron | a migraine | jet lag | a stye | a burnt finger
lesson planning
lesson teach teacher students classroom pupils
question design, audience adaptation, step-by-step explanation, goal setting, time management, scientific explanation
Plan a lesson on {t} for {a}. | {a_cap} will teach {t} for the first time. Prepare the hour. | Design a classroom activity around {t} that {a} can lead. | Write a worksheet on {t}, handed out by {a}. | How can {t} be taught without a projector? Advise {a}.
photosynthesis | fractions | the water cycle | persuading in public | road signs | the telegraph | electric circuits | commas | volcanoes | fake news | the moon's phases | first aid
marketing copywriting
marketing advertisement product brand campaign customers
persuasive writing, headline writing, audience adaptation, concise phrasing, humor writing, casual tone
Write an advertisement for {t}, aimed at {a}. | Launch {t}: write the announcement that {a} will read. | Write the product page for {t}. Most customers are {a}. | Create a campaign of three posts for {t} that {a} would share. | Our brand sells {t} and nobody among {a} knows us. Write the first flyer.
a folding bicycle | soap without a wrapper | a standing desk | a meal box for students | refillable pens | a podcast on lost places | a rain jacket from old tents | a silent blender | a course in juggling | a neighbourhood newspaper | an alarm clock with sunrise | a board game on trains
career coaching
job resume career cv employer salary
goal setting, time management, question design, empathy and support, persuasive writing, financial planning
Advise {a} on {t}. | {a_cap} may go for {t}. Help with the decision about the job. | Prepare {a} for {t}. | Write the resume section that explains {t}; the reader will be {a}. | What should {a} keep in mind about {t} in a career?
a change of profession at forty | asking for a raise | coming back after parental leave | a first leading role | working abroad | a gap of two years | going freelance | a new boss | changing to part-time | turning down an offer | a trial week | saying no to overtime
history explanation
period era event century-old
historical context, causal analysis, fact recall, source citation, comparison and contrast, storytelling structure
Explain {t} to {a}. | Write a short account of {t} that {a} can follow. | What led to {t}? Write for {a}. | Which event in {t} matters most today? Tell {a}. | Prepare a museum panel about {t} in front of which {a} will stand.
the spread of the printing press | the Hanseatic League | the invention of the suitcase with wheels | the first railways | the abolition of the corn duties | the rise of the potato | the Suez Canal | the first women at universities | the great tulip mania | the Bauhaus | the race to the South Pole | the end of whaling
science explanation
explain phenomenon experiment
scientific explanation, causal analysis, metaphor use, audience adaptation, rate reasoning, data interpretation
Explain {t} to {a}. | Design a kitchen experiment on {t} for {a}. | What would {a} see of {t} with simple means? | Write a column on the phenomenon of {t} for {a}. | Clear up the most stubborn misunderstanding about {t} for {a}.
rainbows | superconductors | fermentation | the greenhouse | vaccines | black holes | static electricity | plate tectonics | soap bubbles | the sense of balance | radioactive decay | bird migration
product comparison
buy choose best recommend better phone laptop
comparison and contrast, budget calculation, critical evaluation, table reading, percentage calculation
Help {a} to choose between two kinds of {t}. | What should {a} look for when they buy {t}? | Recommend {t} for {a}. | Put together a short guide to {t} for {a}. | {a_cap} cannot decide on {t}. What would you ask first?
cargo bicycles | coffee grinders | hearing aids | running shoes | solar panels | sewing machines | child seats | e-readers | rucksacks | heat pumps | kitchen knives | noise meters
personal advice
friend family relationship partner life
empathy and support, ethical judgment, conflict resolution, goal setting, casual tone, time management
Advise {a} on {t}. | {a_cap} wrote to us because of {t}. Answer for our column. | A friend has trouble with {t}. What would you tell {a}? | How can {a} bring up {t} without hurting anybody in the family? | Write down what {a} could try next about {t}.
a neighbour who borrows and never returns | sharing a flat with a former partner | a friend who is always late | going back to live with parents | lending money | a wedding invitation not wanted | homesickness | an unequal share of housework | a secret that got out | too much screen use | losing touch after school | a present that went wrong
logic puzzles
brain-teaser constraint truth liar
logical deduction, formal proof, probability calculation, step-by-step explanation, algorithm design
Invent a brain-teaser around {t} and settle it for {a}. | Here is a classic: {t}. Lead {a} to the answer. | {a_cap} got stuck on {t}. Untangle it. | Turn {t} into a game of truth and lies for {a}. | How few guesses settle {t}? Win {a} over by argument alone.
five houses and five pets | five goats and a small boat | hats of two colours | nine coins and a scale | a knight who always lies | a stolen necklace | three switches and one lamp | a prisoner's last choice | a seating order | a broken clock | a race with ties | a safe with four dials
song and poetry writing
song lyrics poem poetry ballad
rhyme and meter, metaphor use, emotional tone, vivid description, role-play, humor writing
Write lyrics about {t} for {a}. | Write a ballad on {t}, performed by {a}. | {a_cap} would like a song about {t}. | Turn {t} into a lullaby for {a}. | Write a toast in bound form on {t}, to be given by {a}.
the first snow | a ferryman | an attic being emptied | a rusty bicycle | bread at dawn | a retired racehorse | the neighbour's piano | a power cut | an empty stadium | grandfather's workshop | a missed tram | a harbour in fog
"""


def _read(lines: list[str]) -> UseCase:
    name, keywords, skills, frames, topics = lines
    return UseCase(
        name,
        tuple(keywords.split()),
        tuple(skills.split(", ")),
        tuple(frames.split(" | ")),
        tuple(topics.split(" | ")),
    )


_LINES = _TABLE.strip().splitlines()

USE_CASES: dict[str, UseCase] = {
    case.name: case for case in (_read(_LINES[i : i + 5]) for i in range(0, len(_LINES), 5))
}
"""All use cases by name."""

AUDIENCES = tuple(
    """
a group of retired engineers
first-year apprentices
a busy shop owner
my neighbour
new members of a sports club
a jury of three
parents of small children
a city council
volunteers at a fire brigade
an impatient manager
students who just moved here
night-shift nurses
a radio audience
a choir of forty
exchange visitors
a family of five
the readers of a local paper
a young team
our oldest members
a sceptical relative
people who hate manuals
a class of adults
a start-up of six
somebody with no time
""".strip().splitlines()
)
"""Who it is for; every one fits after "for" and at the head of a sentence."""

DETAILS = tuple(
    """
It will be read aloud.
The occasion is an anniversary.
It is due tomorrow morning.
There is no internet on site.
A previous attempt was far too vague.
The setting is a small harbour town.
Take the point of view of an insider.
It will hang on a wall for a year.
Half of them have done this before.
Nobody has asked for this yet.
Assistants will hand it out at the door.
The last attempt was ignored.
We tried this once and gave up.
It opens a meeting of two hours.
The room holds sixty.
It is part of a series of four.
The weather may spoil it.
There is one rehearsal.
Most of them will see it on a small screen.
Somebody else will carry it on.
It replaces a page from last year.
The organisers are new to this.
It follows a long speech.
Two helpers are available.
""".strip().splitlines()
)
"""What else is said about the situation."""

FORMS = tuple(
    """
Use short paragraphs.
Write plainly.
A page is enough.
Start with the most useful part.
Use everyday words.
Use headings.
Write it in the present tense.
Address the reader directly.
No introduction is needed.
Finish with one clear sentence.
Give one example.
Leave out pleasantries.
""".strip().splitlines()
)
"""How it should look; none of these makes an instruction harder."""
