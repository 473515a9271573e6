"""What is compared: each variant is one way to make a data set, a change to the configuration of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from codeclm.comparison.settings import CompareSettings, Group
from codeclm.errors import UsageError

__all__ = ["GROUPS", "Variant", "variants_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Variant:
    """``change`` goes over the configuration; ``seed_share`` of the seeds are used. ``title`` is for tables."""

    name: str
    title: str
    change: Mapping[str, Any] = field(default_factory=dict)
    seed_share: float = 1.0


def _method(name: str, title: str, **options: Any) -> Variant:
    return Variant(name, title, {"method": {"name": name, **options}})


_SELF_INSTRUCT = _method("self-instruct", "Self-Instruct")
_CODECLM = _method("codeclm", "CodecLM")

GROUPS: Mapping[Group, tuple[Variant, ...]] = {
    # The paper's main table.
    "methods": (
        _SELF_INSTRUCT,
        _method("alpagasus", "Alpagasus"),
        _method("tree-instruct", "Tree-Instruct"),
        _method("wizardlm", "WizardLM"),
        _method("wizardlm+", "WizardLM+"),
        _CODECLM,
    ),
    # Its ablation: none of the parts, then one more each time.
    "ablation": (
        Variant("self-instruct", "none", _SELF_INSTRUCT.change),
        Variant(
            "metadata",
            "+ metadata",
            {
                "method": {
                    "name": "codeclm",
                    "self_rubrics": False,
                    "contrastive_filtering": False,
                }
            },
        ),
        Variant(
            "self-rubrics",
            "+ Self-Rubrics",
            {"method": {"name": "codeclm", "contrastive_filtering": False}},
        ),
        Variant("codeclm", "+ Contrastive Filtering", _CODECLM.change),
    ),
    # How much of the metadata has to be matched, at equal size.
    "matching": (
        *(
            Variant(f"matching-{percent}", f"{percent} %", _CODECLM.change, percent / 100)
            for percent in (20, 40, 60, 80)
        ),
        Variant("codeclm", "100 %", _CODECLM.change),
    ),
}


def variants_of(settings: CompareSettings) -> dict[str, Variant]:
    """All that ``settings`` compares, each once, by name. Raises UsageError for a name that is no file's."""
    found = {variant.name: variant for variant in _listed(settings)}
    for name in found:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"compare.variants: {name!r} is no name for a directory; letters, digits, and . _ + - are"
            )
    return found


def _listed(settings: CompareSettings) -> Iterator[Variant]:
    for group in settings.groups:
        yield from GROUPS[group]
    for name, change in settings.variants.items():
        yield Variant(name, name, change)
