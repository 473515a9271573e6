"""What an order comes to: checked, counted, and compared with what an earlier session stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codeclm.assembly import (
    check_budget,
    held_out_of,
    model_specs,
    tally_of,
    wanted_instructions,
)
from codeclm.errors import UsageError
from codeclm.held_out import NOTHING, HeldOut
from codeclm.llm.names import parse_model
from codeclm.llm.spec import check_spec, warnings_for
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.table import templates_for, unused
from codeclm.rundir import check_ours, read_settings
from codeclm.seeds import Tally
from codeclm.settings import OFF, ModelsSettings, Settings, difference, fingerprint
from codeclm.settings_file import MISSING_MODEL
from codeclm.sources import Source
from codeclm.stages.prompt import Template
from codeclm.version import __version__

__all__ = ["Order", "Plan", "make_plan", "templates_of"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and where. ``environ`` holds the keys, so it is never shown.

    ``rehearsal``: its models are simulated, so it shares no directory with a real run.
    """

    source: Source
    settings: Settings
    directory: Path
    retry_failed: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An order that was checked. ``tally`` is None where the length of the source is not known."""

    source: Source
    settings: Settings
    models: ModelsSettings
    templates: Mapping[str, Template]
    tally: Tally | None
    held_out: HeldOut = NOTHING
    retries: int = 0
    warnings: tuple[str, ...] = ()
    rehearsal: bool = False

    @property
    def to_run(self) -> Settings:
        """The settings with the draws that retries added: the first ones are in the cache, the new ones are not."""
        method = self.settings.method
        redraws = (method.redraws + 1) * (self.retries + 1) - 1
        return self.settings.model_copy(update={"method": replace(method, redraws=redraws)})

    @property
    def wanted(self) -> int:
        """Instructions that there are to be; 0 where that is not known."""
        return wanted_instructions(self.source, self.tally, self.settings)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models as events and summaries name them, each once."""
        names = (str(parse_model(spec.model)) for spec in model_specs(self.models))
        return tuple(dict.fromkeys(names))

    @property
    def goal(self) -> int | None:
        """Examples that are to be selected; None where instructions are counted."""
        return self.settings.method.selected

    @property
    def bad_lines(self) -> int:
        """Lines of the source that were passed over."""
        return self.tally.bad_lines if self.tally else 0

    def decisive(self) -> dict[str, Any]:
        """All that the dataset depends on, flat."""
        texts = {f"prompt.{name}": _sha256(one.text) for name, one in self.templates.items()}
        content = self.tally.content if self.tally else None
        excluding: dict[str, Any] = {}
        if self.held_out.contents:
            excluding = {
                "method.decontaminate": [*self.held_out.contents],
                "method.decontaminate_ngram": self.settings.method.decontaminate_ngram,
            }
        return {**self.settings.decisive(), "input": content, **excluding, **texts}

    def hash(self) -> str:
        """A digest of all that the dataset depends on."""
        return fingerprint(self.decisive())

    def record(self) -> dict[str, Any]:
        """What is stored beside the dataset; no secrets are in it."""
        return {
            "codeclm": __version__,
            "sha256": self.hash(),
            "settings": self.settings.stored(),
            "retries": self.retries,
            "input": {
                "source": str(getattr(self.source, "path", "a list")),
                "field": getattr(self.source, "field", None),
                "items": self.tally and self.tally.items,
                "bad_lines": self.bad_lines,
            },
            **({"rehearsal": True} if self.rehearsal else {}),
            "decisive": self.decisive(),
        }

    def after(self, stored: Mapping[str, Any]) -> Plan:
        """This plan as a continuation of the ``stored`` one: a larger total extends it.

        Raises UsageError, naming the difference, where the dataset would be another one.
        """
        plan = self._as_continuation_of(stored)
        old, new = stored["decisive"], plan.decisive()
        free = _may_be_raised(old, new)
        kept = {name: value for name, value in old.items() if name not in free}
        changed = difference(kept, {name: new[name] for name in new if name not in free})
        if changed:
            raise UsageError(
                f"it holds a run with other settings ({'; '.join(map(_readable, changed))}); "
                "run with the old ones, or give another -o"
            )
        return plan

    def equals(self, stored: Mapping[str, Any]) -> bool:
        """Whether the ``stored`` plan makes the same dataset."""
        return bool(self._as_continuation_of(stored).decisive() == stored["decisive"])

    def _as_continuation_of(self, stored: Mapping[str, Any]) -> Plan:
        """This plan with the totals and retries that the stored run was given before."""
        old = stored["decisive"]
        method = _as_before(self.settings.method, stored)
        name = "total" if method.selected is None else "selected"
        before = [*old.get("method.extends", ()), old.get(f"method.{name}")]
        if not (
            method.goal is None or method.extends or None in before or before[-1] > method.goal
        ):
            extends = tuple(one for one in before if one < method.goal)
            method = replace(method, extends=extends)
        settings = self.settings.model_copy(update={"method": method})
        return replace(self, settings=settings, retries=int(stored.get("retries") or 0))


def _may_be_raised(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """The settings that may differ because more is wanted than before."""
    names = [name for name in ("method.total", "method.selected") if name in new]
    rises = [(new[name] or 0) - (old.get(name) or 0) for name in names]
    before = all(old.get(name) for name in names)
    return {*names, "method.extends"} if before and min(rises) >= 0 < max(rises) else set()


def _as_before(method: CodecLMOptions, stored: Mapping[str, Any]) -> CodecLMOptions:
    """A run that began before there was a check goes on without, unless one is asked for that is not the default."""
    default, old = CodecLMOptions(), stored.get("settings", {}).get("method", {})
    off = {
        name: value
        for name, value in OFF.items()
        if name not in {*old, *unused(method)} and getattr(method, name) == getattr(default, name)
    }
    return replace(method, **off) if off else method


def make_plan(order: Order, *, to_run: bool = True) -> Plan:
    """Check all of ``order`` that can be checked without a call. Raises UsageError.

    Where it is not ``to_run``, its directory and its keys are not looked at.
    """
    if to_run:
        check_ours(order.directory)
        _check_kind(order)
    models = order.settings.models
    if models is None:
        raise UsageError(MISSING_MODEL.format(party="strong"))
    specs = model_specs(models)
    templates, tally = templates_of(order.settings), tally_of(order.source, order.settings)
    held_out = held_out_of(order.settings)
    for spec in specs if to_run else ():
        check_spec(spec, order.environ)
    check_budget(order.settings, specs)
    warnings = [line for spec in specs for line in warnings_for(spec, order.environ)]
    warnings += _about_spread(order.settings.method, tally)
    return Plan(
        order.source,
        order.settings,
        models,
        templates,
        tally,
        held_out,
        warnings=tuple(dict.fromkeys(warnings)),
        rehearsal=order.rehearsal,
    )


def _check_kind(order: Order) -> None:
    """Raises UsageError where a rehearsal would go on with a real run, or the reverse."""
    stored = read_settings(order.directory)
    if stored is not None and bool(stored.get("rehearsal")) != order.rehearsal:
        held, asked = ("a rehearsal", "a real run")[:: 1 - 2 * order.rehearsal]
        raise UsageError(
            f"{order.directory}: it holds {held}, and {asked} cannot go on with it; give another -o"
        )


def _about_spread(method: CodecLMOptions, tally: Tally | None) -> list[str]:
    if method.selected is None or tally is None or method.selected >= tally.items:
        return []
    return [
        f"{method.selected:,} examples of {tally.items:,} seeds or entries are made from the first of them, in "
        "their order; shuffle the file if that order means something"
    ]


def templates_of(settings: Settings) -> Mapping[str, Template]:
    """The prompts. Raises UsageError where one of the user's own would ignore what is set."""
    method = settings.method
    templates = templates_for(method, settings.prompts)
    given = {
        "language": method.language is not None,
        "use_cases": bool(method.use_cases),
        "skills": bool(method.allowed_skills),
        "scale": method.scale != type(method)().scale,
    }
    for template in templates.values():
        for name, is_given in given.items():
            if is_given and name in template.allows - template.used:
                raise UsageError(
                    f"{template.origin}: {name} is set, but this prompt has no {{{{ {name} }}}}"
                )
    return templates


def _readable(change: str) -> str:
    """A changed digest says nothing to a person; that there is a change does."""
    name = change.partition(":")[0]
    told_by_digest = name in ("input", "method.decontaminate") or name.startswith("prompt.")
    return f"{name} is another one" if told_by_digest else change


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
