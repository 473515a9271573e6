"""CodecLM: the wiring of the whole method (arXiv 2404.05875, section 3)."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.errors import ItemError, TransientError
from codeclm.methods.demand import quota_of, screen_of, wanted_of, with_the_rest
from codeclm.methods.entries import Augmentation, Pair, entry_of
from codeclm.methods.job import Job, Parties, Party
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.work import Work
from codeclm.records import (
    Again,
    Comparison,
    Draft,
    Dropped,
    Entry,
    Example,
    Metadata,
    Rejection,
    Seed,
    Unit,
    Verdict,
    draft_of,
)
from codeclm.stages.augment import mix_and_match, parse_yes_no
from codeclm.stages.decode import Decode, parse_instructions
from codeclm.stages.encode import parse_metadata
from codeclm.stages.filter import Filter
from codeclm.stages.improve import ENTRIES_AT_HAND, Improve, parse_instruction
from codeclm.stages.judge import Judge, parse_scores
from codeclm.stages.overlap import EvaluationTexts
from codeclm.stages.prompt import Question, Sampling, Template
from codeclm.stages.respond import Respond, Respondent
from codeclm.stages.rubrics import parse_rubrics
from codeclm.stages.schemas import SCHEMAS
from codeclm.stages.screen import Screen
from codeclm.stages.unit_book import UnitBook

__all__ = ["codeclm"]

T = TypeVar("T")


# Work nearer to the output goes first at the endpoint: encoding must not starve judging.
PRIORITY = {
    "judge": 0,
    "respond": 1,
    "improve": 2,
    "rubrics": 2,
    "decode": 3,
    "pairs": 4,
    "encode": 4,
}


def codeclm(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    parties: Parties,
    options: CodecLMOptions,
    templates: Mapping[str, Template],
    *,
    entries: int = 0,
    augment_to: int = 0,
    run_seed: int = 0,
    units_in_flight: int | None = None,
    done: Callable[[str], bool] = lambda _: False,
    book: UnitBook | None = None,
    is_selected: Callable[[str], bool] = lambda _: False,
    evaluation: Sequence[EvaluationTexts] = (),
) -> Job:
    """The method over ``items``: seeds, or entries where metadata is given.

    ``entries`` is how many items there are (0 if unknown, with ``options.per_entry``); ``augment_to`` is to how many
    entries they are extended. ``done`` knows the ids that are on record from earlier sessions, ``is_selected`` the
    selected ones, ``book`` the units. ``evaluation`` are texts that must not be trained on.
    """
    book = UnitBook() if book is None else book
    tickets = units_in_flight or parties.max_in_flight
    quota = quota_of(options, is_selected, book.repeats, tickets)
    wanted = wanted_of(options, entries)
    augment = partial(mix_and_match, run_seed=run_seed)
    augmentation = Augmentation(augment_to, augment, options.check_pairs) if augment_to else None
    screen = screen_of(options, book.repeats, evaluation)
    steps = _Steps(parties, options, templates, run_seed, tickets, screen)
    decode = steps.decode(done, book)
    work = Work(
        items,
        wanted,
        augmentation,
        done,
        decode.finished,
        decode.lost,
        book.take_metadata,
        quota,
    )
    draft_stages = _filtering if options.contrastive_filtering else _improving
    stages = [*_entry_stages(work, steps), *draft_stages(decode, steps)]
    pipeline = Pipeline(stages, (Example, Rejection, Dropped), tickets=tickets)

    def counts() -> Mapping[str, int]:
        made = {**work.counts(), **decode.counts()}
        return made if quota is None else with_the_rest(made, book.not_reached())

    return Job(pipeline, work.units(), counts, quota)


def _entry_stages(work: Work, steps: _Steps) -> list[Stage[Any, Any]]:
    """From seeds, and pairs that were mixed, to units of work."""
    encode, check = steps.encode(), steps.pair_check()

    async def encode_seed(seed: Seed) -> Sequence[Unit]:
        try:
            metadata = await encode.ask({"instruction": seed.instruction}, item=entry_of(seed).id)
        except ItemError as error:
            if isinstance(error, TransientError) and work.postponed(seed):
                return []
            work.lost(entry_of(seed))
            raise
        return work.known(entry_of(seed, metadata))

    async def check_pair(pair: Pair) -> Sequence[Unit]:
        metadata = pair.entry.metadata
        try:
            reasonable = await check.ask(
                {"use_case": metadata.use_case, "skills": metadata.skills}, item=pair.entry.id
            )
        except ItemError as error:
            if isinstance(error, TransientError) and work.postponed(pair):
                return []
            work.lost(pair.entry)
            raise
        return work.known(pair.entry) if reasonable else work.dropped(pair.entry)

    # Later work is built on what these know, so their second tries are the business of ``work``.
    workers = steps.strong_workers
    return [
        Stage("encode", encode_seed, Seed, (Unit,), workers=workers, salvage=False),
        Stage("pairs", check_pair, Pair, (Unit,), workers=workers, salvage=False),
    ]


def _unless_late(
    step: Callable[[T], Awaitable[Sequence[Any]]], screen: Screen
) -> Callable[[T], Awaitable[Sequence[Any]]]:
    """``step`` for what has not turned out, meanwhile, to be a repeat."""

    async def stepped(record: T) -> Sequence[Any]:
        draft = draft_of(record)
        dropped = None if draft is None else screen.late(draft)
        return await step(record) if dropped is None else [dropped]

    return stepped


def _filtering(decode: Decode, steps: _Steps) -> list[Stage[Any, Any]]:
    """Basic instructions go round until the gap exceeds theta or the iterations are used up."""
    options, parties = steps.options, steps.parties
    keep = Filter(options.theta, options.comparisons_made)
    responding = max(steps.strong_workers, parties.target.max_in_flight)
    judging = parties.rating.max_in_flight
    improve, respond, judge = (
        _unless_late(step, steps.screen)
        for step in (steps.improve(), steps.respond(), steps.judge())
    )
    return [
        Stage("decode", decode, Unit, (Draft, Dropped), workers=steps.strong_workers),
        Stage("improve", improve, Again, (Draft, Dropped), workers=steps.strong_workers),
        Stage("respond", respond, Draft, (Comparison, Dropped), workers=responding),
        Stage("judge", judge, Comparison, (Verdict, Dropped), workers=judging),
        Stage("filter", keep, Verdict, (Example, Again, Rejection), workers=1),
    ]


def _improving(decode: Decode, steps: _Steps) -> list[Stage[Any, Any]]:
    """Without Contrastive Filtering: improved so many times, then strong answers and all is kept."""
    improve = _unless_late(steps.improve(), steps.screen)
    respond = _unless_late(steps.respond(), steps.screen)
    improvements, workers = steps.options.improvements_made, steps.strong_workers

    def onward(made: Sequence[Draft | Dropped]) -> Sequence[Draft | Dropped | Again]:
        return [
            Again(one) if isinstance(one, Draft) and one.iteration <= improvements else one
            for one in made
        ]

    async def decode_onward(unit: Unit) -> Sequence[Draft | Dropped | Again]:
        return onward(await decode(unit))

    async def improve_onward(again: Again) -> Sequence[Draft | Dropped | Again]:
        return onward(await improve(again))

    async def take_strong(draft: Draft) -> Sequence[Example | Dropped]:
        return [
            one if isinstance(one, Dropped) else Example(one, "strong")
            for one in await respond(draft)
        ]

    return [
        Stage("decode", decode_onward, Unit, (Draft, Dropped, Again), workers=workers),
        Stage("improve", improve_onward, Again, (Draft, Dropped, Again), workers=workers),
        Stage("respond", take_strong, Draft, (Example, Dropped), workers=workers),
    ]


@dataclass(frozen=True, slots=True)
class _Steps:
    """Makes the steps of the method: who is asked what, and how."""

    parties: Parties
    options: CodecLMOptions
    templates: Mapping[str, Template]
    run_seed: int
    units_in_flight: int
    screen: Screen

    @property
    def strong_workers(self) -> int:
        return self.parties.strong.max_in_flight

    def encode(self) -> Question[Metadata]:
        use_cases, skills = self.options.use_cases, self.options.allowed_skills
        parse = partial(parse_metadata, use_cases=use_cases, skills=skills)
        return self._question("encode", parse, {"use_cases": use_cases, "skills": skills})

    def pair_check(self) -> Question[bool]:
        return self._question("pairs", parse_yes_no)

    def decode(self, done: Callable[[str], bool], book: UnitBook) -> Decode:
        question = self._question("decode", parse_instructions)
        return Decode(question, run_seed=self.run_seed, done=done, book=book, screen=self.screen)

    def improve(self) -> Callable[[Again], Awaitable[Sequence[Draft | Dropped]]]:
        rubrics = self._question("rubrics", parse_rubrics, {"count": self.options.rubrics})
        at_hand = max(ENTRIES_AT_HAND, 2 * self.units_in_flight)
        question = self._question("improve", parse_instruction)
        improve = Improve(question, rubrics, self.run_seed, at_hand)

        async def screened(again: Again) -> Sequence[Draft | Dropped]:
            return self.screen.improved(await improve(again))

        return screened

    def respond(self) -> Respond:
        compared = self.options.contrastive_filtering
        strong, target = (
            self._respondent(self.parties.strong),
            self._respondent(self.parties.target),
        )
        in_words = self.options.refusals == "discard"
        return Respond(strong, target if compared else None, in_words)

    def judge(self) -> Judge:
        scale = self.options.scale
        question = self._question("judge", partial(parse_scores, scale=scale), {"scale": scale})
        return Judge(question, swap_positions=self.options.swap_positions)

    def _respondent(self, party: Party) -> Respondent:
        return Respondent(party.model, self._sampling(party, "respond"), self.options.system_prompt)

    def _question(
        self, name: str, parse: Callable[[str], T], constants: Mapping[str, object] | None = None
    ) -> Question[T]:
        template = self.templates[name]
        party = self.parties.rating if name == "judge" else self.parties.strong
        known = {"language": self.options.language, **(constants or {})}
        return Question(
            template,
            party.model,
            parse,
            self._sampling(party, name),
            self.options.redraws,
            {key: value for key, value in known.items() if key in template.variables},
            SCHEMAS.get(name) if party.structured_output else None,
        )

    def _sampling(self, party: Party, name: str) -> Sampling:
        options = self.options
        max_tokens = party.max_tokens or options.max_tokens
        longer = 2 * max_tokens if options.on_cut_off == "double" else None
        temperature = options.temperature if party.temperature is None else party.temperature
        if name != "judge":
            return Sampling(temperature, max_tokens, PRIORITY[name], None, longer)
        # A temperature set for the strong model is not meant for it where it judges as well.
        own = self.parties.judge.temperature if self.parties.judge else None
        judging = options.judge_temperature if own is None else own
        redraw_temperature = max(judging, options.temperature)
        return Sampling(judging, max_tokens, PRIORITY[name], redraw_temperature, longer)
