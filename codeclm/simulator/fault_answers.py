"""The faults that spoil an answer: what it says, or how its bytes arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codeclm.simulator.dialect import Said
from codeclm.simulator.fault_grammar import FaultName
from codeclm.simulator.reply import RESET, Reply

__all__ = ["UNUSABLE", "spoil", "twist"]

UNUSABLE = frozenset(
    {
        "reset",
        "malformed",
        "cut",
        "trickle",
        "huge",
        "bomb",
        "empty",
        "no-choices",
        "tool-calls",
        "reasoning",
        "unclosed-think",
    }
)
"""After these the client holds nothing to use, so the call does not count as answered."""

_THOUGHTS = "The user wants something. Let me think about what would help most."
_REFUSAL = "I'm sorry, but I can't help with that."


def twist(said: Said, fault: FaultName) -> Said:
    """What is said after ``fault``; the same where the fault leaves that alone."""
    change = _TWISTS.get(fault.kind)
    return change(said) if change else said


def spoil(reply: Reply, fault: FaultName) -> Reply:
    """How the answer arrives after ``fault``; the same where the fault leaves that alone."""
    match fault.kind:
        case "reset":
            return RESET
        case "cut":
            return replace(reply, delivery="cut")
        case "trickle":
            return replace(reply, delivery="trickle")
        case "malformed":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case "huge":
            return replace(reply, delivery="huge", blank_mib=int(fault.detail))
        case "bomb":
            return replace(reply, delivery="bomb", blank_mib=int(fault.detail))
    return reply


def _half(said: Said) -> Said:
    text = (said.text or "")[: len(said.text or "") // 2]
    return replace(
        said, text=text, finish_reason="length", output_tokens=max(1, said.output_tokens // 2)
    )


_TWISTS: dict[str, Callable[[Said], Said]] = {
    "empty": lambda said: replace(said, text=None),
    "no-choices": lambda said: replace(said, has_choices=False),
    "tool-calls": lambda said: replace(said, text=None, tool="search", finish_reason="tool_calls"),
    "reasoning": lambda said: replace(said, text=None, reasoning=said.text),
    "think": lambda said: replace(said, text=f"<think>\n{_THOUGHTS}\n</think>\n\n{said.text}"),
    "unclosed-think": lambda said: replace(
        said, text=f"<think>\n{_THOUGHTS}\n{said.text}", finish_reason="length"
    ),
    "length": _half,
    "filtered-answer": lambda said: replace(said, text=None, finish_reason="content_filter"),
    "refusal": lambda said: replace(said, text=None, refusal=_REFUSAL),
    "no-usage": lambda said: replace(said, has_usage=False),
}
