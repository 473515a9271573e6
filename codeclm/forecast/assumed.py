"""A profile without a pilot: prompts are rendered and measured, all else is taken from the paper or assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from codeclm.forecast.profile import Key, Profile, Use
from codeclm.methods.options import CodecLMOptions
from codeclm.stages.prompt import Template

__all__ = ["Assumptions", "Scale", "assumed", "bounds", "tokens_in"]

BYTES_PER_TOKEN = 4.0
EXAMPLE = {
    "use_case": "writing product descriptions",
    "skills": ["persuasive writing", "audience awareness"],
    "action": "Require that the answer weighs two options against each other and justifies the choice.",
}
"""Texts of a usual length."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What is assumed: ``decided`` at the first comparison (the paper saw more than 70 % selected there), half of the
    rest at each later one; ``response`` tokens, as far as ``max_tokens`` lets them.
    """

    decided: float = 0.7
    response: float = 400.0

    def reach(self, iterations: int) -> tuple[float, ...]:
        """The share of instructions that gets to each iteration."""
        rest = 1 - self.decided
        return tuple(1.0 if n == 0 else rest * 0.5 ** (n - 1) for n in range(iterations))


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is known before any call: the prompts, the options, the length of seeds in bytes."""

    templates: Mapping[str, Template]
    options: CodecLMOptions
    seed_bytes: float


def tokens_in(text: str) -> float:
    """An estimate, for want of the model's own tokenizer."""
    return len(text.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN


def assumed(known: Assumptions, scale: Scale = Scale()) -> Profile:
    """The profile that is most likely."""
    options = known.options
    if options.contrastive_filtering:
        reach = scale.reach(options.comparisons_made)
        ends = (*reach[1:], reach[-1] / 2)  # of the last ones half are selected
        selected = tuple(here - there for here, there in zip(reach, ends, strict=True))
    else:
        reach = (1.0,) * (1 + options.improvements_made)
        selected = (*[0.0] * options.improvements_made, 1.0)
    return Profile(
        reach=reach,
        selected=selected,
        uses=_uses(known),
        steps=dict(_steps(known, scale, len(reach))),
    )


def bounds(known: Assumptions, scale: Scale = Scale()) -> tuple[Profile, Profile]:
    """The cheapest and the dearest that can be: all is decided at once, or nothing ever; half and twice as long
    responses.
    """
    likely = assumed(known, scale)
    longest = float(known.options.max_tokens)
    low = assumed(known, replace(scale, response=min(longest, scale.response / 2)))
    high = assumed(known, replace(scale, response=min(longest, scale.response * 2)))
    if not known.options.contrastive_filtering:
        return low, high
    later = len(likely.reach) - 1
    return (
        replace(low, reach=(1.0, *[0.0] * later), selected=(1.0, *[0.0] * later)),
        replace(high, reach=(1.0,) * (later + 1), selected=(0.0,) * (later + 1)),
    )


def _uses(known: Assumptions) -> dict[str, Use]:
    options, seed = known.options, known.seed_bytes / BYTES_PER_TOKEN
    return {
        "encode": Use(1, _prompt(known, "encode") + seed, 25),
        "pairs": Use(1, _prompt(known, "pairs"), 2),
        "decode": Use(1, _prompt(known, "decode"), seed + 4),
        "rubrics": Use(1, _prompt(known, "rubrics"), 50.0 * options.rubrics),
    }


def _steps(known: Assumptions, scale: Scale, iterations: int) -> Iterable[tuple[Key, Use]]:
    options, seed = known.options, known.seed_bytes / BYTES_PER_TOKEN
    system = tokens_in(options.system_prompt or "")
    response = min(scale.response, options.max_tokens)
    for iteration in range(1, iterations + 1):
        instruction = seed * 1.3 ** (iteration - 1)
        if iteration > 1:
            asked = _prompt(known, "improve") + instruction / 1.3
            yield ("improve", "strong", iteration), Use(1, asked, instruction)
        yield ("respond", "strong", iteration), Use(1, system + instruction, response)
        if options.contrastive_filtering:
            yield ("respond", "target", iteration), Use(1, system + instruction, response)
            rated = _prompt(known, "judge") + instruction + 2 * response
            yield ("judge", "judge", iteration), Use(1, rated, 4)


def _prompt(known: Assumptions, name: str) -> float:
    """Tokens of a prompt around the texts of instructions and responses, which differ from call to call."""
    template, options = known.templates[name], known.options
    values: dict[str, object] = {
        "language": options.language,
        "scale": options.scale,
        "count": options.rubrics if name == "rubrics" else options.per_call,
        **EXAMPLE,
    }
    if name == "encode":
        values |= {"use_cases": options.use_cases, "skills": options.allowed_skills}
    empty = dict.fromkeys(template.requires, "")
    shown = {key: value for key, value in values.items() if key in template.variables}
    return tokens_in(template.render({**empty, **shown}))
