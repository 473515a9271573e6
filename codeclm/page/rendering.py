"""Pages from templates: what others wrote is a value in them, escaped, and never markup."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from codeclm.printable import printable

__all__ = ["house_style", "render", "source_hash"]


def render(package: str, template: str, **values: Any) -> str:
    """The template of this name in ``package`` with ``values``; it may include others beside it."""

    def load(name: str) -> str:
        return files(package).joinpath(name).read_text("utf-8")

    environment = Environment(
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_shown,
        loader=FunctionLoader(load),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def house_style() -> str:
    """The style that all pages share."""
    return files("codeclm.page").joinpath("house.css").read_text("utf-8")


def source_hash(text: str) -> str:
    """What a content security policy calls the script or style ``text``."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _shown(value: object) -> object:
    """Controls and marks that turn the direction of text show as their escapes."""
    if type(value) is not str:
        return value
    return "\n".join(map(printable, value.split("\n")))
