"""The card of an exported dataset: README.md with a YAML header. What models wrote is shown in it and never obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeclm.export.figures import Figures
from codeclm.export.formats import Wording
from codeclm.export.markdown import code_block, inline
from codeclm.export.trainers import recipes
from codeclm.llm.names import without_url
from codeclm.yaml_file import yaml_text

__all__ = ["CardFacts", "card"]

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LANGUAGE_CODE = re.compile("[a-z]{2,3}")
MOST_CHARACTERS = 1_500
USE_CASES = 10


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card tells. ``settings`` and ``summary`` are the run's, ``files`` one for each split."""

    name: str
    form: str
    wording: Wording
    files: Mapping[str, str]
    figures: Figures
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]
    is_complete: bool
    choice: Mapping[str, object]
    licence: str | None = None


def card(facts: CardFacts) -> str:
    """The card as Markdown."""
    parts = (_numbers, _how_to_use, _example, _provenance, _limits)
    body = "\n\n".join("\n".join(part(facts)) for part in parts)
    return f"---\n{yaml_text(_header(facts))}---\n\n# {inline(facts.name)}\n\n{body}\n"


def _header(facts: CardFacts) -> dict[str, Any]:
    total = facts.figures.records.total()
    size = next((name for below, name in SIZES if total < below), "n>1M")
    licence = {"license": facts.licence} if facts.licence else _UNLICENSED
    language = _method(facts).get("language")
    known = isinstance(language, str) and LANGUAGE_CODE.fullmatch(language.lower())
    kind = {"dpo": ["dpo", "preference"], "kto": ["kto", "preference"]}.get(facts.form, ["sft"])
    return {
        "pretty_name": facts.name,
        **licence,
        **({"language": [language.lower()]} if known and isinstance(language, str) else {}),
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["synthetic", "instruction-tuning", "codeclm", *kind],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": path} for split, path in facts.files.items()
                ],
            }
        ],
    }


_UNLICENSED = {"license": "other", "license_name": "to-be-chosen"}


def _numbers(facts: CardFacts) -> Iterator[str]:
    figures = facts.figures
    yield "Synthetic data for training a language model to follow instructions, made with codeclm."
    if not facts.is_complete:
        yield ""
        yield "**The run was not complete when this was exported:** these are its results so far."
    yield from ("", "## Numbers", "", "| | |", "|---|---|")
    for split, number in figures.records.items():
        yield f"| records in {inline(split)} | {number:,} |"
    kind = "comparisons" if facts.form in {"dpo", "kto"} else "examples"
    yield f"| {kind} | {figures.taken:,} |"
    for winner, number in sorted(figures.by_winner.items()):
        yield f"| won by the {inline(winner)} model | {number:,} |"
    for iteration, number in sorted(figures.by_iteration.items()):
        yield f"| of iteration {iteration} | {number:,} |"
    if figures.mean_gap is not None:
        yield f"| mean gap of the scores | {figures.mean_gap:.2f} |"
    for use_case, number in figures.use_cases.most_common(USE_CASES):
        yield f"| use case: {inline(use_case, 80)} | {number:,} |"


def _how_to_use(facts: CardFacts) -> Iterator[str]:
    yield "## How to train on it"
    for trainer, language, text in recipes(facts.form, facts.wording, facts.files):
        yield from ("", f"{trainer}:", "", code_block(text, language))


def _example(facts: CardFacts) -> Iterator[str]:
    yield from ("## A record", "")
    shown = _shortened(facts.figures.first["train"])
    yield code_block(json.dumps(shown, ensure_ascii=False, indent=1), "json")


_RESPONDED = " The strong model responded to all of them."
_EVOLVED = (
    "evolved over rounds by operations drawn at random (Evol-Instruct, arXiv 2304.12244); failed evolutions were "
    "eliminated."
)
_MADE: Mapping[str | None, str] = {
    None: (
        "CodecLM (arXiv 2404.05875): a strong model encoded seed instructions into metadata (use case, skills), "
        "decoded metadata into new instructions, and made those harder on which it and the target model did not "
        "differ enough; a judge rated the responses of both."
    ),
    "self-instruct": (
        "Self-Instruct (arXiv 2212.10560): a strong model wrote new instructions in the manner of examples from a "
        "growing pool; those too much alike were dropped." + _RESPONDED
    ),
    "alpagasus": (
        "Alpagasus (arXiv 2307.08701): a strong model wrote new instructions in the manner of examples from a growing "
        "pool, and responded; a judge kept what it rated high."
    ),
    "tree-instruct": (
        "Tree-Instruct (arXiv 2308.05696): a strong model added nodes to the semantic trees of seed instructions."
        + _RESPONDED
    ),
    "wizardlm": f"WizardLM: seed instructions were {_EVOLVED}{_RESPONDED}",
    "wizardlm+": (
        "WizardLM+ (arXiv 2404.05875): instructions decoded from the metadata of seeds were "
        f"{_EVOLVED}{_RESPONDED}"
    ),
}


def _provenance(facts: CardFacts) -> Iterator[str]:
    yield from ("## How it was made", "")
    yield _MADE.get(_method(facts).get("name"), _MADE[None])
    counts, seeds = facts.summary.get("counts", {}), facts.settings.get("input", {})
    yield from ("", "| | |", "|---|---|")
    for name, value in (
        ("codeclm", ", ".join(facts.summary.get("versions") or [facts.settings["codeclm"]])),
        ("seeds or metadata entries", seeds.get("items")),
        *(
            (f"instructions {fate}", counts.get(fate))
            for fate in ("selected", "discarded", "failed")
        ),
        *_models(facts),
        *(
            (f"method: {name}", value)
            for name, value in _method(facts).items()
            if value not in _UNSET
        ),
        ("seed of the run", facts.settings["decisive"].get("seed")),
        *(
            (f"export: {name}", value)
            for name, value in facts.choice.items()
            if value not in _UNSET
        ),
        ("settings, SHA-256", facts.settings.get("sha256")),
        *_prompts(facts),
    ):
        if value is not None:
            yield f"| {inline(name)} | {inline(_text(value))} |"


def _limits(facts: CardFacts) -> Iterator[str]:
    yield from ("## Known limits", "")
    yield _LIMITS[0]
    if facts.figures.mean_gap is not None or _method(facts).get("name") == "alpagasus":
        yield "- What was selected depends on the taste of one judge, whose scores are coarse."
    yield from _LIMITS[1:]
    if facts.licence is None:
        yield "- **No licence has been chosen yet:** replace `license` in the header before this is shared."


_LIMITS = (
    "- Instructions and responses were written by models and not checked by people: they may be wrong, biased or "
    "unsafe.",
    "- Seeds from a benchmark, or much like one, make the data unfit for measuring on that benchmark.",
    "- The terms of the models' providers may restrict what may be trained on their output.",
)


def _models(facts: CardFacts) -> Iterator[tuple[str, str | None]]:
    models = (facts.settings.get("settings") or {}).get("models") or {}
    for party in ("strong", "target", "judge"):
        name = str((models.get(party) or {}).get("model") or "") or None
        # Where a server of one's own stands is nobody else's business.
        yield f"{party} model", name and without_url(name)


def _prompts(facts: CardFacts) -> Iterator[tuple[str, str]]:
    for name, value in facts.settings["decisive"].items():
        if name.startswith("prompt."):
            yield f"prompt {name.removeprefix('prompt.')}, SHA-256", str(value)


def _method(facts: CardFacts) -> Mapping[str, Any]:
    return (facts.settings.get("settings") or {}).get("method") or {}


_UNSET: tuple[object, ...] = (None, "", [], (), False)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return value[:MOST_CHARACTERS] + " …"
    if isinstance(value, Mapping):
        return {name: _shortened(one) for name, one in value.items()}
    return [_shortened(one) for one in value] if isinstance(value, list) else value
