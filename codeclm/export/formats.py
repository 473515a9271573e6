"""The formats by name: what a record of each looks like, as the trainers take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeclm.export.choice import Example, Preference

__all__ = ["FORMATS", "Format", "Wording"]

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """How a record is worded: with a system prompt before it, as texts (``plain``) or as messages."""

    system: str | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a dataset.

    ``examples`` or ``preferences`` makes the records of one; the other is None. ``can_be_plain`` tells whether there
    is a form without messages, ``ending`` what its files are called.
    """

    name: str
    purpose: str
    examples: Callable[[Example, Wording], Sequence[Record]] | None = None
    preferences: Callable[[Preference, Wording], Sequence[Record]] | None = None
    can_be_plain: bool = False
    ending: str = "jsonl"


def _alpaca(example: Example, wording: Wording) -> Sequence[Record]:
    row = example.row
    system = {"system": wording.system} if wording.system else {}
    return [
        {"instruction": row["instruction"], "input": "", "output": row["response"], **system},
    ]


def _sharegpt(example: Example, wording: Wording) -> Sequence[Record]:
    row = example.row
    turns = [("system", wording.system)] if wording.system else []
    turns += [("human", row["instruction"]), ("gpt", row["response"])]
    return [{"conversations": [{"from": who, "value": text} for who, text in turns]}]


def _messages(example: Example, wording: Wording) -> Sequence[Record]:
    row = example.row
    return [{"messages": [*_asked(row["instruction"], wording), _said(row["response"])]}]


def _prompt_completion(example: Example, wording: Wording) -> Sequence[Record]:
    row = example.row
    return [_prompted(row["instruction"], wording, completion=row["response"])]


def _dpo(one: Preference, wording: Wording) -> Sequence[Record]:
    return [_prompted(one.instruction, wording, chosen=one.chosen, rejected=one.rejected)]


def _kto(one: Preference, wording: Wording) -> Sequence[Record]:
    return [
        {**_prompted(one.instruction, wording, completion=text), "label": label}
        for text, label in ((one.chosen, True), (one.rejected, False))
    ]


def _whole(example: Example, wording: Wording) -> Sequence[Record]:
    row = example.row
    return [{**_messages(example, wording)[0], **row}]


def _prompted(instruction: str, wording: Wording, **answers: str) -> Record:
    if wording.plain:
        return {"prompt": instruction, **answers}
    said = {name: [_said(text)] for name, text in answers.items()}
    return {"prompt": _asked(instruction, wording), **said}


def _asked(instruction: str, wording: Wording) -> list[Mapping[str, str]]:
    system = [{"role": "system", "content": wording.system}] if wording.system else []
    return [*system, {"role": "user", "content": instruction}]


def _said(text: str) -> Mapping[str, str]:
    return {"role": "assistant", "content": text}


FORMATS = {
    one.name: one
    for one in (
        Format("alpaca", "instruction, input, output", _alpaca),
        Format("sharegpt", "conversations of human and gpt", _sharegpt),
        Format("messages", "messages with roles", _messages),
        Format("prompt-completion", "prompt and completion", _prompt_completion, can_be_plain=True),
        Format("dpo", "prompt, chosen, rejected", preferences=_dpo, can_be_plain=True),
        Format("kto", "prompt, completion, label", preferences=_kto, can_be_plain=True),
        Format("parquet", "whole rows, and messages", _whole, ending="parquet"),
        Format("hf", "a dataset repository: Parquet and a card", _whole, ending="parquet"),
    )
}
