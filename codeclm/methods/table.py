"""The methods by name. A method is a function that returns a job: a pipeline and its source.

A further method is a row in each table: the function, the class of its settings, and its prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from codeclm.methods import (
    alpagasus,
    codeclm,
    self_instruct,
    tree_instruct,
    wizardlm,
    wizardlm_plus,
)
from codeclm.methods.baseline import BaselineOptions
from codeclm.methods.job import Job
from codeclm.methods.options import CodecLMOptions
from codeclm.stages.prompt import Template
from codeclm.stages.templates import evaluation_template, load_templates

__all__ = [
    "DEFAULT",
    "FROM_SEEDS",
    "METHODS",
    "OPTIONS",
    "PROMPTS",
    "closest",
    "every_prompt",
    "name_of",
    "templates_for",
    "unused",
]

DEFAULT = "codeclm"
METHODS: Mapping[str, Callable[..., Job]] = {
    "codeclm": codeclm.codeclm,
    "self-instruct": self_instruct.self_instruct,
    "alpagasus": alpagasus.alpagasus,
    "tree-instruct": tree_instruct.tree_instruct,
    "wizardlm": wizardlm.wizardlm,
    "wizardlm+": wizardlm_plus.wizardlm_plus,
}
OPTIONS: Mapping[str, type[CodecLMOptions]] = {
    "codeclm": CodecLMOptions,
    "self-instruct": self_instruct.SelfInstructOptions,
    "alpagasus": alpagasus.AlpagasusOptions,
    "tree-instruct": tree_instruct.TreeInstructOptions,
    "wizardlm": wizardlm.WizardLMOptions,
    "wizardlm+": wizardlm_plus.WizardLMPlusOptions,
}
PROMPTS: Mapping[str, Mapping[str, Template]] = {
    "codeclm": load_templates(),
    "self-instruct": self_instruct.PROMPTS,
    "alpagasus": alpagasus.PROMPTS,
    "tree-instruct": tree_instruct.PROMPTS,
    "wizardlm": wizardlm.PROMPTS,
    "wizardlm+": wizardlm_plus.PROMPTS,
}
FROM_SEEDS = frozenset({"self-instruct", "alpagasus", "tree-instruct", "wizardlm"})
"""Those that metadata is not enough for."""


def name_of(options: CodecLMOptions) -> str:
    """The name of the method that has these settings."""
    return next(name for name, kind in OPTIONS.items() if kind is type(options))


def unused(options: CodecLMOptions) -> frozenset[str]:
    """Names of CodecLM's settings that the method of ``options`` has no use for; they are as they are by default."""
    if not isinstance(options, BaselineOptions):
        return frozenset()
    return frozenset(CodecLMOptions.__dataclass_fields__) - options.USES


def templates_for(options: CodecLMOptions, directory: Path | None) -> Mapping[str, Template]:
    """The prompts of the method that has these settings; ``directory`` may replace them, and those of other methods.

    Raises UsageError as ``load_templates`` does.
    """
    return load_templates(directory, PROMPTS[name_of(options)], every_prompt())


def every_prompt() -> Mapping[str, Template]:
    """The prompts of all methods, and that of the evaluation, by name."""
    evaluation = evaluation_template()
    named = {name: one for prompts in PROMPTS.values() for name, one in prompts.items()}
    return {**named, evaluation.name: evaluation}


def closest(name: Any) -> str:
    """A hint for a name that is none: the one that is meant, or all there are."""
    near = get_close_matches(str(name), OPTIONS, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(OPTIONS)}"
