"""What the baselines share: their settings, and how they ask. None of them asks the target model anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

from codeclm.methods.job import Parties, Party
from codeclm.methods.options import CodecLMOptions
from codeclm.records import Draft, Example, digest
from codeclm.stages.prompt import Question, Sampling, Template
from codeclm.stages.respond import Respond, Respondent

__all__ = ["Asking", "BaselineOptions", "prompt"]

T = TypeVar("T")

# Work nearer to the output goes first at the endpoint.
PRIORITY = {"rate": 0, "respond": 1, "complicate": 2, "evolve": 2, "breadth": 2, "same": 2}
FARTHEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions(CodecLMOptions):
    """Settings of a baseline: those of CodecLM that it has a use for (``USES``), and its own.

    Raises ValueError where another one is given, for it would change nothing.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    NAME: ClassVar[str] = ""
    USES: ClassVar[frozenset[str]] = frozenset(
        {"total", "extends", "language", "redraws", "on_cut_off", "temperature", "max_tokens"}
        | {"system_prompt"}
    )

    def __post_init__(self) -> None:
        CodecLMOptions.__post_init__(self)
        for field in fields(CodecLMOptions):
            if field.name not in self.USES and getattr(self, field.name) != field.default:
                raise ValueError(f"{field.name} is no setting of {self.NAME}")


def prompt(name: str, text: str, requires: str, allows: str = "") -> Template:
    """A template with the variables in ``requires``, and perhaps those in ``allows``."""
    return Template(name, text, frozenset(requires.split()), frozenset(allows.split()))


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes the questions of a baseline. Each has a draw of its own for each item: equal prompts may be several."""

    parties: Parties
    options: CodecLMOptions
    templates: Mapping[str, Template]
    run_seed: int = 0

    def question(self, name: str, parse: Callable[[str], T]) -> Question[T]:
        """What the prompt ``name`` asks of the strong model; ratings are the judge's."""
        party = self.parties.rating if name == "rate" else self.parties.strong
        template = self.templates[name]
        constants = {"language": self.options.language} if "language" in template.allows else {}
        sampling = self._sampling(party, name)
        return Question(
            template, party.model, parse, sampling, self.options.redraws, constants=constants
        )

    def respond(self) -> Respond:
        """The strong model responds, and nobody else."""
        strong = self.parties.strong
        sampling = self._sampling(strong, "respond")
        return Respond(Respondent(strong.model, sampling, self.options.system_prompt), None)

    def take(self) -> Callable[[Draft], Awaitable[Sequence[Example]]]:
        """Draft -> Example: whatever the strong model responds is learnt from."""
        respond = self.respond()

        async def taken(draft: Draft) -> Sequence[Example]:
            return [Example(comparison, "strong") for comparison in await respond(draft)]

        return taken

    def draw(self, identity: str) -> int:
        """The draw of the first call for the item ``identity``."""
        return int(digest(self.run_seed, identity)[:8], 16) >> 1

    def _sampling(self, party: Party, name: str) -> Sampling:
        options = self.options
        max_tokens = party.max_tokens or options.max_tokens
        longer = 2 * max_tokens if options.on_cut_off == "double" else None
        temperature = options.temperature if party.temperature is None else party.temperature
        priority = PRIORITY.get(name, FARTHEST)
        if name != "rate":
            return Sampling(temperature, max_tokens, priority, None, longer)
        own = self.parties.judge.temperature if self.parties.judge else None
        rating = options.judge_temperature if own is None else own
        return Sampling(rating, max_tokens, priority, max(rating, options.temperature), longer)
