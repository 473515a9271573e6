"""A seeded, deterministic world of language models that read the prompts they are sent.

What is planted: the target model is far behind the strong one where an instruction needs one of
``World.weak_skills``, ahead of it in two strong suits, and loses more as instructions get harder. A judge
favours the response it is shown first by ``position_bias`` points and errs by ``judge_noise``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from codeclm.errors import UsageError
from codeclm.simulator import layouts, models, writer
from codeclm.simulator.baseline_writer import answer_baseline
from codeclm.simulator.difficulty import difficulty_of
from codeclm.simulator.metadata import choose_from, metadata_of, skills_of
from codeclm.simulator.models import RESPONSE_NOISE, ModelProfile
from codeclm.simulator.reader import (
    Check,
    Decode,
    Encode,
    Evaluate,
    Improve,
    Judge,
    Preflight,
    Request,
    Respond,
    Rubrics,
    read_prompt,
)
from codeclm.simulator.responder import BEST, WORST, quality_of, respond
from codeclm.simulator.seeded import seeded
from codeclm.simulator.skills import STRONG_SUITS, WEAK_SKILLS
from codeclm.simulator.structured import as_json
from codeclm.simulator.tuning import tuned
from codeclm.simulator.use_cases import USE_CASES
from codeclm.simulator.words import words

__all__ = ["CHARS_PER_TOKEN", "Answer", "UnknownModel", "World", "tokens_of"]

CHARS_PER_TOKEN = 4
_CODING_SKILLS = frozenset(USE_CASES["code generation"].skills)
_SHARE_WITH_CODE = 0.4


class UnknownModel(LookupError):
    """Raised when a model is asked that is not part of the world."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``finish_reason`` is "stop" or "length".

    ``kind`` names what was asked ("encode", "decode", ...). ``content`` is what the text says, before it was
    laid out: use case and skills; instructions; rubrics, then actions; one instruction; two scores; yes or
    no; a response; two scores and why. It is empty where the text is unreadable.
    """

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    kind: str
    content: tuple[str, ...]


class World:
    """The models and what they answer.

    ``position_bias``: points that a judge adds to the response shown first. ``judge_noise``: standard
    deviation of each score, in points of 10. ``unreadable_share``: of the answers that somebody has to
    read, how many are refusals or garbage (responses are never). ``read`` tells what a prompt asks for.

    ``evenly_weak``: the target is behind the strong model by the same in everything, and what a model responds is
    always as good; nothing else is planted.

    Raises UsageError for a share outside 0..1 or a negative noise.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        position_bias: float = 0.8,
        judge_noise: float = 0.5,
        unreadable_share: float = 0.005,
        read: Callable[[str], Request] = read_prompt,
        evenly_weak: bool = False,
    ) -> None:
        if not 0 <= unreadable_share <= 1:
            raise UsageError(f"unreadable_share must lie between 0 and 1, not {unreadable_share}")
        if judge_noise < 0:
            raise UsageError(f"judge_noise must not be negative, not {judge_noise}")
        self.seed = seed
        self.position_bias = position_bias
        self.judge_noise = judge_noise
        self.unreadable_share = unreadable_share
        self._read = read
        self.weak_skills = frozenset[str]() if evenly_weak else WEAK_SKILLS
        self.strong_suits = frozenset[str]() if evenly_weak else STRONG_SUITS
        self._response_noise = 0.0 if evenly_weak else RESPONSE_NOISE
        self._profiles = models.evenly_weak(seed) if evenly_weak else models.profiles(seed)
        self._draws = seeded(seed, "draws")

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(self._profiles)

    def profile(self, model: str) -> ModelProfile:
        """Strengths and slope of ``model``; raises UnknownModel."""
        try:
            return self._profiles[model]
        except KeyError:
            raise UnknownModel(model) from None

    def tune(self, base: str, name: str, examples: Iterable[tuple[str, str]]) -> None:
        """Add the model ``name``: ``base`` trained on pairs of instruction and response (see tuning.py).

        Raises UnknownModel for ``base``, UsageError where ``name`` is taken.
        """
        if name in self._profiles:
            raise UsageError(f"the simulated world has a model {name!r} already; give another name")
        self._profiles[name] = tuned(self.profile(base), name, examples)

    def skills_of(self, instruction: str) -> tuple[str, ...]:
        """The 1 to 3 skills that ``instruction`` needs, read from its words."""
        return skills_of(instruction)

    def difficulty(self, instruction: str) -> float:
        """How hard ``instruction`` is, from 0; one step of improvement adds about 1."""
        return difficulty_of(instruction)

    def seeds(self, count: int) -> tuple[str, ...]:
        """``count`` instructions as users of a downstream task might have given them."""
        rng = seeded(self.seed, "seeds")
        drawn = rng.choices(list(USE_CASES.values()), k=count)
        return tuple(
            writer.write_instruction(case.name, rng.sample(case.skills, rng.randint(1, 3)), rng)
            for case in drawn
        )

    def answer(
        self,
        model: str,
        messages: Sequence[Mapping[str, str]],
        *,
        temperature: float = 1.0,
        seed: int | None = None,
        max_tokens: int | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """What ``model`` says to ``messages`` (each with "role" and "content"); raises UnknownModel.

        A function of the arguments and the world's seed where ``seed`` is given or ``temperature`` is 0;
        otherwise every call is another sample. With a ``schema`` the same content is said in JSON that fits it,
        except where the answer is unreadable.
        """
        profile = self.profile(model)
        draw = "" if seed is not None or temperature == 0 else self._draws.getrandbits(64)
        said = [part for message in messages for part in (message["role"], message["content"])]
        rng = seeded(self.seed, model, temperature == 0, seed, draw, *said)
        request = self._read(_last_user_message(messages))
        text, content = self._write(request, profile, rng)
        kind = type(request).__name__.lower()
        if schema is not None and content:
            text = as_json(schema, kind, content)
        finish_reason = "stop"
        if max_tokens is not None and len(text) > max_tokens * CHARS_PER_TOKEN:
            text, finish_reason = text[: max_tokens * CHARS_PER_TOKEN], "length"
        input_tokens = _tokens(sum(map(len, said[1::2])))
        return Answer(text, finish_reason, input_tokens, _tokens(len(text)), kind, content)

    def _write(
        self, request: Request, profile: ModelProfile, rng: Random
    ) -> tuple[str, tuple[str, ...]]:
        if isinstance(request, Preflight):
            return "OK.", ("OK.",)
        if isinstance(request, Respond):
            text = self._respond(request, profile, rng)
            return text, (text,)
        if rng.random() < self.unreadable_share:
            return layouts.refuse(rng), ()
        match request:
            case Judge() | Evaluate():
                return self._judge(request, profile, rng)
            case Decode(use_case, skills, count):
                items = writer.write_instructions(use_case, skills, count, rng)
                return layouts.lay_out_list(items, rng), items
            case Encode():
                return _encode(request, rng)
            case Rubrics(use_case, skills, count):
                rubrics, actions = writer.write_rubrics(use_case, skills, count, rng)
                return layouts.lay_out_rubrics(rubrics, actions, rng), rubrics + actions
            case Improve(action, instruction):
                improved = writer.improve(instruction, action, rng)
                return layouts.lay_out_instruction(improved, rng), (improved,)
            case Check():
                word = "yes" if rng.random() < 0.85 else "no"
                return layouts.lay_out_word(word, rng), (word,)
            case _:
                return answer_baseline(request, rng)

    def _respond(self, request: Respond, profile: ModelProfile, rng: Random) -> str:
        its_words = words(request.instruction)
        skills = skills_of(request.instruction, its_words)
        difficulty = difficulty_of(request.instruction, its_words)
        quality = profile.quality(skills, difficulty) + rng.gauss(0, self._response_noise)
        with_code = not _CODING_SKILLS.isdisjoint(skills) and rng.random() < _SHARE_WITH_CODE
        return respond(request.instruction, quality, with_code, rng)

    def _judge(
        self, request: Judge | Evaluate, profile: ModelProfile, rng: Random
    ) -> tuple[str, tuple[str, ...]]:
        noise = self.judge_noise * profile.judge_noise_factor
        first = quality_of(request.first) + self.position_bias + rng.gauss(0, noise)
        second = quality_of(request.second) + rng.gauss(0, noise)
        in_halves = rng.random() < 0.2
        a, b = (_score(points, request.scale, in_halves) for points in (first, second))
        scores = f"{a:g}", f"{b:g}"
        if isinstance(request, Judge):
            return layouts.lay_out_scores(a, b, request.scale, rng), scores
        why = layouts.explain_scores(a, b, rng)
        return layouts.lay_out_evaluation(a, b, request.scale, why, rng), (*scores, why)


def _encode(request: Encode, rng: Random) -> tuple[str, tuple[str, ...]]:
    use_case, skills = metadata_of(request.instruction, rng)
    if request.use_cases:
        use_case = choose_from(request.use_cases, [use_case], rng)[0]
    if request.skills:
        skills = choose_from(request.skills, skills, rng)
    return layouts.lay_out_metadata(use_case, skills, rng), (use_case, *skills)


def _score(points: float, scale: int, in_halves: bool) -> float:
    """``points`` of 10 on a scale from 1 to ``scale``, whole or in halves."""
    steps = 2 if in_halves else 1
    scaled = 1 + (min(BEST, max(WORST, points)) - WORST) * (scale - 1) / (BEST - WORST)
    return round(scaled * steps) / steps


def _last_user_message(messages: Sequence[Mapping[str, str]]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            return message["content"]
    return messages[-1]["content"] if messages else ""


def tokens_of(messages: Sequence[Mapping[str, str]]) -> int:
    """How many input tokens ``messages`` are."""
    return _tokens(sum(len(message["content"]) for message in messages))


def _tokens(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)
