"""Reads the prompts of the baselines: each is recognised by its opening sentence and taken apart at its labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = [
    "BASELINE_READERS",
    "BaselineRequest",
    "Breadth",
    "Complicate",
    "Evolve",
    "Generate",
    "Rate",
    "Same",
]


@dataclass(frozen=True, slots=True)
class Generate:
    """Asks for ``count`` instructions like the examples."""

    examples: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Complicate:
    """Asks to add ``nodes`` nodes to the semantic tree of an instruction."""

    instruction: str
    nodes: int


@dataclass(frozen=True, slots=True)
class Evolve:
    """Asks to make an instruction a little harder; ``how`` is the prompt's own words for it."""

    instruction: str
    how: str


@dataclass(frozen=True, slots=True)
class Breadth:
    """Asks for a rarer instruction of the same domain."""

    instruction: str


@dataclass(frozen=True, slots=True)
class Same:
    """Asks whether two instructions ask for the same."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Asks for a score of one response, from 0 to 5."""

    instruction: str
    response: str


BaselineRequest = Generate | Complicate | Evolve | Breadth | Same | Rate

_EXAMPLE = re.compile(r"^\[Example \d+\]\n(.*?)\n\[End of example \d+\]$", re.MULTILINE | re.DOTALL)
_COUNT = re.compile(r"\nNumber of instructions: *(\d+)\s*$")
_NODES = re.compile(r"by exactly (\d+) meaningful new nodes")
_RATED = re.compile(
    r"\n\[Instruction\]\n(.*)\n\[End of instruction\]\n\n\[Response\]\n(.*)\n\[End of response\]\s*$",
    re.DOTALL,
)
_ASK_AT_MOST = 50


def _generate(text: str) -> Generate | None:
    count = _COUNT.search(text)
    examples = tuple(found[1].strip() for found in _EXAMPLE.finditer(text))
    if not count or not examples:
        return None
    return Generate(examples, min(max(1, int(count[1])), _ASK_AT_MOST))


def _parts(text: str) -> tuple[str, str]:
    """What stands before the first label of an instruction, and the instruction, which ends the prompt."""
    head, _, instruction = text.partition("\nInstruction: ")
    return head, instruction.strip()


def _complicate(text: str) -> Complicate | None:
    head, instruction = _parts(text)
    nodes = _NODES.search(head)
    return Complicate(instruction, int(nodes[1])) if nodes and instruction else None


def _evolve(text: str) -> Evolve | None:
    head, instruction = _parts(text)
    return Evolve(instruction, head) if instruction else None


def _breadth(text: str) -> Breadth | None:
    _, instruction = _parts(text)
    return Breadth(instruction) if instruction else None


def _same(text: str) -> Same | None:
    _, found, rest = text.partition("\nFirst: ")
    first, also_found, second = rest.partition("\n\nSecond: ")
    return Same(first.strip(), second.strip()) if found and also_found else None


def _rate(text: str) -> Rate | None:
    found = _RATED.search(text)
    return Rate(found[1].strip(), found[2].strip()) if found else None


BASELINE_READERS: Mapping[str, Callable[[str], BaselineRequest | None]] = {
    "You come up with new instructions for AI assistants": _generate,
    "You make instructions for AI assistants more complex by way of": _complicate,
    "You rewrite instructions for AI assistants so that they become": _evolve,
    "You think of instructions for AI assistants that are seldom": _breadth,
    "You tell whether two instructions for AI assistants are equal": _same,
    "You rate how well a response answers an instruction": _rate,
}
