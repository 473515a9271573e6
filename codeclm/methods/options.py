"""The numbers and switches of the method; every default is the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["MOST_FOR_ONE", "CodecLMOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecLMOptions:
    """Settings of CodecLM (arXiv 2404.05875). Raises ValueError for what cannot be.

    total: basic instructions to make over all entries; each entry is asked for ceil(total / entries), and exactly so
        many are taken. All seeds are encoded. 2000 unless ``per_entry`` or ``selected`` is given.
    selected: selected examples to make, instead of ``total`` instructions; ``total`` is then the most instructions to
        make for them, 20 for each unless given.
    extends: smaller totals (or numbers to select) this run was given before, oldest first; what they made is kept as
        it was.
    per_entry: instructions for each entry, instead of ``total``; with ``-`` for SEEDS, standard input is then a stream
        without end.
    per_call: the most that one decode call is asked for; more are further draws of the same prompt.
    augment_to: metadata entries to extend the pool to by mix and match, where there are fewer; 0 never. Not given, it
        is 200 where there are seeds and a total, else 0.
    check_pairs: let the strong model drop unreasonable pairs that mix and match made.
    use_cases: a closed list that encoding chooses from; empty for free choice.
    allowed_skills: a closed list of skills that encoding chooses from; empty for free choice.
    language: what metadata and instructions are written in; not given, that of each seed.
    self_rubrics: improve what the filter passes back; off, only basic instructions are filtered (ablation).
    contrastive_filtering: select by the gap; off, every instruction is improved ``improvements`` times and the strong
        model's response kept (ablation).
    improvements: only without contrastive filtering; not given, ``iterations`` - 1.
    iterations: most comparisons of one instruction, the basic one being the first.
    theta: the gap of mean scores above which a pair is selected.
    near_duplicates: the Jaccard similarity of word 3-grams from which an instruction counts as a repeat of one with a
        lower number, and is dropped; from 0.5 to 1 (equal ones), 0 lets all through.
    decontaminate: files with evaluation texts; what shares words in a row with one of them is dropped.
    decontaminate_ngram: so many words in a row.
    refusals: what to do with a response that is nothing but a refusal in words: ``discard`` or ``keep`` it.
    rubrics: rubrics, and actions, for each metadata entry.
    swap_positions: judge twice with swapped positions; off, the strong response always stands first.
    scale: the best score a judge can give.
    redraws: new draws for an answer that cannot be read.
    on_cut_off: what to do where an answer ends at ``max_tokens``: ``double`` asks once more with twice as many,
        ``fail`` does not.
    temperature: for encode, decode, rubrics, improve and respond.
    judge_temperature: for judge; a new draw of an unreadable judgement has ``temperature``, for at 0 it would be the
        same again.
    max_tokens: the most tokens that one answer may have.
    system_prompt: sent before each instruction that is responded to.
    """

    total: int | None = None
    selected: int | None = None
    extends: tuple[int, ...] = ()
    per_entry: int | None = None
    per_call: int = 5
    augment_to: int | None = None
    check_pairs: bool = False
    use_cases: tuple[str, ...] = ()
    allowed_skills: tuple[str, ...] = ()
    language: str | None = None
    self_rubrics: bool = True
    contrastive_filtering: bool = True
    improvements: int | None = None
    iterations: int = 4
    theta: float = 3.0
    near_duplicates: float = 0.8
    decontaminate: tuple[Path, ...] = ()
    decontaminate_ngram: int = 13
    refusals: Literal["discard", "keep"] = "discard"
    rubrics: int = 4
    swap_positions: bool = True
    scale: int = 10
    redraws: int = 2
    on_cut_off: Literal["double", "fail"] = "double"
    temperature: float = 0.7
    judge_temperature: float = 0.0
    max_tokens: int = 2048
    system_prompt: str | None = None

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:  # `not >=` catches NaN too
                raise ValueError(f"{name} is {value:g}; it must be at least {least}")
        if self.theta >= self.scale - 1:
            raise ValueError(
                f"theta is {self.theta:g}; with scores from 1 to {self.scale} no gap exceeds it"
            )
        self._settle_amount()
        self._check_choices()
        if max(self.temperature, self.judge_temperature) > 2:
            raise ValueError("a temperature must be at most 2")
        if self.per_call > 50:
            raise ValueError(f"per_call is {self.per_call}; it must be at most 50")
        goal = self.goal or 0
        if list(self.extends) != sorted({*self.extends, goal} - {goal}):
            raise ValueError("extends must hold rising totals, each below total")

    def _settle_amount(self) -> None:
        """How much is to be made, where little or nothing is said of it."""
        for name in ("total", "selected"):
            if getattr(self, name) is not None and self.per_entry is not None:
                raise ValueError(f"{name} and per_entry are both given; give one of them")
        if self.total is None and self.per_entry is None:
            most = 2000 if self.selected is None else MOST_FOR_ONE * self.selected
            object.__setattr__(self, "total", most)
        if self.selected is not None and self.selected > (self.total or 0):
            raise ValueError(f"selected is {self.selected}; total must be at least as many")

    def _check_choices(self) -> None:
        if self.on_cut_off not in ("double", "fail"):
            raise ValueError(f"on_cut_off is {self.on_cut_off!r}; it must be 'double' or 'fail'")
        if self.near_duplicates and not 0.5 <= self.near_duplicates <= 1:
            raise ValueError(
                f"near_duplicates is {self.near_duplicates:g}; it must be 0, or from 0.5 to 1"
            )
        if self.refusals not in ("discard", "keep"):
            raise ValueError(f"refusals is {self.refusals!r}; it must be 'discard' or 'keep'")

    @property
    def goal(self) -> int | None:
        """What may be raised: the number to select, or the total."""
        return self.total if self.selected is None else self.selected

    @property
    def goals(self) -> tuple[int, ...]:
        """Every one that this run was given, the present one last."""
        return () if self.goal is None else (*self.extends, self.goal)

    @property
    def comparisons_made(self) -> int:
        """How often an instruction is compared at the most, where there is a filter."""
        return self.iterations if self.self_rubrics else 1

    @property
    def improvements_made(self) -> int:
        """How often an instruction is improved where nothing is filtered."""
        if not self.self_rubrics:
            return 0
        return self.iterations - 1 if self.improvements is None else self.improvements


MOST_FOR_ONE = 20
"""Instructions to make for one selected example, at the most: who wants more has something to mend."""

_LEAST: dict[str, float] = {
    "total": 1,
    "selected": 1,
    "near_duplicates": 0,
    "decontaminate_ngram": 1,
    "per_entry": 1,
    "per_call": 1,
    "augment_to": 0,
    "improvements": 0,
    "iterations": 1,
    "theta": 0,
    "rubrics": 1,
    "scale": 2,
    "redraws": 0,
    "temperature": 0,
    "judge_temperature": 0,
    "max_tokens": 1,
}
