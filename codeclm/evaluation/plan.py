"""What an evaluation comes to: checked, counted, and compared with what an earlier session stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codeclm.assembly import spec_of, specs_of
from codeclm.errors import UsageError
from codeclm.evaluation.answers import Answers, read_answers
from codeclm.evaluation.settings import REFERENCE, AnswersSettings, EvaluationSettings
from codeclm.evaluation.test_sets import TestSet
from codeclm.llm.names import parse_model
from codeclm.llm.spec import ModelSpec, check_spec, identity, warnings_for
from codeclm.rundir import Kind, check_ours
from codeclm.settings import ModelSettings, difference, fingerprint
from codeclm.stages.prompt import Template
from codeclm.stages.templates import evaluation_template
from codeclm.version import __version__

__all__ = ["EVALUATION", "EvaluationOrder", "EvaluationPlan", "make_plan"]

EVALUATION = Kind("evaluation", ("judged", "failed"), ("failed",))


@dataclass(frozen=True, slots=True)
class EvaluationOrder:
    """What is to be evaluated, and where. ``environ`` holds the keys, so it is never shown."""

    test_set: TestSet
    settings: EvaluationSettings
    directory: Path
    retry_failed: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """An order that was checked. ``answers`` holds the files of answers by who responds."""

    test_set: TestSet
    settings: EvaluationSettings
    template: Template
    answers: Mapping[str, Answers]
    specs: tuple[ModelSpec, ...]
    retries: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def wanted(self) -> int:
        """Matches that there are to be."""
        return len(self.test_set.items) * len(self.settings.candidates)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models as events and summaries name them, each once."""
        return tuple(dict.fromkeys(str(parse_model(spec.model)) for spec in self.specs))

    @property
    def goal(self) -> None:
        """Nothing is selected."""
        return None

    @property
    def bad_lines(self) -> int:
        """A test set with a bad line is none."""
        return 0

    @property
    def redraws(self) -> int:
        """With those that retries added: the first ones are in the cache, the new ones are not."""
        return (self.settings.redraws + 1) * (self.retries + 1) - 1

    def decisive(self) -> dict[str, Any]:
        """All that the results depend on, flat."""
        settings = self.settings
        parties = {
            "reference": self._party(REFERENCE, settings.reference),
            "judge": [
                identity(spec_of(settings.judging)),
                settings.max_tokens_of(settings.judging),
                settings.judging.structured_output,
                settings.temperature_of_judge,
            ],
            **{
                f"candidate {name}": self._party(name, one)
                for name, one in settings.candidates.items()
            },
        }
        names = ("scale", "redraws", "on_cut_off")
        return {
            "test_set": self.test_set.content,
            "prompt.evaluate": hashlib.sha256(self.template.text.encode()).hexdigest(),
            **parties,
            **{name: getattr(settings, name) for name in names},
        }

    def hash(self) -> str:
        """A digest of all that the results depend on."""
        return fingerprint(self.decisive())

    def record(self) -> dict[str, Any]:
        """What is stored beside the results; no secrets are in it."""
        test_set = self.test_set
        return {
            "kind": EVALUATION.name,
            "codeclm": __version__,
            "sha256": self.hash(),
            "settings": self.settings.stored(),
            "retries": self.retries,
            "test_set": {
                "file": str(test_set.path),
                "name": test_set.name,
                "items": len(test_set.items),
                "categories": test_set.categories,
            },
            "decisive": self.decisive(),
        }

    def after(self, stored: Mapping[str, Any]) -> EvaluationPlan:
        """This plan as a continuation of the ``stored`` one, which may lack some of its candidates.

        Raises UsageError, naming the difference, where results would be others.
        """
        old, new = stored["decisive"], self.decisive()
        added = {name for name in new if name.startswith("candidate ") and name not in old}
        changed = difference(old, {name: new[name] for name in new if name not in added})
        if changed:
            names = ", ".join(one.partition(":")[0] for one in changed)
            raise UsageError(
                f"it holds an evaluation with other settings ({names} changed); "
                "evaluate with the old ones, or give another -o"
            )
        return replace(self, retries=int(stored.get("retries") or 0))

    def _party(self, name: str, settings: ModelSettings | AnswersSettings) -> list[Any]:
        if isinstance(settings, AnswersSettings):
            return ["answers", self.answers[name].content]
        own = self.settings
        sampling = (own.temperature_of(settings), own.max_tokens_of(settings))
        return [identity(spec_of(settings)), *sampling, own.system_prompt]


def make_plan(order: EvaluationOrder) -> EvaluationPlan:
    """Check all of ``order`` that can be checked without a call. Raises UsageError."""
    check_ours(order.directory, EVALUATION)
    settings, items = order.settings, order.test_set.items
    specs = tuple(specs_of(settings.models))
    for spec in specs:
        check_spec(spec, order.environ)
    template = evaluation_template(settings.prompts)
    if settings.scale != 10 and "scale" not in template.used:
        raise UsageError(f"{template.origin}: scale is set, but this prompt has no {{{{ scale }}}}")
    answers = {
        name: read_answers(party.answers, items)
        for name, party in settings.parties.items()
        if isinstance(party, AnswersSettings)
    }
    warnings = [line for spec in specs for line in warnings_for(spec, order.environ)]
    return EvaluationPlan(
        order.test_set, settings, template, answers, specs, warnings=tuple(dict.fromkeys(warnings))
    )
