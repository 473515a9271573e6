"""The results as a page of HTML, alone or as a section of another page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from codeclm.evaluation.table import tables_of
from codeclm.printable import printable

__all__ = ["page", "section"]

TEMPLATE = "results.html.jinja"


def _shown(value: object) -> object:
    """Controls and marks that turn the direction of text show as their escapes."""
    return printable(value) if type(value) is str else value


# Names of candidates and categories are values here, and escaped.
_JINJA = Environment(undefined=StrictUndefined, autoescape=True, finalize=_shown)


def page(results: Sequence[Mapping[str, Any]]) -> str:
    """The page of evaluations, each as in results.json. It loads nothing from elsewhere."""
    return _rendered(results, alone=True)


def section(results: Sequence[Mapping[str, Any]]) -> str:
    """The same without head and style: markup to be put into another page."""
    return _rendered(results, alone=False)


def _rendered(results: Sequence[Mapping[str, Any]], *, alone: bool) -> str:
    template = files("codeclm.evaluation").joinpath(TEMPLATE).read_text("utf-8")
    return _JINJA.from_string(template).render(
        tables=tables_of(results), results=results, alone=alone
    )
