"""A question to a model: template, sampling, parser, and a new draw where the answer cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Generic, TypeVar

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from codeclm.errors import ParseError, Refused, UsageError
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message

__all__ = ["CUT_OFF", "Question", "Sampling", "Template"]

T = TypeVar("T")

CUT_OFF = frozenset({"length", "max_tokens", "model_length"})
"""Finish reasons of an answer that ends where its tokens ran out."""

# What models write is only ever a value here, never a template; templates come from the user and are sandboxed.
_JINJA = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, lstrip_blocks=True
)


@dataclass(frozen=True)
class Template:
    """A prompt with variables: all of ``requires`` must occur, those of ``allows`` may."""

    name: str
    text: str
    requires: frozenset[str]
    allows: frozenset[str] = frozenset()
    origin: str = ""

    def check(self) -> None:
        """Raises UsageError, naming ``origin`` and the line, where ``text`` is no such template.

        Not done at once: the prompts of this package are checked by its tests, and need not be at each start.
        """
        try:
            used = self.used
        except TemplateError as error:
            line = getattr(error, "lineno", None) or 1
            raise UsageError(f"{self._where}: line {line}: {error}") from None
        for variable in sorted(used - self.variables):
            known = sorted(self.variables)
            near = get_close_matches(variable, known, 1) or [", ".join(known)]
            raise UsageError(
                f"{self._where}: unknown variable {variable!r}; did you mean {near[0]}?"
            )
        for variable in sorted(self.requires - used):
            raise UsageError(
                f"{self._where}: the variable {variable!r} is missing; add {{{{ {variable} }}}}"
            )

    @property
    def used(self) -> frozenset[str]:
        """The variables that the text has. Raises TemplateError where it is no template."""
        return frozenset(meta.find_undeclared_variables(_JINJA.parse(self.text)))

    @property
    def variables(self) -> frozenset[str]:
        """All that the template may use."""
        return self.requires | self.allows

    @property
    def _where(self) -> str:
        return self.origin or f"prompt {self.name}"

    @cached_property
    def _render(self) -> Callable[..., str]:
        template = _JINJA.from_string(self.text)
        template.globals = dict(template.globals)  # as a ChainMap they cost as much as the prompt
        return template.render

    def render(self, variables: Mapping[str, object]) -> str:
        """The prompt with ``variables`` filled in; those of ``allows`` that are absent are empty."""
        try:
            return self._render({**dict.fromkeys(self.allows), **variables}).strip()
        except Exception as error:  # a template is a user's program: it may fail in any way
            reason = f"{type(error).__name__}: {error}"
            raise UsageError(f"{self._where}: cannot be rendered ({reason})") from None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is asked: temperature, at most ``max_tokens`` generated, lower ``priority`` first.

    At temperature 0 a new draw would be the same answer, so a further draw has ``redraw_temperature``. After an answer
    that was cut off, ``longer_max_tokens`` may be generated; None: what is cut off has failed.
    """

    temperature: float | None
    max_tokens: int | None
    priority: int = 0
    redraw_temperature: float | None = None
    longer_max_tokens: int | None = None


@dataclass(frozen=True)
class Question(Generic[T]):
    """Asks ``model`` and reads its answer with ``parse`` (text to value, raises ParseError).

    ``constants`` are variables that are the same each time. An answer that cannot be read, or was cut off, is asked
    for again as a new draw, ``redraws`` times at most, and once more where only the tokens ran out. ``schema`` is
    that of a JSON answer (see ChatRequest).
    """

    template: Template
    model: ChatModel
    parse: Callable[[str], T]
    sampling: Sampling
    redraws: int = 2
    constants: Mapping[str, object] = field(default_factory=dict)
    schema: Mapping[str, object] | None = None

    async def ask(
        self,
        variables: Mapping[str, object],
        *,
        draw: int = 0,
        item: str = "",
        iteration: int = 0,
    ) -> T:
        """The parsed answer; ``item`` and ``iteration`` say what it is for (see ChatRequest).

        Raises ParseError with the last raw text, Refused where that was a refusal, or what the model raises.
        """
        prompt = self.template.render({**self.constants, **variables})
        max_tokens = self.sampling.max_tokens
        redraws, attempt = self.redraws, 0
        while True:
            asked = self._request(prompt, draw, attempt, max_tokens, item, iteration)
            completion = await self.model.complete(asked)
            try:
                return self._read(completion)
            except ParseError as error:
                unread = error
            if completion.finish_reason in CUT_OFF:
                longer = self.sampling.longer_max_tokens
                if longer is None or max_tokens == longer:
                    break
                max_tokens, redraws = longer, max(redraws, attempt + 1)
            if attempt >= redraws:
                break
            attempt += 1
        answers = "1 answer" if not attempt else f"{attempt + 1} answers"
        kind = Refused if completion.finish_reason == "refusal" else ParseError
        raise kind(f"{unread} ({answers})", unread.raw)

    def _request(
        self,
        prompt: str,
        draw: int,
        attempt: int,
        max_tokens: int | None,
        item: str,
        iteration: int,
    ) -> ChatRequest:
        temperature = self.sampling.temperature
        if attempt and self.sampling.redraw_temperature is not None:
            temperature = self.sampling.redraw_temperature
        return ChatRequest(
            messages=(Message("user", prompt),),
            temperature=temperature,
            max_tokens=max_tokens,
            draw=draw + attempt,
            stage=self.template.name,
            priority=self.sampling.priority,
            schema=self.schema,
            item=item,
            iteration=iteration,
            attempt=attempt,
        )

    def _read(self, completion: Completion) -> T:
        if completion.finish_reason in CUT_OFF:
            raise ParseError("the answer was cut off at its token limit", completion.text)
        if completion.finish_reason == "refusal":
            raise ParseError("the model refused", completion.text)
        return self.parse(completion.text)
